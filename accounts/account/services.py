"""Accounts: making one, its projects, its strict mode, suspending it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import facts, messages
from accounts.account.models import Account, Project
from accounts.enterprise_project.models import EnterpriseProject
from accounts.signin import passwords
from accounts.signin.services import set_password
from accounts.user.models import User
from accounts.workspace.models import Workspace
from core import access, audit
from core.actor import Actor
from core.errors import Conflict, NotFound, ValidationFailed
from core.services import problems_of

#: a temporary password is a first-login secret, not a password (ASVS 6.4.1)
TEMPORARY_FOR = dt.timedelta(days=7)


def create_account(actor: Actor, name: str) -> tuple[Account, str]:
    """An account with its root user. Returns it with the root's temporary password, shown once.

    Raises:
        AccessDenied: only the operator's main account may.
        ValidationFailed, Conflict: the name is not legal, or taken.
    """
    action = "iam:accounts:createAccount"
    password = passwords.temporary()
    with access.writing(actor):
        decision = access.authorize(actor, action)
        account, root = make(name)
        set_password(root, password, must_change=True, expires_in=TEMPORARY_FOR)
        audit.record(
            actor,
            event="createAccount",
            action=action,
            target=account,
            account_id=actor.account_id,
            decision_id=decision.id,
            after={"name": account.name},
        )
    return account, password


def make(name: str, *, is_operator: bool = False) -> tuple[Account, User]:
    """The rows of a new account: root user (without a password yet), a project per region, and the
    default enterprise project and workspace.

    Checks no right; called by ``create_account`` and by the first set-up.
    """
    account = Account(name=name, is_operator=is_operator)
    try:
        account.full_clean()
    except ValidationError as error:
        found = problems_of(error)
        raise ValidationFailed(found[0].text, problems=found) from None
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError:
        raise Conflict(messages.ACCOUNT_NAME_TAKEN(name=name)) from None
    root = User(account=account, name=name, is_root=True)
    root.set_unusable_password()
    root.save(force_insert=True)
    Project.objects.bulk_create(Project(account=account, region=r) for r in settings.REGIONS)
    project = EnterpriseProject.objects.create(account=account)
    Workspace.objects.create(account=account, enterprise_project=project)
    return account, root


def all_accounts(actor: Actor) -> list[Account]:
    """Every account of the installation, oldest first; for the operator."""
    access.authorize(actor, "iam:accounts:listAccounts")
    return list(Account.objects.order_by("created_at", "id"))


def account_of(actor: Actor, account_id: str) -> Account:
    """An account of the installation, for who may suspend it. Raises AccessDenied, NotFound."""
    access.authorize(actor, "iam:accounts:suspendAccount")
    found = Account.objects.filter(pk=account_id).first()
    if found is None:
        raise NotFound()
    return found


def set_active(actor: Actor, account_id: str, active: bool) -> Account:
    """Suspend or resume an account; holds on the next request of its users.

    Raises:
        AccessDenied, NotFound, Conflict (the operator's own account).
    """
    action = "iam:accounts:suspendAccount"
    known = Account.objects.filter(pk=account_id).exists()
    with access.writing(actor, changes=(account_id,) if known else ()):
        decision = access.authorize(actor, action)
        account = Account.objects.select_for_update().filter(pk=account_id).first()
        if account is None:
            raise NotFound()
        if account.is_operator and not active:
            raise Conflict(messages.OPERATOR_STAYS(account=account.name))
        account.is_active = active
        account.save(update_fields=["is_active"])
        facts.bump(account.pk)
        audit.record(
            actor,
            event="resumeAccount" if active else "suspendAccount",
            action=action,
            account_id=actor.account_id,
            resource_type="accounts.account",
            resource_id=account.pk,
            resource_name=account.name,
            decision_id=decision.id,
            after={"is_active": active},
        )
    return account


def set_strict_mode(actor: Actor, strict: bool) -> Account:
    """Turn strict mode of the actor's own account on or off (vector V9).

    Raises:
        AccessDenied: also for everybody but the main account (``accounts.policy.delegation``).
    """
    action = "iam:accounts:updateAccount"
    with access.writing(actor, changes=(actor.account_id,)):
        decision = access.authorize(actor, action)
        account = Account.objects.select_for_update().get(pk=actor.account_id)
        before = account.strict_mode
        if before == strict:
            return account
        account.strict_mode = strict
        account.save(update_fields=["strict_mode"])
        facts.bump(account.pk)
        audit.record(
            actor,
            event="updateStrictMode",
            action=action,
            account_id=account.pk,
            resource_type="accounts.account",
            resource_id=account.pk,
            resource_name=account.name,
            decision_id=decision.id,
            before={"strict_mode": before},
            after={"strict_mode": strict},
        )
    return account


def project_id(account_id: str, region: str) -> str:
    """Id of the project of an account in a region; made on first use of a region added later."""
    project, _made = Project.objects.get_or_create(account_id=account_id, region=region)
    return project.pk


def own_account(actor: Actor) -> dict[str, Any]:
    """What ``GET /me`` says about the account."""
    account = Account.objects.get(pk=actor.account_id)
    projects = Project.objects.filter(account=account).order_by("region")
    return {
        "id": account.pk,
        "name": account.name,
        "is_operator": account.is_operator,
        "strict_mode": account.strict_mode,
        "projects": [{"id": p.pk, "region": p.region} for p in projects],
    }
