"""Pages of buckets beside the generic ones."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.pages.base import ResourcePage
from core import rules
from core.codes import told
from core.errors import AccessDenied, AppError, NotAuthenticated, NotFound, ValidationFailed
from storage import messages as sentences
from storage.keys import normalise_key
from storage.object import services as objects

MAX_CHOSEN = 100  # objects of one page


class RemovePage(ResourcePage):
    """Delete the chosen objects of a folder (POST ``key``, repeated)."""

    verbs: ClassVar = {"post": f"{rules.WITHIN}obs:object:DeleteObject"}

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        bucket = self.obj
        # A key that breaks the rule of keys names no object: nothing is deleted, and that is told.
        keys = [normalise_key(key) for key in request.POST.getlist("key")[:MAX_CHOSEN]]
        if not keys:
            raise ValidationFailed.of("key", sentences.NOTHING_CHOSEN())
        removed = 0
        for key in keys:
            try:
                objects.delete_object(self.actor, bucket.name, key)
                removed += 1
            except NotAuthenticated:
                raise
            except AccessDenied as error:
                if len(keys) == 1:
                    raise
                messages.error(request, f"{key}: {told(error.message)}")
            except NotFound:
                messages.warning(request, _("“%(key)s” is gone already.") % {"key": key})
            except AppError as error:
                messages.error(request, error.told())
        if removed:
            text = ngettext("%(n)d object was deleted.", "%(n)d objects were deleted.", removed)
            messages.success(request, text % {"n": removed})
        prefix = request.POST.get("prefix", "")
        here = reverse("buckets:tab", kwargs={"pk": bucket.pk, "tab": "objects"})
        return HttpResponseRedirect(f"{here}?{urlencode({'prefix': prefix})}")
