"""The form that adds a member to a group."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.user.models import User
from console.choices import Rows, SearchChoiceField
from console.forms import ResourceForm


class MemberForm(ResourceForm):
    """A user of the account who is not in the group (``instance``) yet."""

    add = SearchChoiceField(label=_("Add a user"), passed_on=True)

    def setup(self) -> None:
        users = User.objects.for_action(self.actor, "list").filter(is_root=False)
        field = self.fields["add"]
        assert isinstance(field, SearchChoiceField)  # declared above
        field.fill(Rows(users.exclude(memberships__group=self.instance), order="name"))

    def initial_from(self, instance: Any) -> dict[str, Any]:
        """Nothing: who joins is chosen."""
        return {}
