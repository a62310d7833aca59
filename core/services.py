"""Create, change, delete: the shared steps of every sole writer.

Order inside one transaction: hold the rights, lock the row, ask about it as it is now, write, ask
again about what was written, audit. A denial rolls everything back. Pages and endpoints were asked
before (``core.rules``), so that who is refused anyway waits for no lock; rooms ask nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from core import access, audit, messages, outbox, quotas, references, registry, states
from core import tags as tag_table
from core.actor import Actor
from core.errors import (
    Conflict,
    NotFound,
    PreconditionFailed,
    Problem,
    StaleState,
    ValidationFailed,
)
from core.models import Resource

R = TypeVar("R", bound=Resource)
NO_TAGS = access.request_tags({})

DeleteCheck = Callable[[Resource], None]
_delete_checks: list[DeleteCheck] = []


def check_deletes(check: DeleteCheck) -> DeleteCheck:
    """Have ``check`` look at every row of any type before it is deleted; it may raise Conflict.
    For rooms that know of uses which the room of the row cannot know. Usable as a decorator."""
    if check not in _delete_checks:
        _delete_checks.append(check)
    return check


def visible(model: type[R], actor: Actor, *, verb: str = "", **lookup: Any) -> R:
    """The one row that ``lookup`` names, if the actor may see it.

    Raises:
        NotFound: no such row, or not the actor's to see; both read the same.
    """
    rows = model.objects.for_action(actor, verb or model.READ_VERB)
    try:
        return rows.get(**lookup)  # type: ignore[no-any-return]
    except (model.DoesNotExist, ValidationError, ValueError, TypeError):
        raise NotFound() from None


def problems_of(error: ValidationError) -> list[Problem]:
    """Django's validation errors as problems."""
    if hasattr(error, "error_dict"):
        return [
            Problem("" if field == "__all__" else field, text, e.code or "INVALID")
            for field, errors in error.error_dict.items()
            for e in errors
            for text in e.messages
        ]
    return [Problem("", text, error.code or "INVALID") for text in error.messages]


def clean(obj: Resource) -> None:
    """``full_clean()`` with all problems at once. Raises ValidationFailed."""
    try:
        obj.full_clean()
    except ValidationError as error:
        problems = problems_of(error)
        raise ValidationFailed(problems[0].text, problems=problems) from None


def create(
    actor: Actor,
    obj: R,
    *,
    context: Mapping[str, Any] | None = None,
    before_save: Callable[[R], None] | None = None,
    after_save: Callable[[R], None] | None = None,
    verb: str = "create",
) -> R:
    """Insert ``obj`` into the actor's account. ``verb``: whose event the row of the trail has.
    ``before_save`` and ``after_save`` belong to the transaction: what they ask holds, and what they
    raise undoes it.

    Raises:
        AccessDenied, ValidationFailed, QuotaExceeded, Conflict (name taken meanwhile).
    """
    spec = registry.spec_of(obj)
    action = spec.action("create")
    if actor.account_id is None:
        raise NotFound()
    obj.account_id = actor.account_id
    obj.region = (obj.region or actor.region) if spec.regional else ""
    obj.created_by_id = actor.user_id
    context = {**access.request_tags(obj.tags), **(context or {})}
    with holding(actor, obj):
        quotas.lock(actor.account_id, spec)
        access.authorize(
            actor, action, access.Target(actor.account_id, obj.access_path, obj.region), context
        )
        if before_save is not None:
            before_save(obj)
        clean(obj)
        try:
            obj.save(force_insert=True)
        except IntegrityError as error:  # and with it this transaction
            raise Conflict(messages.COLLIDES(label=spec.label, obj=obj)) from error
        quotas.check(actor.account_id, spec)
        references.write(obj)
        if after_save is not None:
            after_save(obj)
        decision = access.authorize(actor, action, obj, context)
        audit.record(
            actor,
            event=spec.event(verb),
            action=action,
            target=obj,
            decision_id=decision.id,
            after=audit.snapshot(obj),
        )
        if hasattr(obj, "phase"):
            outbox.poke(obj)
    return obj


