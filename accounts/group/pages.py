"""Adding and removing members on the page of a group."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from accounts.group import services
from accounts.user.models import User
from console.pages.base import ResourcePage
from core.errors import AccessDenied, AppError, NotAuthenticated, NotFound
from core.services import visible


class MembersPage(ResourcePage):
    """POST ``add`` or ``remove`` with a user's id."""

    verb = "get"

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        group = self.object(pk)
        adding = "add" in request.POST
        key = request.POST.get("add") or request.POST.get("remove") or ""
        user = visible(User, self.actor, pk=key)
        try:
            (services.add_member if adding else services.remove_member)(self.actor, group, user)
        except (AccessDenied, NotAuthenticated, NotFound):
            raise
        except AppError as error:
            messages.error(request, f"{error.message} {error.hint}".strip())
        else:
            text = _("“%(name)s” was added.") if adding else _("“%(name)s” was removed.")
            messages.success(request, text % {"name": user.name})
        return HttpResponseRedirect(self.url("tab", pk=group.pk, tab="members"))
