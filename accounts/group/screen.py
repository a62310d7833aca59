"""What pages show of groups."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.group import services
from accounts.group.api import GroupViewSet
from accounts.group.forms import MemberForm
from accounts.group.models import Group, Membership
from accounts.group.pages import AddMemberPage, RemoveMemberPage
from accounts.policy import impact
from accounts.policy.models import PolicyAttachment
from accounts.policy.pages import AttachPage, DetachPage, policies_tab
from console import screens
from console.forms import NamedForm
from console.pages.base import off, why_held_back
from console.screens import Column, Screen, Tab
from core import access
from core.actor import Actor
from core.registry import InventoryGroup


def _members(request: HttpRequest, group: Group) -> dict[str, Any]:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    there = services.members(group)
    add = access.decide(actor, services.ADD, group)
    remove = access.decide(actor, services.REMOVE, group)
    return {
        "members": there,
        "form": MemberForm(actor=actor, instance=group) if add.allowed else None,
        "can_add": add.allowed,
        "can_remove": remove.allowed,
        "add_why_not": why_held_back(add),
        "remove_off": off(gettext("Remove"), "user-minus", why_held_back(remove)),
        "add_url": reverse("groups:add-member", kwargs={"pk": group.pk}),
        "remove_url": reverse("groups:remove-member", kwargs={"pk": group.pk}),
    }


def inventory(_actor: Actor, group: Group) -> list[InventoryGroup]:
    """Who loses and who gains rights when the group is deleted."""
    found = impact.inventory(PolicyAttachment.objects.filter(group=group))
    if there := services.members(group):
        items = tuple((user.name, "") for user in there)
        found = [InventoryGroup(_("Members of the group"), items, severity="info"), *found]
    return found


screens.register(
    Screen(
        model=Group,
        description=_("Users that get the same policies."),
        icon="users-group",
        empty_title=_("No groups yet"),
        empty_text=_("Give policies to groups rather than to single users: one place to change."),
        columns=(
            Column("name", _("Name"), sort="name"),
            Column("description", _("Description")),
            Column("created_at", _("Created"), sort="created_at"),
        ),
        tabs=(
            Tab(
                "members",
                _("Members"),
                "accounts/tabs/members.html",
                _members,
                count=lambda g: Membership.objects.filter(group=g).count(),
            ),
            policies_tab(),
        ),
        form=NamedForm,
        viewset=GroupViewSet,
        inventory=inventory,
        views={
            "extra:add-member": AddMemberPage,
            "extra:remove-member": RemoveMemberPage,
            "extra:attach": AttachPage,
            "extra:detach": DetachPage,
        },
    )
)
