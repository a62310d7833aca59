"""Writing the trail. Services, transitions and the request boundary call this; views never do."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Model

from core import access, codes
from core.actor import Actor
from core.models import AuditRecord

_SECRET = re.compile(r"password|secret|token|credential|\bsk\b|private_key", re.IGNORECASE)
HIDDEN = "***"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(text: str, limit: int = 500) -> str:
    """Text without control characters, so that no value can forge a second line."""
    return _CONTROL.sub(" ", text)[:limit]


def plain(value: object) -> Any:
    """A JSON value; anything else becomes text. NUL, which PostgreSQL cannot store, is replaced."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, uuid.UUID | dt.datetime | dt.date | Decimal):
        return str(value)
    if isinstance(value, Model):
        return str(value.pk)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    return str(value)


def masked(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The same mapping with anything that looks like a secret replaced, at any depth.

    Below the top only texts are: a condition of a policy names a key, and its values are a list.
    """
    return None if values is None else {key: _mask(key, value, 0) for key, value in values.items()}


def _names_only(target: object, values: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The same without what stands in the ``AUDIT_NAMES`` of ``target``: the body of a verb has
    such fields too."""
    names: frozenset[str] = getattr(target, "AUDIT_NAMES", frozenset())
    if not values or not names & set(values):
        return values
    return {
        key: dict.fromkeys(value, HIDDEN) if key in names and isinstance(value, Mapping) else value
        for key, value in values.items()
    }


def _mask(key: str, value: Any, depth: int) -> Any:
    if _SECRET.search(key) and value not in (None, "") and (depth == 0 or isinstance(value, str)):
        return HIDDEN
    return _inner(plain(value), depth + 1)


def _inner(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return {key: _mask(key, one, depth) for key, one in value.items()}
    if isinstance(value, list):
        return [_inner(one, depth) for one in value]
    return value


def record(
    actor: Actor,
    *,
    event: str,
    action: str,
    target: object = None,
    account_id: str | None = None,
    result: str = AuditRecord.Result.OK,
    decision_id: str = "",
    message: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    resource_type: str = "",
    resource_id: str = "",
    resource_name: str = "",
) -> AuditRecord:
    """Write one row in the caller's transaction: if it cannot be written, nothing happens.

    Raises RuntimeError: a user's decision counts only inside ``access.writing``.
    """
    row = _row(
        actor,
        event=event,
        action=action,
        target=target,
        account_id=account_id,
        result=result,
        decision_id=decision_id,
        message=message,
        before=before,
        after=after,
        resource_type=resource_type,
        resource_id=resource_id,
        resource_name=resource_name,
    )
    row.save(force_insert=True)
    return row


def record_many(actor: Actor, rows: Iterable[Mapping[str, Any]]) -> None:
    """One row for each of ``rows``, arguments of ``record``, in one statement. Raises as
    ``record``."""
    AuditRecord.objects.bulk_create([_row(actor, **one) for one in rows])


def _row(
    actor: Actor,
    *,
    event: str,
    action: str,
    target: object = None,
    account_id: str | None = None,
    result: str = AuditRecord.Result.OK,
    decision_id: str = "",
    message: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    resource_type: str = "",
    resource_id: str = "",
    resource_name: str = "",
) -> AuditRecord:
    done = bool(decision_id) and result == AuditRecord.Result.OK
    if done and actor.is_user and not access.held(actor.account_id):
        raise RuntimeError(f"{event}: decided outside access.writing(); ask again inside it.")
    if isinstance(target, Model):
        resource_type = resource_type or target._meta.label_lower
        resource_id = resource_id or str(target.pk)
        resource_name = resource_name or str(target)
        account_id = account_id or getattr(target, "account_id", None)
    return AuditRecord(
        account_id=account_id or actor.account_id,
        actor_kind=actor.kind,
        actor_user_id=actor.user_id,
        actor_label=one_line(actor.label, 200),
        via=actor.via,
        on_behalf_agency_id=actor.agency_id,
        source_ip=actor.source_ip[:45],
        request_id=one_line(actor.request_id, 64),
        event=event,
        action=action,
        resource_type=resource_type,
        resource_id=resource_id,
        resource_name=one_line(resource_name, 128),
        result=result,
        decision_id=decision_id,
        message=one_line(message),
        said=codes.data(message),
        before=masked(_names_only(target, before)),
        after=masked(_names_only(target, after)),
    )


def record_denial(actor: Actor, decision: Any, target: object) -> None:
    """One row per denial, written at the boundary, after the failed transaction is gone.

    The row goes to the actor's own account: the other side learns nothing from a guess.
    """
    row = target if isinstance(target, Model) else None
    record(
        actor,
        event="accessDenied",
        action=decision.action,
        account_id=actor.account_id,
        result=AuditRecord.Result.DENIED,
        decision_id=decision.id,
        message=decision.reason,
        resource_type=row._meta.label_lower if row is not None else "",
        resource_id=str(row.pk) if row is not None else "",
        resource_name=str(row) if row is not None else str(getattr(target, "path", "") or ""),
    )


def snapshot(obj: Model) -> dict[str, Any]:
    """Field values of a row, for before and after.

    A model's ``AUDIT_SKIP`` names fields that are left out, its ``AUDIT_NAMES`` fields (mappings)
    of which the names stand in the trail and the values never.
    """
    skip = {"updated_at", "version", "said"} | getattr(obj, "AUDIT_SKIP", frozenset())
    names_only: frozenset[str] = getattr(obj, "AUDIT_NAMES", frozenset())
    found: dict[str, Any] = {}
    for field in obj._meta.concrete_fields:
        name = field.attname
        if name not in skip:
            value = getattr(obj, name)
            found[name] = dict.fromkeys(value, HIDDEN) if name in names_only else plain(value)
    return found


def difference(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only what changed, as (before, after)."""
    changed = [k for k in after if before.get(k) != after[k]]
    return {k: before.get(k) for k in changed}, {k: after[k] for k in changed}
