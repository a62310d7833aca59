"""Which attempts have an owner, and what happens to those without one.

Rooms above say what they own with `register`; `sweep` compares that with what is on this host,
both ways: a live process without a row is killed, capacity without a process is given back.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from django.conf import settings
from django.utils import timezone

from compute import local
from compute.backends.base import Backend, BackendError, Observation
from compute.slot import services as slots
from compute.slot.models import Slot
from core import alarm, installation, reconcile

log = logging.getLogger("modelyard.attempts")

PLATFORM_STOPPED = "PLATFORM_STOPPED"
"""Reason code of an attempt that ended because the installation was stopped."""

YOUNG = dt.timedelta(minutes=2)  # below this a row may not be visible yet
ROOM_SECONDS = 5.0  # of one look for removing files of others
SWEEP_SECONDS = 20.0  # of one sweep; the next begins elsewhere
CHUNK = 200  # attempts at a time: databases bound the parameters of one statement


@dataclass(frozen=True, slots=True)
class Owned:
    """A room's answer about some attempts: those it wants alive, and those it has a row for."""

    wanted: frozenset[str]
    known: frozenset[str]


#: ids in question -> the answer; ids of other rooms are left out of it
Provider = Callable[[Collection[uuid.UUID]], Owned]

_providers: list[Provider] = []


def register(provider: Provider) -> Provider:
    """Declare a room's provider. Usable as a decorator."""
    if provider not in _providers:
        _providers.append(provider)
    return provider


def owned(rows: Iterable[tuple[uuid.UUID, bool]]) -> Owned:
    """An answer from (attempt id, whether it is wanted alive)."""
    found = [(str(pk), alive) for pk, alive in rows]
    return Owned(
        frozenset(pk for pk, alive in found if alive), frozenset(pk for pk, _alive in found)
    )


def ask(ids: Collection[str]) -> Owned:
    """What all rooms together say about these attempts."""
    wanted: set[str] = set()
    known: set[str] = set()
    keys = [key for text in ids if (key := _uuid(text)) is not None]
    for start in range(0, len(keys), CHUNK):
        for provider in _providers:
            answer = provider(keys[start : start + CHUNK])
            wanted |= answer.wanted
            known |= answer.known
    return Owned(frozenset(wanted), frozenset(known))


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@dataclass(slots=True)
class Swept:
    """How many of each kind one sweep found."""

    killed: int = 0
    pruned: int = 0
    removed: int = 0
    released: int = 0

    def __str__(self) -> str:
        return (
            f"{self.killed} killed, {self.pruned} emptied, {self.removed} removed, "
            f"{self.released} slots released"
        )


@dataclass(slots=True)
class _Look:
    """What one sweep found: how many attempts, how many of them alive, which are unknown."""

    total: int = 0
    alive: int = 0
    oldest: dt.timedelta = dt.timedelta(0)
    unwanted: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def refusal(self) -> str:
        """Why processes and directories without an owner shall stay: the database may not be
        theirs."""
        if not self.unwanted and not self.unknown:
            return ""
        oldest = (timezone.now() - self.oldest).timestamp()
        return (
            installation.reason_of_age(oldest)
            or installation.reason_to_refuse("running attempts", len(self.unwanted), self.alive)
            or installation.reason_to_refuse("attempts", len(self.unknown), self.total)
        )


def sweep() -> Swept:
    """Compare this host and the slots with what rooms own. Safe at any moment and twice.

    It begins at another place each time and ends after SWEEP_SECONDS, so that an account with
    thousands of attempts keeps no worker. Nothing younger than two minutes is touched. Working
    files of an ended attempt go after ``MODELYARD_KEEP_WORK_SECONDS``, its log stays as long as its
    row; a directory without a row goes after the same time. Nothing is touched while database and
    stores do not belong together; what no row knows stays, too, where it is an unusual share of
    what was seen, or older than the database.
    """
    backend, done = local.current(), Swept()
    if not installation.sweeps_allowed():
        return done
    every, seen = iter(backend.sweep()), _Look()
    until = time.monotonic() + SWEEP_SECONDS
    while time.monotonic() < until and (found := list(islice(every, CHUNK))):
        answer = ask([one.attempt for one in found])
        for one in found:
            with _reported(one.attempt):
                _look(backend, one, answer, seen, done)
    reason = seen.refusal()
    installation.note_refusal("attempts", reason)
    if not reason:
        _take(backend, seen, done)
    _slots(backend, done)
    return done


