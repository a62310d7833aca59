"""Pages of users that show a temporary password once."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from accounts.user.models import User
from console import once
from console.pages.act import VerbPage
from console.pages.form import CreatePage
from core import services as core_services
from core.errors import AccessDenied, AppError, NotAuthenticated, NotFound


def show_once(page: CreatePage | VerbPage, user: User, password: str) -> HttpResponse:
    """The temporary password; the page is never stored and cannot be opened again."""
    return page.render(
        "accounts/user/password_once.html",
        {
            "title": user.name,
            "spec": page.spec,
            "object": user,
            "password": password,
            "account": page.actor.account_name,
            "detail_url": page.url("detail", pk=user.pk),
        },
        status=201 if isinstance(page, CreatePage) else 200,
    )


class UserCreatePage(CreatePage):
    """Answers a create with the password instead of a redirect: there is no second look."""

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form(data=request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            user, url = once.run(
                self.actor,
                self.spec.slug,
                form.cleaned_data.get("once") or "",
                lambda: self.spec.services.create(self.actor, form.data_for_service()),
                self.created_url,
            )
        except (AccessDenied, NotAuthenticated, NotFound):
            raise
        except AppError as error:
            form.add_app_error(error)
            return self.show(form, status=error.status)
        if user is None:
            messages.warning(
                request,
                _(
                    "The form was sent twice and made one user. The temporary password was in the "
                    "first answer; if you did not see it, reset the password."
                ),
            )
            return HttpResponseRedirect(url)
        return show_once(self, user, user.initial_password)


class UserVerbPage(VerbPage):
    """As the generic page, but a reset password is shown."""

    def post(self, request: HttpRequest, pk: Any, verb: str) -> HttpResponse:
        if verb != "reset-password":
            return super().post(request, pk, verb)
        user = core_services.perform(self.actor, self.obj, verb, {})
        return show_once(self, user, user.initial_password)
