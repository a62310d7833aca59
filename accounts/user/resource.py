"""What pages and API are built from: users."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.agency.models import granted_to
from accounts.group.services import groups_of
from accounts.policy.pages import policies_tab
from accounts.policy.services import attachments
from accounts.user.models import User
from core.actor import Actor
from core.registry import Column, InventoryGroup, Item, Panel, ResourceSpec, Verb, register


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


SPEC = register(
    ResourceSpec(
        model=User,
        slug="users",
        iam="iam:users",
        label=_("User"),
        label_plural=_("Users"),
        description=_("People and scripts that sign in to this account."),
        actions={
            "list": "listUsers",
            "get": "getUser",
            "create": "createUser",
            "update": "updateUser",
            "delete": "deleteUser",
        },
        icon="users",
        section="iam",
        order=10,
        empty_title=_("No users yet"),
        empty_text=_("Create users for the people of your team instead of sharing one password."),
        columns=(
            Column("name", _("Name"), _name, sort="name"),
            Column("state", _("State"), _state),
            Column("email", _("E-mail")),
            Column("last_login", _("Last sign-in")),
            Column("created_at", _("Created"), sort="created_at"),
        ),
        filters=("is_active",),
        search=("name", "email_digest", "description"),
        verbs=(
            Verb(
                "reset-password",
                "iam:users:resetPassword",
                _("Reset password"),
                "accounts.user.services.reset_password",
                icon="key",
                confirm=_(
                    "The user gets a temporary password, shown to you once, and must change it. "
                    "All sessions and API tokens of the user end."
                ),
                event="resetPassword",
            ),
            Verb(
                "disable",
                "iam:users:updateUser",
                _("Disable"),
                "accounts.user.services.disable",
                icon="user-off",
                tone="danger",
                idle=lambda user: not user.is_active,
                confirm=_(
                    "The user can do nothing any more, from the next request on. All sessions and "
                    "API tokens of the user end for good."
                ),
                event="disableUser",
            ),
            Verb(
                "enable",
                "iam:users:updateUser",
                _("Enable"),
                "accounts.user.services.enable",
                icon="user-check",
                idle=lambda user: user.is_active,
                confirm=_("The user may do again what policies allow."),
                event="enableUser",
            ),
            Verb(
                "end-sessions",
                "iam:users:endSessions",
                _("Sign out everywhere"),
                "accounts.user.services.end_sessions",
                icon="logout",
                confirm=_("All console sessions of this user end."),
                event="endSessions",
            ),
        ),
        tabs=(policies_tab(),),
        panels=panels,
        form="accounts.user.forms.UserForm",
        edit_form="accounts.user.forms.UserEditForm",
        viewset="accounts.user.api.UserViewSet",
        services="accounts.user.services",
        changes_rights=True,
        inventory="accounts.user.resource.inventory",
        events={
            "create": "createUser",
            "update": "updateUser",
            "delete": "deleteUser",
        },
        quota=("users", 200),
        regional=False,
        views={
            "create": "accounts.user.pages.UserCreatePage",
            "verb": "accounts.user.pages.UserVerbPage",
            "extra:attach": "accounts.policy.pages.AttachPage",
            "extra:detach": "accounts.policy.pages.DetachPage",
        },
    )
)