def update(
    actor: Actor,
    obj: R,
    changes: Mapping[str, Any],
    *,
    expected_version: int | None = None,
    verb: str = "update",
    context: Mapping[str, Any] | None = None,
) -> R:
    """Change columns of ``obj``; the row is re-checked in its new form before the commit.

    Raises:
        AccessDenied, ValidationFailed, PreconditionFailed (version moved), NotFound (gone).
    """
    spec = registry.spec_of(obj)
    action = spec.action(verb)
    with holding(actor, obj):
        fresh = lock(obj)
        named = access.request_tags(changes["tags"], fresh.tags) if "tags" in changes else NO_TAGS
        context = {**named, **(context or {})}
        access.authorize(actor, action, fresh, context)
        check_version(fresh, expected_version)
        before = audit.snapshot(fresh)
        meta: Any = fresh._meta
        columns = {name: meta.get_field(name).attname for name in changes}
        old = {name: getattr(fresh, column) for name, column in columns.items()}
        for name, value in changes.items():
            setattr(fresh, name, value)
        clean(fresh)
        moved = {n: value for n, value in old.items() if value != getattr(fresh, columns[n])}
        access.authorize(actor, action, access.about(actor, fresh, change=moved), context)
        values = {name: getattr(fresh, name) for name in changes}
        _write(fresh, values)
        if "tags" in changes:
            tag_table.write(fresh)
        decision = access.authorize(actor, action, fresh, context)
        old, new = audit.difference(before, audit.snapshot(fresh))
        audit.record(
            actor,
            event=spec.event(verb),
            action=action,
            target=fresh,
            decision_id=decision.id,
            before=old,
            after=new,
        )
    return fresh


def delete(
    actor: Actor,
    obj: Resource,
    *,
    expected_version: int | None = None,
    before_delete: Callable[[Any], None] | None = None,
    verb: str = "delete",
) -> None:
    """Delete the row. ``before_delete`` may refuse (raise Conflict) or clear what hangs on it.
    ``verb``: whose event the row of the trail has."""
    spec = registry.spec_of(obj)
    action = spec.action("delete")
    with holding(actor, obj):
        fresh = lock(obj)
        decision = access.authorize(actor, action, fresh)
        check_version(fresh, expected_version)
        for check in _delete_checks:
            check(fresh)
        if before_delete is not None:
            before_delete(fresh)
        audit.record(
            actor,
            event=spec.event(verb),
            action=action,
            target=fresh,
            decision_id=decision.id,
            before=audit.snapshot(fresh),
        )
        fresh.delete()


def perform(
    actor: Actor, obj: R, verb: str, data: Mapping[str, Any], *, expected_version: int | None = None
) -> R:
    """Run a declared verb: ask, check the phase, call its handler, ask again about the row as the
    handler returned it, audit.

    Raises:
        AccessDenied, Conflict (wrong phase; carries the legal actions), whatever the handler says.
    """
    spec = registry.spec_of(obj)
    declared = spec.verb(verb)
    with holding(actor, obj):
        fresh = lock(obj)
        target = access.about(actor, fresh, own_only=declared.own_only, verb=verb)
        access.authorize(actor, declared.action, target)
        check_version(fresh, expected_version)
        if not declared.enabled(fresh):
            phase = states.phase_word(fresh)
            refused = messages.WRONG_PHASE(
                label=spec.label, obj=fresh, phase=phase, verb=declared.label
            )
            raise states.conflict(fresh, refused)
        result: R = declared.handler(actor, fresh, data)
        written = result if result.pk == fresh.pk else lock(fresh)  # a handler may make another
        target = access.about(actor, written, own_only=declared.own_only, verb=verb)
        decision = access.authorize(actor, declared.action, target)
        if declared.recorded:
            audit.record(
                actor,
                event=spec.event(verb),
                action=declared.action,
                target=fresh,
                decision_id=decision.id,
                after={**data, **declared.after},
            )
    return result


def holding(actor: Actor, obj: Resource) -> AbstractContextManager[None]:
    """``access.writing`` for an act on ``obj``: alone where such rows decide what people may do."""
    owner = obj.account_id
    changes = (owner,) if registry.spec_of(obj).changes_rights else ()
    return access.writing(actor, of=(owner,), changes=changes)


def lock(obj: R) -> R:
    """The row as it is now, locked for this transaction. Raises NotFound when it is gone."""
    try:
        rows = type(obj).objects.unscoped("locked re-read of a row already authorized")
        return rows.select_for_update().get(pk=obj.pk)  # type: ignore[no-any-return]
    except type(obj).DoesNotExist:
        raise NotFound() from None


def check_version(obj: Resource, expected: int | None) -> None:
    """Raise PreconditionFailed when the caller saw another version."""
    if expected is not None and obj.version != expected:
        raise PreconditionFailed(
            messages.OLD_VERSION(obj=obj, version=obj.version, expected=expected)
        )


def _write(obj: Resource, values: dict[str, Any]) -> None:
    rows = type(obj).objects.unscoped("compare-and-set").filter(pk=obj.pk, version=obj.version)
    values |= {"version": obj.version + 1, "updated_at": timezone.now()}
    try:
        changed = rows.update(**values)
    except IntegrityError as error:
        raise Conflict(messages.NAME_TAKEN(obj=obj)) from error
    if changed == 0:
        raise StaleState(messages.CHANGED_MEANWHILE(obj=obj))
    obj.version = values["version"]
