"""Forms of users."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.group.models import Group
from console.forms import Fieldset, ModelChoices, NamedForm
from core import access


class UserEditForm(NamedForm):
    """Name, text, e-mail."""

    email = forms.EmailField(label=_("E-mail"), required=False, max_length=254)


class UserForm(UserEditForm):
    """A new user. The password is not chosen: a temporary one is shown after creating."""

    groups = ModelChoices(
        max_length=20,
        queryset=Group._base_manager.none(),
        label=_("Groups"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("A group brings its policies. Without any policy a user can do nothing."),
    )

    FIELDSETS: ClassVar[tuple[Fieldset, ...]] = (
        (
            _("User"),
            _("A temporary password is shown once after creating. The user must change it."),
            ("name", "email", "description"),
        ),
        (_("Rights"), "", ("groups",)),
    )

    def setup(self) -> None:
        field: Any = self.fields["groups"]
        if access.decide(self.actor, "iam:groups:addUser").allowed:
            field.queryset = Group.objects.for_action(self.actor, "list").order_by("name")
        else:
            del self.fields["groups"]
