"""Short ways to the rows that access tests need. They write rows as services would, unasked."""

from __future__ import annotations

import itertools
from typing import Any

from django.db import transaction

from accounts import facts
from accounts.account.models import Account
from accounts.account.services import make as make_account
from accounts.actors import actor_of
from accounts.agency.models import Agency
from accounts.group.models import Group, Membership
from accounts.policy.models import Policy, PolicyAttachment
from accounts.user.models import User
from core.actor import Actor

_numbers = itertools.count(1)
PASSWORD = "correct horse battery staple"


def account(name: str = "", *, operator: bool = False, strict: bool = True) -> Account:
    """An account whose root user has PASSWORD."""
    made, root = make_account(name or f"acme{next(_numbers)}", is_operator=operator)
    root.set_password(PASSWORD)
    root.save()
    if not strict:
        Account.objects.filter(pk=made.pk).update(strict_mode=False)
        made.refresh_from_db()
    return made


def root_of(owner: Account) -> User:
    found = User.objects.unscoped("test").select_related("account")
    return found.get(account=owner, is_root=True)


def user(owner: Account, name: str = "", **fields: Any) -> User:
    """A user with PASSWORD that need not be changed."""
    made = User(account=owner, name=name or f"user{next(_numbers)}", **fields)
    made.set_password(PASSWORD)
    made.save()
    return made


def statement(effect: str, *actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": list(actions), **more}


def policy(owner: Account, *statements: dict[str, Any], name: str = "") -> Policy:
    """A stored policy, unchecked: also what no editor would save."""
    return Policy.objects.create(
        account=owner,
        name=name or f"policy{next(_numbers)}",
        document={"Version": "1.1", "Statement": list(statements)},
    )


def attach(principal: User | Group | Agency, *statements: dict[str, Any]) -> PolicyAttachment:
    """A policy of these statements, attached."""
    column = type(principal).__name__.lower()
    with transaction.atomic():
        row = PolicyAttachment.objects.create(
            account_id=principal.account_id,
            policy=policy(principal.account, *statements),
            **{column: principal},
        )
        facts.bump(principal.account_id)
    return row


def group(owner: Account, *members: User, name: str = "") -> Group:
    made = Group.objects.create(account=owner, name=name or f"group{next(_numbers)}")
    with transaction.atomic():
        for member in members:
            Membership.objects.create(group=made, user=member)
        facts.bump(owner.pk)
    return made


def agency(owner: Account, *statements: dict[str, Any], **fields: Any) -> Agency:
    """An agency for all users with one policy."""
    made = Agency.objects.create(
        account=owner, name=fields.pop("name", "") or f"agency{next(_numbers)}", **fields
    )
    if statements:
        attach(made, *statements)
    return made


def actor(who: User, **more: Any) -> Actor:
    """The user, signed in to the console."""
    return actor_of(who, via=more.pop("via", "console"), **more)
