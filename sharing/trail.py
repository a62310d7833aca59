"""One event, two trails: what one account does to a share stands in both accounts' audit trails.

The other side learns which account acted and what changed, not who there, from where or how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core import audit, registry
from core.actor import Actor
from sharing import messages, queries


def someone_of(actor: Actor) -> Actor:
    """The actor as the other account may see it."""
    if not actor.is_user:
        return actor
    return replace(
        actor, user_id=None, username="someone", account_name="", source_ip="", user_agent="",
        request_id="", agency_id=None,
    )  # fmt: skip


def gone(actor: Actor, obj: Any, *, of: Any) -> None:
    """``obj``, a part of the shared ``of``, is about to be deleted: a row for each account that has
    accepted a unit with it."""
    spec = registry.spec_of(obj)
    accounts = {c.account_id for c in queries.consumers_of(of) if c.state == queries.ACCEPTED}
    for account_id in sorted(accounts):
        tell(
            actor,
            account_id,
            event=spec.event("delete"),
            action=spec.action("delete"),
            target=obj,
            message=messages.WAS_DELETED_UNUSABLE(name=obj),
        )


def share_ended(actor: Actor, obj: Any, message: str) -> None:
    """Notice to the account of ``obj``, which ends because a share did."""
    audit.record(
        actor, event="shareEnded", action="platform:share:ended", target=obj, message=message
    )


def tell(
    actor: Actor,
    account_id: str,
    *,
    event: str,
    action: str,
    target: Any,
    message: str = "",
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write the other side's row in the caller's transaction."""
    audit.record(
        someone_of(actor),
        event=event,
        action=action,
        account_id=account_id,
        target=target,
        message=message,
        after=after,
    )
