"""State machines as data, and the one function that moves a state.

Contract (see docs/mechanisms/states.md): the user writes the desired state, reconcilers write the
observed one; a move is a compare-and-set on (phase, version) that writes event, audit and outbox
rows in the same transaction; terminal is final; every other phase has a deadline or a heartbeat.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import audit, codes, event_names, messages, outbox, printed, quotas, references, registry
from core.actor import Actor
from core.errors import Conflict, IllegalTransition, StaleState
from core.models import Event


class Stateful(models.Model):
    """Mix-in of a Resource that has a life cycle. Subclasses declare the class variables."""

    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]]
    #: phases that never change again
    TERMINAL: ClassVar[frozenset[str]]
    #: (terminal phase, reason) -> phases that a user's verb may open it to again, see ``reopen``
    REOPENS: ClassVar[Mapping[tuple[str, str], frozenset[str]]] = {}
    #: phases in which nothing is going on, so no reconciler needs to look
    SETTLED: ClassVar[frozenset[str]]
    #: seconds a phase may last before the reconciler must act; or a heartbeat rule instead
    DEADLINES: ClassVar[Mapping[str, int]]
    #: phases watched by a heartbeat instead of a deadline -> seconds of silence allowed
    HEARTBEATS: ClassVar[Mapping[str, int]]
    #: phase -> green | blue | yellow | red | grey | purple
    TONES: ClassVar[Mapping[str, str]]
    #: second level of the status -> what a reader sees; the bare value where it is absent
    SECONDARY: ClassVar[Mapping[str, Any]] = {}
    #: those of SECONDARY that a reader sees in place of the phase; lists are filtered by them, too
    IN_PLACE: ClassVar[frozenset[str]] = frozenset()
    #: where a poisoned object is parked
    PARKED: ClassVar[str]

    phase = models.CharField(_("status"), max_length=32, editable=False)
    secondary = models.CharField(max_length=32, blank=True, default="", editable=False)
    reason = models.CharField(max_length=64, blank=True, default="", editable=False)
    message = models.CharField(max_length=500, blank=True, default="", editable=False)
    detail = models.JSONField(default=dict, editable=False)
    #: ``message`` and texts of ``detail`` by name as codes with parameters, where they are such
    said = models.JSONField(null=True, editable=False)
    desired = models.CharField(max_length=16, default="running", editable=False)
    generation = models.PositiveIntegerField(default=1, editable=False)
    phase_since = models.DateTimeField(default=timezone.now, editable=False)
    observed_at = models.DateTimeField(null=True, editable=False)
    deadline_at = models.DateTimeField(null=True, editable=False)
    next_look_at = models.DateTimeField(null=True, editable=False, db_index=True)
    reconcile_failures = models.PositiveSmallIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    @property
    def told_message(self) -> str:
        """``message`` as a page writes it."""
        return codes.kept(self.message, (self.said or {}).get("message"))

    @property
    def told_next(self) -> str:
        """The next step that ``detail`` names, as a page writes it."""
        return codes.kept((self.detail or {}).get("next", ""), (self.said or {}).get("next"))

    @property
    def is_terminal(self) -> bool:
        return self.phase in self.TERMINAL

    @property
    def is_settled(self) -> bool:
        return self.is_settled_in(self.phase)

    def is_settled_in(self, phase: str) -> bool:
        return phase in self.SETTLED or phase in self.TERMINAL

    def status_words(self) -> dict[str, Any]:
        """What the status shows otherwise than phase, second level and message say."""
        return {}

    def legal_verbs(self) -> list[str]:
        """Names of the verbs that this phase allows."""
        spec = registry.spec_of(self)
        return [verb.name for verb in spec.verbs if verb.enabled(self)]


S = TypeVar("S", bound=Any)
#: what is wanted of an object -> the event that says so
WANTED = {
    "running": messages.WANT_RUNNING,
    "stopped": messages.WANT_STOPPED,
    "deleted": messages.WANT_DELETED,
}


def phase_word(obj: Any, phase: str = "") -> str:
    """A phase as a parameter of a message: its value in English, its label elsewhere."""
    phase = phase or obj.phase
    return codes.label(obj.Phase(phase).label, text=phase)


def conflict(obj: Any, message: str, *, hint: str = "") -> Conflict:
    """409 carrying the current state and the legal actions."""
    return Conflict(
        message, hint=hint, extra={"phase": obj.phase, "legal_actions": obj.legal_verbs()}
    )


def start(obj: Any, phase: str) -> None:
    """Set the first phase of an unsaved object."""
    obj.phase = phase
    obj.phase_since = timezone.now()
    obj.next_look_at = timezone.now()
    obj.deadline_at = _deadline(obj, phase)


def transition(
    obj: S,
    to: str,
    *,
    actor: Actor,
    reason: str = "",
    message: str = "",
    detail: Mapping[str, Any] | None = None,
    secondary: str | None = None,
    **fields: Any,
) -> S:
    """Move ``obj`` to phase ``to`` (or to another secondary phase of the same one).

    ``fields`` are further columns written by the same compare-and-set.

    Raises:
        IllegalTransition: the table has no such edge, or the phase is terminal.
        StaleState: somebody moved the object since it was read; reload and decide again.
    """
    here = obj.phase
    same = to == here
    if here in obj.TERMINAL or (not same and to not in obj.TRANSITIONS.get(here, frozenset())):
        raise IllegalTransition(
            messages.NO_SUCH_EDGE(
                label=obj._meta.verbose_name, obj=obj, phase=phase_word(obj), to=to
            ),
            extra={"phase": here, "legal_actions": obj.legal_verbs()},
        )
    secondary = secondary if secondary is not None else (obj.secondary if same else "")
    if same and secondary == obj.secondary and reason == obj.reason and not fields:
        return obj
    return _move(obj, to, actor, reason, message, detail, secondary, fields)


def reopen(obj: S, to: str, *, actor: Actor, message: str, secondary: str = "", **fields: Any) -> S:
    """Leave a terminal phase because a user asked for it: the documented exception to "terminal is
    final". No reconciler and no late report ever calls this.

    Raises:
        IllegalTransition: ``REOPENS`` does not allow it for this phase and reason.
        QuotaExceeded: the object counts again, and the account has as many as it may.
        StaleState: somebody moved the object since it was read.
    """
    if to not in obj.REOPENS.get((obj.phase, obj.reason), frozenset()):
        raise IllegalTransition(
            messages.STAYS_ENDED(label=obj._meta.verbose_name, obj=obj, phase=phase_word(obj)),
            extra={"phase": obj.phase, "legal_actions": obj.legal_verbs()},
        )
    wanted = {"desired": "running", "generation": obj.generation + 1}
    spec = registry.spec_of(obj)
    with transaction.atomic():
        quotas.lock(obj.account_id, spec)
        opened = _move(obj, to, actor, "", message, None, secondary, wanted | fields)
        quotas.check(obj.account_id, spec)
    return opened


def _move(
    obj: S,
    to: str,
    actor: Actor,
    reason: str,
    message: str,
    detail: Mapping[str, Any] | None,
    secondary: str,
    fields: Mapping[str, Any],
) -> S:
    here = obj.phase
    same = to == here
    now = timezone.now()
    values: dict[str, Any] = {
        "phase": to,
        "secondary": secondary,
        "reason": reason,
        "message": audit.one_line(message),
        "said": _said(obj, message, detail),
        "version": obj.version + 1,
        "updated_at": now,
        **fields,
    }
    if detail is not None:
        values["detail"] = {**obj.detail, **audit.plain(detail)}
    if not same:
        values |= {
            "phase_since": now,
            "deadline_at": _deadline(obj, to),
            "next_look_at": None if obj.is_settled_in(to) else now,
            "reconcile_failures": 0,
        }
    with transaction.atomic():
        _compare_and_set(obj, values)
        _event(obj, actor, here, to, secondary, reason, message, detail)
        if not same:
            audit.record(
                actor,
                event=event_names.STATE_CHANGED,
                action=event_names.TRANSITION,
                target=obj,
                message=reason if printed.quoted(detail) else message,
                before={"phase": here},
                after={"phase": to, "reason": reason},
            )
            outbox.poke(obj)
            if obj.is_settled_in(to) != obj.is_settled_in(here):
                references.mark(obj, holding=not obj.is_settled_in(to))
    for name, value in values.items():
        setattr(obj, name, value)
    return obj


def desire(obj: S, desired: str, *, actor: Actor, **fields: Any) -> S:
    """Write what the user wants (``running``, ``stopped``, ``deleted``); a reconciler follows."""
    values = {
        "desired": desired,
        "generation": obj.generation + 1,
        "version": obj.version + 1,
        "updated_at": timezone.now(),
        "next_look_at": timezone.now(),
        **fields,
    }
    with transaction.atomic():
        _compare_and_set(obj, values)
        note(obj, f"want-{desired}", WANTED[desired](), actor=actor)
        outbox.poke(obj)
    for name, value in values.items():
        setattr(obj, name, value)
    return obj


def observed(obj: Any, **fields: Any) -> None:
    """Note that the object was seen alive. No state, no version: nothing to conflict with."""
    values = {"observed_at": timezone.now(), **fields}
    if "message" in fields:
        values["said"] = _said(obj, fields["message"], fields.get("detail"))
        values["message"] = audit.one_line(fields["message"])
    if fields.get("detail"):
        values["detail"] = audit.plain(fields["detail"])
    type(obj).objects.unscoped("reconcile").filter(pk=obj.pk).update(**values)
    for name, value in values.items():
        setattr(obj, name, value)


def note(
    obj: Any,
    code: str,
    message: str,
    *,
    level: str = Event.Level.INFO,
    actor: Actor | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Event:
    """Add an event that moves nothing (a late report, a warning, a finished step)."""
    return Event.objects.create(
        account_id=obj.account_id,
        resource_type=obj._meta.label_lower,
        resource_id=str(obj.pk),
        level=level,
        code=code,
        message=audit.one_line(message),
        said=codes.data(message),
        actor_label=actor.label if actor else "platform",
        detail=audit.plain(detail or {}),
    )


def _said(obj: Any, message: str, detail: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Codes of a message and of the texts of a detail. Texts that ``detail`` does not name stay."""
    new = {**(detail or {}), "message": message}
    found = {name: one for name, one in (obj.said or {}).items() if name not in new}
    found |= {name: one.data() for name, one in new.items() if isinstance(one, codes.Message)}
    return found or None


