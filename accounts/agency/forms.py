"""Forms of agencies."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.agency.models import MAX_DAYS, Agency
from accounts.policy.services import choices
from accounts.user.models import User
from console.choices import Rows, SearchChoiceField
from console.forms import Choices, Fieldset, NamedForm
from core.models.resource import validate_name


class AgencyEditForm(NamedForm):
    """For whom and until when; a change of the duration counts from now."""

    name = forms.CharField(
        label=_("Name"), max_length=64, validators=[validate_name], required=False
    )
    grantee = SearchChoiceField(
        label=_("User"),
        required=False,
        empty=_("All users, including those made later"),
    )
    duration = forms.ChoiceField(
        label=pgettext_lazy("agency", "Duration"), choices=Agency.Duration.choices
    )
    days = forms.IntegerField(
        label=_("Days"),
        min_value=1,
        max_value=MAX_DAYS,
        required=False,
        help_text=_("1 to 365, for the duration “a number of days”."),
    )

    FIELDSETS: ClassVar[tuple[Fieldset, ...]] = (
        (_("Agency"), "", ("name", "description")),
        (_("Delegation"), "", ("grantee", "duration", "days", "policies")),
    )

    def setup(self) -> None:
        field = self.fields["grantee"]
        assert isinstance(field, SearchChoiceField)  # declared above
        field.fill(Rows(User.objects.own(self.actor, "list"), order="name"))

    def initial_from(self, instance: Agency) -> dict[str, Any]:
        return {**super().initial_from(instance), "grantee": instance.grantee_id}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if (data.get("duration") == Agency.Duration.DAYS) != (data.get("days") is not None):
            self.add_error(
                "days", _("Give the days with the duration “a number of days”, else none.")
            )
        return data

    def data_for_service(self) -> dict[str, Any]:
        data = super().data_for_service()
        data["grantee"] = data["grantee"] or None
        if self.instance is not None and all(
            data[k] == getattr(self.instance, k) for k in ("duration", "days")
        ):
            del data["duration"], data["days"]  # saving another field must not prolong the agency
        if self.instance is not None and not data["name"]:
            del data["name"]
        return data


class AgencyForm(AgencyEditForm):
    """A new agency with its policies."""

    name = forms.CharField(
        label=_("Name"),
        max_length=64,
        validators=[validate_name],
        required=False,
        help_text=_("Empty: modelarts_agency_ with the user's name and random letters."),
    )
    policies = Choices(
        max_length=20,
        label=_("Policies"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        initial=["ModelArts CommonOperations", "OBS OperateAccess"],
        help_text=_("What background work may do, at most; the user must hold the right as well."),
    )

    def setup(self) -> None:
        super().setup()
        field: Any = self.fields["policies"]
        field.choices = choices(self.actor)
