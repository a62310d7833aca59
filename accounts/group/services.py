"""The sole writers of groups and their members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts import facts, messages
from accounts.group.models import Group, Membership
from accounts.user.models import User
from core import access, audit, services
from core.actor import Actor
from core.errors import Conflict, NotFound

ADD = "iam:groups:addUser"
REMOVE = "iam:groups:removeUser"


def create(actor: Actor, data: Mapping[str, Any]) -> Group:
    """A group without members."""
    group = Group(
        name=data["name"], description=data.get("description", ""), tags=data.get("tags", {})
    )
    return services.create(actor, group)


def update(
    actor: Actor, group: Group, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Group:
    """Change name or text."""
    changes = {k: data[k] for k in ("name", "description", "tags") if k in data}
    return services.update(actor, group, changes, expected_version=expected_version)


def delete(actor: Actor, group: Group, *, expected_version: int | None = None) -> None:
    """Delete a group; on the next request its members lose what it gave them, and gain what it
    denied them.

    Raises:
        AccessDenied: also when a Deny ends with it and the actor does not hold what it denies.
    """
    services.delete(
        actor,
        group,
        expected_version=expected_version,
        before_delete=lambda g: facts.bump(g.account_id),
    )


def add_member(actor: Actor, group: Group, user: User) -> None:
    """Put a user into a group. Twice is once.

    Raises:
        AccessDenied: also when the group gives what the actor does not hold.
        NotFound: another account's user. Conflict: the root user.
    """
    _same_account(actor, group, user)
    with services.holding(actor, group):
        user, group = services.lock(user), services.lock(group)
        decision = access.authorize(actor, ADD, group)
        if user.is_root:
            raise Conflict(messages.ROOT_IN_NO_GROUP())
        _row, made = Membership.objects.get_or_create(group=group, user=user)
        if made:
            _changed(actor, "addUserToGroup", ADD, group, user, decision.id)


def remove_member(actor: Actor, group: Group, user: User) -> None:
    """Take a user out of a group; nothing happens where they are not in it.

    Raises:
        AccessDenied: also when the group denies what the actor does not hold.
        NotFound: another account's user.
    """
    _same_account(actor, group, user)
    with services.holding(actor, group):
        user, group = services.lock(user), services.lock(group)
        decision = access.authorize(actor, REMOVE, group)
        gone, _kinds = Membership.objects.filter(group=group, user=user).delete()
        if gone:
            _changed(actor, "removeUserFromGroup", REMOVE, group, user, decision.id)


def members(group: Group) -> list[User]:
    """The users of a group by name."""
    rows = User.objects.unscoped("members of a visible group").filter(memberships__group=group)
    return list(rows.order_by("name"))


def groups_of(user: User) -> list[Group]:
    """The groups a user is in, by name."""
    rows = Group.objects.unscoped("groups of a visible user").filter(memberships__user=user)
    return list(rows.order_by("name"))


def _same_account(actor: Actor, group: Group, user: User) -> None:
    if group.account_id != actor.account_id or user.account_id != actor.account_id:
        raise NotFound()


def _changed(
    actor: Actor, event: str, action: str, group: Group, user: User, decision_id: str
) -> None:
    facts.bump(group.account_id)
    audit.record(
        actor,
        event=event,
        action=action,
        target=group,
        decision_id=decision_id,
        after={"user": user.name},
    )
