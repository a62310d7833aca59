"""Adding and removing members on the page of a group."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from accounts.group import services
from accounts.group.forms import MemberForm
from accounts.user.models import User
from console.pages.base import ResourcePage
from console.pages.choices import NAME, search
from core.errors import (
    AccessDenied,
    AppError,
    NotAuthenticated,
    NotFound,
    ValidationFailed,
)
from core.services import visible


class MemberPage(ResourcePage):
    """Does one thing to a user and the group, and goes back to the tab."""

    abstract = True

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        try:
            messages.success(request, self.act(request))
        except (AccessDenied, NotAuthenticated, NotFound):
            raise
        except AppError as error:
            messages.error(request, error.told())
        return self.back()

    def act(self, request: HttpRequest) -> str:
        """Do it; what was done, as a sentence. Raises AppError."""
        raise NotImplementedError

    def back(self) -> HttpResponse:
        return HttpResponseRedirect(self.url("tab", pk=self.obj.pk, tab="members"))


class AddMemberPage(MemberPage):
    """POST ``add`` with what names a user; GET searches in the field."""

    verbs: ClassVar = {"get": services.ADD, "post": services.ADD}

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        if NAME not in request.GET:
            return self.back()
        return search(request, MemberForm(actor=self.actor, instance=self.obj))

    def act(self, request: HttpRequest) -> str:
        form = MemberForm(request.POST, actor=self.actor, instance=self.obj)
        if not form.is_valid():
            raise ValidationFailed.of("add", form.problems()[0]["text"])
        user = visible(User, self.actor, pk=form.cleaned_data["add"])
        services.add_member(self.actor, self.obj, user)
        return _("“%(name)s” was added.") % {"name": user.name}


class RemoveMemberPage(MemberPage):
    """POST ``user``: take them out of the group."""

    verbs: ClassVar = {"post": services.REMOVE}

    def act(self, request: HttpRequest) -> str:
        user = visible(User, self.actor, pk=request.POST.get("user", ""))
        services.remove_member(self.actor, self.obj, user)
        return _("“%(name)s” was removed.") % {"name": user.name}
