"""Rights on single objects of another account. A room that keeps such rights registers a provider.

The kernel names no provider: the access engine asks all of them, and an account boundary opens only
where one of them answers with a live grant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from django.db.models import Model, Q

from core.actor import Actor

if TYPE_CHECKING:
    from core.models import Resource


@dataclass(frozen=True, slots=True)
class Walk:
    """The rows of ``shared_filter``, joined to the grants so that an index of these sorts them.

    ``condition`` ties every row to one grant, so each row comes once; it goes into one ``filter()``
    call. ``created_at`` and ``pk`` lead from the row to what that grant has copied from it.
    """

    condition: Q
    created_at: str
    pk: str


class GrantProvider(Protocol):
    """Answers for objects that belong to another account than the actor's.

    All methods look at what is in force now: units that ended, were suspended or are not yet
    accepted grant nothing. They must agree: a row is in ``shared_filter(actor, action, model)``
    exactly when ``action`` is in ``operations(actor, row)``, and in ``shared_walk`` where there is
    one.
    """

    def operations(self, actor: Actor, target: Model) -> Mapping[str, str]:
        """Full action name -> id of the share unit that grants it, for one object."""
        ...

    def shared_filter(self, actor: Actor, action: str, model: type[Resource]) -> Q | None:
        """Rows of ``model`` on which a live grant contains ``action``; None for no row."""
        ...

    def shared_walk(self, actor: Actor, action: str, model: type[Resource]) -> Walk | None:
        """The same rows for a list, newest first by an index; None where there is no such index."""
        ...


_providers: list[GrantProvider] = []


def register(provider: GrantProvider) -> None:
    """Add a provider; called once, while the application starts."""
    if provider not in _providers:
        _providers.append(provider)


def unregister(provider: GrantProvider) -> None:
    """Take a provider out again; for tests."""
    _providers.remove(provider)


def any_in_force(account_id: str, target: Model) -> bool:
    """Whether anything is granted on ``target`` to users of an account now."""
    somebody = Actor(kind="user", account_id=account_id)
    return any(provider.operations(somebody, target) for provider in providers())


def granted(account_id: str, target: Model, action: str) -> bool:
    """Whether ``action`` on ``target`` is granted to users of an account now."""
    somebody = Actor(kind="user", account_id=account_id)
    given = [name for one in providers() for name in one.operations(somebody, target)]
    return action.lower() in (name.lower() for name in given)


def providers() -> tuple[GrantProvider, ...]:
    return tuple(_providers)
