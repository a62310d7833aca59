"""Reading and setting the limits of an account."""

from __future__ import annotations

from accounts import messages
from accounts.account.models import Account
from core import access, audit, quotas
from core.actor import Actor
from core.errors import NotFound, ValidationFailed
from core.quotas import Usage

READ = "iam:quotas:listQuotas"
CHANGE = "iam:quotas:updateQuotas"
HIGHEST = 100_000_000  # a hundred terabytes, for the quota that counts MiB


def own(actor: Actor) -> list[Usage]:
    """What the actor's own account uses and may have, per kind. Raises AccessDenied."""
    access.authorize(actor, READ)
    return quotas.all_usage(actor.account_id or "")


def of_account(actor: Actor, account_id: str) -> tuple[Account, list[Usage]]:
    """The same of any account, for the operator. Raises AccessDenied, NotFound."""
    access.authorize(actor, CHANGE)
    account = Account.objects.filter(pk=account_id).first()
    if account is None:
        raise NotFound()
    return account, quotas.all_usage(account.pk)


def set_limit(actor: Actor, account_id: str, key: str, limit: int | None) -> Usage:
    """Write the limit of one kind for one account; None goes back to the default.

    A limit below what is used takes nothing away: it only refuses more.

    Raises: AccessDenied, NotFound (account or kind), ValidationFailed.
    """
    if limit is not None and not 0 <= limit <= HIGHEST:
        raise no_limit()
    with access.writing(actor):
        decision = access.authorize(actor, CHANGE)
        account = Account.objects.select_for_update().filter(pk=account_id).first()
        before = _one(account_id, key) if account is not None else None
        if account is None or before is None:
            raise NotFound()
        quotas.write(account.pk, key, limit)
        after = _one(account_id, key)
        assert after is not None
        audit.record(
            actor,
            event="updateQuotas",
            action=CHANGE,
            target=account,
            account_id=actor.account_id,
            decision_id=decision.id,
            before={"quota": key, "limit": before.limit},
            after={"quota": key, "limit": after.limit},
        )
    return after


def no_limit() -> ValidationFailed:
    """What was given is no limit."""
    return ValidationFailed.of("limit", messages.NO_LIMIT(highest=HIGHEST))


def _one(account_id: str, key: str) -> Usage | None:
    return next((u for u in quotas.all_usage(account_id) if u.key == key), None)