def _compare_and_set(obj: Any, values: dict[str, Any]) -> None:
    rows = (
        type(obj)
        .objects.unscoped("compare-and-set")
        .filter(pk=obj.pk, version=obj.version, phase=obj.phase)
    )
    if rows.update(**values) == 0:
        raise StaleState(messages.STALE_STATE(label=obj._meta.verbose_name, obj=obj))


def _deadline(obj: Any, phase: str) -> dt.datetime | None:
    seconds = obj.DEADLINES.get(phase)
    return timezone.now() + dt.timedelta(seconds=seconds) if seconds else None


def _event(
    obj: Any,
    actor: Actor,
    here: str,
    to: str,
    secondary: str,
    reason: str,
    message: str,
    detail: Mapping[str, Any] | None,
) -> None:
    bad = obj.TONES.get(to) == "red"
    Event.objects.create(
        account_id=obj.account_id,
        resource_type=obj._meta.label_lower,
        resource_id=str(obj.pk),
        level=Event.Level.ERROR if bad else Event.Level.INFO,
        code=reason or secondary or to,
        message=audit.one_line(message)
        or (f"{here} → {to}" if here != to else f"{to}: {secondary}"),
        said=codes.data(message),
        phase_from=here,
        phase_to=to,
        actor_label=actor.label,
        detail=audit.plain(detail or {}),
    )
