"""Accounts of the installation, for its operator."""

from __future__ import annotations

from typing import ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.account import preview, services
from accounts.account.models import Account
from accounts.signin.forms import SecretForm
from console import once
from console.pages.act import inventory_context, type_it, typed
from console.pages.base import Page
from core.errors import AccessDenied, AppError, NotFound
from core.shell import NavLink, add_link


class AccountForm(SecretForm):
    """A new account."""

    name = forms.CharField(
        label=gettext_lazy("Account name"),
        max_length=64,
        help_text=gettext_lazy("4 to 64 letters, digits, “_” or “-”, starting with a letter."),
    )


class AccountsPage(Page):
    """List and create. The root user's temporary password is shown once."""

    actions: ClassVar = {
        "get": "iam:accounts:listAccounts",
        "post": "iam:accounts:createAccount",
    }

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(AccountForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AccountForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            made, url = once.run(
                self.actor,
                "accounts",
                form.cleaned_data["once"],
                lambda: services.create_account(self.actor, form.cleaned_data["name"]),
                lambda _made: reverse("accounts:accounts"),
            )
        except AccessDenied:
            raise
        except AppError as error:
            form.add_app_error(error)
            return self.show(form, status=error.status)
        if made is None:
            messages.warning(
                request,
                _(
                    "The form was sent twice and made one account. Its temporary password was in "
                    "the first answer."
                ),
            )
            return HttpResponseRedirect(url)
        return self.show(AccountForm(), made=made, status=201)

    def show(
        self, form: AccountForm, *, made: tuple[object, str] | None = None, status: int = 200
    ) -> HttpResponse:
        return self.render(
            "accounts/account/list.html",
            {
                "title": _("Accounts"),
                "form": form,
                "accounts": services.all_accounts(self.actor),
                "made": made[0] if made else None,
                "password": made[1] if made else "",
            },
            status=status,
        )


SUSPEND = "iam:accounts:suspendAccount"


class AccountStatePage(Page):
    """GET asks before an account is suspended; POST ``active`` = on or off."""

    actions: ClassVar = {"get": SUSPEND, "post": SUSPEND}

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        return self.show(services.account_of(self.actor, pk))

    def show(self, account: Account, problem: str = "", status: int = 200) -> HttpResponse:
        return self.render(
            "generic/confirm.html",
            {
                "title": _("Suspend account %(name)s") % {"name": account.name},
                "lead": _(
                    "Its users can do nothing until you resume it. Nothing of it is deleted."
                ),
                "icon": "player-pause",
                "inventory": [inventory_context(one) for one in preview.suspension(account)],
                "typed": account.name,
                "typed_so_far": self.request.POST.get("typed", ""),
                "problem": problem,
                "confirm_name": "active",
                "confirm_value": "off",
                "submit_label": _("Suspend"),
                "cancel_url": reverse("accounts:accounts"),
                "tone": "danger",
            },
            status=status,
        )

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        active = request.POST.get("active") == "on"
        if not active:
            account = services.account_of(self.actor, pk)
            if not typed(request, account.name):
                return self.show(account, type_it(), status=400)
        try:
            account = services.set_active(self.actor, pk, active)
        except (AccessDenied, NotFound):
            raise
        except AppError as error:
            messages.error(request, error.told())
        else:
            text = _("“%(name)s” was resumed.") if active else _("“%(name)s” was suspended.")
            messages.success(request, text % {"name": account.name})
        return HttpResponseRedirect(reverse("accounts:accounts"))


add_link(
    NavLink(
        "iam",
        gettext_lazy("Accounts"),
        "accounts:accounts",
        "building",
        action="iam:accounts:listAccounts",
        order=90,
    )
)
