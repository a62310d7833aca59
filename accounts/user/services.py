"""The sole writers of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import F, ProtectedError
from django.utils import timezone

from accounts import facts, messages
from accounts.account.services import TEMPORARY_FOR
from accounts.agency.models import granted_to
from accounts.group import services as groups
from accounts.group.models import Group
from accounts.session import services as sessions
from accounts.signin import passwords
from accounts.signin.services import set_password
from accounts.token import services as tokens
from accounts.user import contact
from accounts.user.models import User
from core import access, services
from core.actor import Actor
from core.codes import Code, joined, label
from core.errors import Conflict
from core.text import english


def create(actor: Actor, data: Mapping[str, Any]) -> User:
    """A user with a temporary password, which is on ``initial_password`` of the result, this once.

    A password is never chosen for another user. ``data["groups"]`` are groups to join.

    Raises:
        AccessDenied: also when every user of the account may by default do what the actor may not,
            or a group gives what the actor does not hold.
        ValidationFailed, QuotaExceeded, Conflict.
    """
    user = User(
        name=data["name"],
        description=data.get("description", ""),
        tags=data.get("tags", {}),
    )
    user.email = data.get("email", "")
    password = passwords.temporary()
    user.set_unusable_password()

    def finish(made: User) -> None:
        set_password(made, password, must_change=True, expires_in=TEMPORARY_FOR)

    with access.writing(actor, changes=(actor.account_id,)):
        user = services.create(actor, user, after_save=finish)
        for group in data.get("groups") or ():
            groups.add_member(actor, _group(actor, group), user)
    user.initial_password = password  # type: ignore[attr-defined]
    return user


def update(
    actor: Actor, user: User, data: Mapping[str, Any], *, expected_version: int | None = None
) -> User:
    """Change name, text, e-mail or tags. The root user keeps the account's name.

    Raises:
        AccessDenied: also when another name would change whom a policy means, or the user may do
            what the actor does not hold.
    """
    changes = {k: data[k] for k in ("name", "description", "tags") if k in data}
    if "email" in data:
        changes |= contact.columns(user.pk, data["email"])
    if user.is_root and changes.get("name", user.name) != user.name:
        raise Conflict(messages.ROOT_NAME())
    with services.holding(actor, user):
        user = services.update(actor, user, changes, expected_version=expected_version)
        facts.bump(user.account_id)
    return user


def delete(actor: Actor, user: User, *, expected_version: int | None = None) -> None:
    """Delete a user with sessions, tokens, memberships and attachments.

    Raises:
        Conflict: the root user, oneself, a user to whom an agency in force is granted (IN_USE), or
            whose things others still need. Agencies that are over go with the user.
    """
    _not_root(user, messages.ROOT_NOT_DELETED)
    if user.pk == actor.user_id:
        raise Conflict(messages.DELETE_ONESELF())

    def clear(row: User) -> None:
        for agency in granted_to(row.pk):
            raise Conflict(messages.AGENCY_OF_USER(agency=agency.name, row=row.name))
        sessions.end_all(row)
        facts.bump(row.account_id)

    try:
        services.delete(actor, user, expected_version=expected_version, before_delete=clear)
    except ProtectedError as error:
        kinds = {english(o._meta.verbose_name): o._meta for o in error.protected_objects}
        names = joined((label(kinds[kind].verbose_name) for kind in sorted(kinds)), ", ")
        raise Conflict(messages.USER_STILL_NEEDED(user=user.name, names=names)) from None


def reset_password(actor: Actor, user: User, _data: Mapping[str, Any]) -> User:
    """Verb handler: a new temporary password (on ``initial_password``, this once); every session
    and API token of the user ends.

    Raises:
        AccessDenied: the user holds more than the actor, who would thereby take it.
    """
    password = passwords.temporary()
    set_password(user, password, must_change=True, expires_in=TEMPORARY_FOR)
    sessions.end_all(user)
    tokens.revoke_all(user)
    _touch(user)
    user.initial_password = password  # type: ignore[attr-defined]
    return user


def disable(actor: Actor, user: User, _data: Mapping[str, Any]) -> User:
    """Verb handler: the user can do nothing from the next request on. Sessions and API tokens end
    for good; enabling the user again does not bring them back."""
    _not_root(user, messages.ROOT_NOT_DISABLED)
    if user.pk == actor.user_id:
        raise Conflict(messages.DISABLE_ONESELF())
    sessions.end_all(user)
    tokens.revoke_all(user)
    _touch(user, is_active=False)
    return user


def enable(actor: Actor, user: User, _data: Mapping[str, Any]) -> User:
    """Verb handler: the user may sign in again, with the rights they have now and without the
    sessions and tokens from before.

    Raises:
        AccessDenied: the user may do what the actor does not hold.
    """
    sessions.end_all(user)
    tokens.revoke_all(user)
    _touch(user, is_active=True)
    return user


def end_sessions(actor: Actor, user: User, _data: Mapping[str, Any]) -> User:
    """Verb handler: sign the user out everywhere."""
    sessions.end_all(user)
    return user


def _touch(user: User, **values: Any) -> None:
    rows = User.objects.unscoped("verb on a locked user").filter(pk=user.pk)
    rows.update(version=F("version") + 1, updated_at=timezone.now(), **values)
    facts.bump(user.account_id)
    user.refresh_from_db()


def _not_root(user: User, said: Code) -> None:
    if user.is_root:
        raise Conflict(said())


def _group(actor: Actor, group: Any) -> Group:
    if isinstance(group, Group):
        return group
    return services.visible(Group, actor, pk=group)