@contextmanager
def _reported(attempt: str) -> Iterator[None]:
    """One attempt that cannot be swept does not keep the others from it."""
    try:
        yield
    except BackendError as problem:
        log.warning("attempt %s could not be swept: %s", attempt, problem)


def _take(backend: Backend, seen: _Look, done: Swept) -> None:
    for attempt in seen.unwanted:
        with _reported(attempt):
            log.warning("attempt %s runs without an owner", attempt)
            backend.kill(attempt)
            done.killed += 1
    for attempt in seen.unknown:
        with _reported(attempt):
            backend.remove(attempt)
            local.forget_credential(attempt)
            done.removed += 1


def make_room(needed: int) -> int:
    """Remove working files of ended attempts, oldest first, until ``needed`` bytes are free.

    Logs and last states stay. Files that a failed upload left go last: their upload could still be
    retried. One at a time over all workers. Returns the bytes that became free; 0 where nothing is
    needed, nothing is left to remove, or the stores do not belong together.
    """
    if needed <= 0 or not installation.sweeps_allowed():
        return 0
    with reconcile.lease("compute.room") as holder:
        if holder is None:
            return 0
        backend, freed = local.current(), 0
        until = time.monotonic() + ROOM_SECONDS
        try:
            for attempt in _disposable(backend):
                if freed >= needed:
                    break
                freed += _empty(backend, attempt, until - time.monotonic())
        except alarm.TookTooLong:
            log.info("making room goes on with the next look")
        return freed


def _disposable(backend: Backend) -> Iterator[str]:
    """Ended attempts with working files: the oldest first, those with a failed upload last."""
    last: list[str] = []
    for attempt in backend.kept():
        if backend.may_retry_upload(attempt):
            last.append(attempt)
        else:
            yield attempt
    yield from last


def _empty(backend: Backend, attempt: str, seconds: float) -> int:
    """Bytes that went with the working files of one ended attempt. Raises TookTooLong: a program
    may have left more files than a look can remove; those that went are gone."""
    held = backend.disk_held(attempt)
    if attempt in ask([attempt]).wanted:
        return 0
    try:
        with alarm.within(seconds):
            gone = backend.prune(attempt, dt.timedelta(0))
    except BackendError:
        return 0  # it lives again: its upload is retried
    if gone:
        log.info("working files of attempt %s made room: %d bytes", attempt, held)
    return held if gone else 0


def _look(backend: Backend, one: Observation, answer: Owned, seen: _Look, done: Swept) -> None:
    age = backend.age(one.attempt)
    seen.total += 1
    seen.alive += one.alive
    seen.oldest = max(seen.oldest, age)
    if one.attempt in answer.wanted or age < YOUNG:
        return
    if one.alive:
        # What it leaves is looked at by the next sweep, when it is gone for certain.
        if not one.final:
            seen.unwanted.append(one.attempt)
        return
    keep = dt.timedelta(seconds=settings.MODELYARD_KEEP_WORK_SECONDS)
    if age < keep:
        return
    if one.attempt not in answer.known:
        seen.unknown.append(one.attempt)
    elif backend.prune(one.attempt, keep):
        done.pruned += 1


def _slots(backend: Backend, done: Swept) -> None:
    """Give back capacity whose attempt has ended or was never recorded. Dirty slots stay held."""
    held = Slot.objects.filter(dirty=False, taken_at__lt=timezone.now() - YOUNG)
    ids = [str(pk) for pk in held.values_list("attempt", flat=True)]
    wanted = ask(ids).wanted
    for attempt in ids:
        if attempt not in wanted and not backend.observe(attempt).alive:
            slots.release(uuid.UUID(attempt))
            done.released += 1
