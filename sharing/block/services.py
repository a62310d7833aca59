"""The sole writers of blocked accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import access, services
from core.actor import Actor
from sharing.block.models import BlockedAccount
from sharing.invitation import services as answers
from sharing.invitation.expiry import lapse
from sharing.invitation.models import Invitation


def create(actor: Actor, data: Mapping[str, Any]) -> BlockedAccount:
    """Block the account ``data["name"]`` (an id): it can invite this account no more, and what it
    has asked is rejected without a reason. Shares accepted from it stay until they are left.

    Raises:
        AccessDenied, ValidationFailed (no id, one's own, blocked already), QuotaExceeded.
    """
    block = BlockedAccount(
        name=str(data["name"]).strip(),
        description=data.get("description", ""),
        tags=data.get("tags", {}),
    )
    lapse(account_id=actor.account_id)
    with access.writing(actor, changes=(actor.account_id,)):
        waiting = _waiting(actor, block.name)  # locked first: the order of the whole room
        return services.create(actor, block, after_save=lambda _made: _turn_away(actor, waiting))


def update(
    actor: Actor,
    block: BlockedAccount,
    data: Mapping[str, Any],
    *,
    expected_version: int | None = None,
) -> BlockedAccount:
    """Change the note or the tags; another account is another row."""
    changes = {k: data[k] for k in ("description", "tags") if k in data}
    return services.update(actor, block, changes, expected_version=expected_version)


def delete(actor: Actor, block: BlockedAccount, *, expected_version: int | None = None) -> None:
    """Let the account invite again."""
    services.delete(actor, block, expected_version=expected_version)


def _waiting(actor: Actor, owner_id: str) -> list[Invitation]:
    rows = Invitation.objects.unscoped("open invitations of an account that is blocked").filter(
        account_id=actor.account_id, owner_account_id=owner_id, phase=Invitation.Phase.PENDING
    )
    return list(rows.order_by("pk").select_for_update(of=("self",)))


def _turn_away(actor: Actor, waiting: list[Invitation]) -> None:
    for invitation in waiting:
        answers.handle_reject(actor, invitation, {})
