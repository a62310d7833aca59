"""What every decision needs to know about an account, in one cheap query, asked once per request.

``iam_epoch`` changes in the transaction of every change of rights, so everything derived from
rights is cached by it and a change holds on the next request, in every process.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from django.db import transaction

from accounts.account.models import Account, new_epoch
from core.prepared import Prepared


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The columns of an account that decide anything."""

    id: str
    name: str
    epoch: int
    is_active: bool
    strict_mode: bool
    is_operator: bool


_FACTS = Prepared(
    lambda account_id: Account.objects.filter(pk=account_id).values_list(
        "id", "name", "iam_epoch", "is_active", "strict_mode", "is_operator"
    ),
    account_id=Account._meta.get_field("id"),
)

_known: ContextVar[dict[str, AccountFacts | None] | None] = ContextVar(
    "modelyard_account_facts", default=None
)


class remembered:  # no generator: every request makes one
    """Ask once per account until the block ends: the length of a request or of a batch."""

    def __enter__(self) -> None:
        self._before = _known.set({})

    def __exit__(self, *_error: object) -> None:
        _known.reset(self._before)


def facts_of(account_id: str) -> AccountFacts | None:
    """The account's facts as of now (inside ``remembered``: as of the first question)."""
    known = _known.get()
    if known is not None:
        try:
            return known[account_id]
        except KeyError:
            pass
    row = _FACTS.row(account_id=account_id)
    found = AccountFacts(*row) if row else None
    if known is not None:
        known[account_id] = found
    return found


def note(found: AccountFacts) -> None:
    """Take over facts that a query of this request has just read anyway; inside ``remembered``
    they save one, elsewhere they are not kept."""
    known = _known.get()
    if known is not None:
        known[found.id] = found


def renew() -> None:
    """Forget what this request remembers of every account: time has passed, or a lock was taken."""
    known = _known.get()
    if known is not None:
        known.clear()


def bump(account_id: str) -> None:
    """Say that rights in this account changed. Call it in the transaction that changes them.

    Raises:
        TransactionManagementError: outside a transaction the change and its epoch could part.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(
            "bump() belongs into the transaction that changes the rights."
        )
    Account.objects.filter(pk=account_id).update(iam_epoch=new_epoch())
    forget(account_id)
    transaction.on_commit(lambda: forget(account_id))


def forget(account_id: str) -> None:
    """Drop what this request remembers of the account."""
    known = _known.get()
    if known is not None:
        known.pop(account_id, None)
