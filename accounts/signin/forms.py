"""Forms of sign-in, set-up and one's own password. Nothing trims or limits a password unseen."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.signin.passwords import MIN_LENGTH
from core.errors import AppError


def _hint() -> str:
    return gettext(
        "At least %(n)d characters, any kind, blanks too. "
        "A sentence is easier to remember than signs."
    ) % {"n": MIN_LENGTH}


#: in the language of the reader: ``%`` on a lazy text would settle it at import
HINT = lazy(_hint, str)()


def password_field(label: Any, autocomplete: str, help_text: Any = "") -> forms.CharField:
    """A password input that password managers understand; pasting works."""
    return forms.CharField(
        label=label,
        max_length=1024,
        strip=False,
        help_text=help_text,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


class ProblemForm(forms.Form):
    """Shows application errors beside the fields they name."""

    def add_app_error(self, error: AppError) -> None:
        for problem in error.problems:
            name = problem.field if problem.field in self.fields else None
            self.add_error(name, problem.told())
        if not error.problems:
            self.add_error(None, error.told())


class SecretForm(ProblemForm):
    """Makes something whose secret is shown once; ``once`` makes a double submit one submit."""

    once = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["once"].initial = uuid.uuid4().hex


class SignInForm(ProblemForm):
    """Account, user, password; the user is left empty for the main account."""

    account = forms.CharField(
        label=_("Account name or id"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autofocus": True}),
    )
    user = forms.CharField(
        label=_("User name"),
        max_length=64,
        required=False,
        help_text=_("Leave empty to sign in as the main account."),
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    password = password_field(_("Password"), "current-password")


class NewPasswordForm(ProblemForm):
    """Present password, new one, and the new one again."""

    old = password_field(_("Present password"), "current-password")
    new = password_field(_("New password"), "new-password", HINT)
    again = password_field(_("New password again"), "new-password")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("new") and data.get("again") and data["new"] != data["again"]:
            self.add_error("again", _("The two new passwords differ."))
        return data


class SetUpForm(ProblemForm):
    """The first account."""

    setup_token = forms.CharField(
        label=_("Set-up token"),
        max_length=128,
        help_text=_("Printed by ./run, and by “manage.py setup_link”."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "data-setup-token": True}),
    )
    account_name = forms.CharField(
        label=_("Account name"),
        max_length=64,
        help_text=_("4 to 64 letters, digits, “_” or “-”, starting with a letter."),
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    password = password_field(_("Password"), "new-password", HINT)
    again = password_field(_("Password again"), "new-password")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("password") and data.get("again") and data["password"] != data["again"]:
            self.add_error("again", _("The two passwords differ."))
        return data


class TokenForm(SecretForm):
    """A new API token."""

    name = forms.CharField(label=_("Name"), max_length=64, help_text=_("What it is for."))
    days = forms.TypedChoiceField(
        label=_("Valid for"),
        coerce=int,
        initial=90,
        choices=[(7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("365 days"))],
    )
