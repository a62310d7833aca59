"""What pages show of users."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.agency.models import granted_to
from accounts.group.services import groups_of
from accounts.policy.pages import AttachPage, DetachPage, policies_tab
from accounts.policy.services import attachments
from accounts.user.api import UserViewSet
from accounts.user.forms import UserEditForm, UserForm
from accounts.user.models import User
from accounts.user.pages import UserCreatePage, UserVerbPage
from console import screens
from console.screens import Button, Column, Item, Panel, Screen
from core.actor import Actor
from core.registry import InventoryGroup


def _state(user: User) -> Any:
    if not user.is_active:
        return _("disabled")
    return _("must change the password") if user.must_change_password else _("active")


def _name(user: User) -> SafeString | str:
    if not user.is_root:
        return user.name
    return format_html("{} <span class='badge'>{}</span>", user.name, _("main account"))


def panels(user: User, _actor: Actor) -> list[Panel]:
    """State, sign-in and groups."""
    groups = ", ".join(g.name for g in groups_of(user)) or _("none")
    return [
        Panel(
            _("User"),
            (
                Item(_("State"), _state(user)),
                Item(_("E-mail"), user.email or "–"),
                Item(_("Last sign-in"), user.last_login or _("never")),
                Item(_("Password changed"), user.password_changed_at or "–"),
                Item(_("Groups"), groups),
            ),
            icon="user",
        )
    ]


def inventory(_actor: Actor, user: User) -> list[InventoryGroup]:
    """What ends with a user, and the agencies that have to be given to another one first."""
    found = []
    if agencies := granted_to(user.pk):
        items = tuple((a.name, reverse("agencies:detail", kwargs={"pk": a.pk})) for a in agencies)
        found.append(InventoryGroup(_("Agencies granted to this user alone"), items, "danger"))
    tokens = user.api_tokens.filter(kind="user", revoked_at=None)
    if tokens:
        found.append(
            InventoryGroup(_("API tokens that stop working"), tuple((str(t), "") for t in tokens))
        )
    if groups := list(groups_of(user)):
        items = tuple((g.name, reverse("groups:detail", kwargs={"pk": g.pk})) for g in groups)
        found.append(InventoryGroup(_("Groups that lose this user"), items, severity="info"))
    attached = attachments(user)
    if attached:
        found.append(
            InventoryGroup(
                _("Policies that are detached"),
                tuple((a.policy_name, "") for a in attached),
                severity="info",
            )
        )
    return found


screens.register(
    Screen(
        model=User,
        description=_("People and scripts that sign in to this account."),
        icon="users",
        empty_title=_("No users yet"),
        empty_text=_("Create users for the people of your team instead of sharing one password."),
        columns=(
            Column("name", _("Name"), _name, sort="name"),
            Column("state", _("State"), _state),
            Column("email", _("E-mail")),
            Column("last_login", _("Last sign-in")),
            Column("created_at", _("Created"), sort="created_at"),
        ),
        buttons={
            "reset-password": Button(
                icon="key",
                confirm=_(
                    "The user gets a temporary password, shown to you once, and must change it. "
                    "All sessions and API tokens of the user end."
                ),
            ),
            "disable": Button(
                icon="user-off",
                tone="danger",
                confirm=_(
                    "The user can do nothing any more, from the next request on. All sessions and "
                    "API tokens of the user end for good."
                ),
            ),
            "enable": Button(
                icon="user-check",
                confirm=_("The user may do again what policies allow."),
            ),
            "end-sessions": Button(
                icon="logout",
                confirm=_("All console sessions of this user end."),
            ),
        },
        tabs=(policies_tab(),),
        panels=panels,
        form=UserForm,
        edit_form=UserEditForm,
        viewset=UserViewSet,
        inventory=inventory,
        views={
            "create": UserCreatePage,
            "verb": UserVerbPage,
            "extra:attach": AttachPage,
            "extra:detach": DetachPage,
        },
    )
)
