"""Adding and removing members on the page of a group."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from accounts.group import services
from accounts.group.forms import MemberForm
from accounts.user.models import User
from console.pages.base import ResourcePage
from console.pages.choices import NAME, search
from core import access
from core.errors import AccessDenied, AppError, NotAuthenticated, NotFound
from core.services import visible


class MembersPage(ResourcePage):
    """POST ``add`` with what names a user, or ``remove`` with an id; GET searches in the field."""

    verb = "get"

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        group = self.object(pk)
        if NAME not in request.GET:
            return HttpResponseRedirect(self.url("tab", pk=group.pk, tab="members"))
        access.authorize(self.actor, services.ADD, group)
        return search(request, MemberForm(actor=self.actor, instance=group))

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        group = self.object(pk)
        adding = "add" in request.POST
        key = request.POST.get("remove", "")
        if adding:
            access.authorize(self.actor, services.ADD, group)
            form = MemberForm(request.POST, actor=self.actor, instance=group)
            if not form.is_valid():
                messages.error(request, form.problems()[0]["text"])
                return HttpResponseRedirect(self.url("tab", pk=group.pk, tab="members"))
            key = form.cleaned_data["add"]
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
