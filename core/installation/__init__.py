"""One installation: a database and the stores that belong to it know each other.

A random id stands in the database, in a marker of every store, in control groups, processes and
state files. What does not carry it is not this installation's: it is neither deleted nor killed.
See docs/mechanisms/installation.md.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F, Min
from django.utils import timezone

from core.identity import places
from core.identity.judge import FOLDER, Facts, Kind, Mismatch, Seen, judge
from core.identity.places import MARKER

__all__ = [
    "FOLDER",
    "MARKER",
    "Kind",
    "Mismatch",
    "created_at",
    "deletes_allowed",
    "find_mismatch",
    "installation_id",
    "mark",
    "note_refusal",
    "pulse",
    "reason_of_age",
    "reason_to_refuse",
    "register_store",
    "sweeps_allowed",
]

log = logging.getLogger("modelyard.installation")

Marker = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Store:
    """A place that belongs to the installation. Its functions may raise what the store raises."""

    name: str
    read: Callable[[], Marker | None]
    write: Callable[[Marker], None]
    place: Callable[[], Any]
    holds_data: Callable[[], bool]


_stores: dict[str, Store] = {}


def register_store(
    name: str,
    read_marker: Callable[[], Marker | None],
    write_marker: Callable[[Marker], None],
    *,
    place: Callable[[], Any],
    holds_data: Callable[[], bool] = lambda: False,
) -> None:
    """Declare a store. ``place`` says where it lies, in plain values that a copy would not share;
    ``holds_data`` whether anything is in it."""
    _stores[name] = Store(name, read_marker, write_marker, place, holds_data)


def stores() -> dict[str, Store]:
    """All stores, the data folder first."""
    folder = Store(FOLDER, _read, _write, _place, _holds_attempts)
    return {FOLDER: folder, **_stores}


def var() -> Path:
    """The data folder."""
    return Path(settings.VAR_DIR)


def _read() -> Marker | None:
    return places.read(var())


def _write(marker: Marker) -> None:
    places.write(var(), marker)


def _place() -> Any:
    return places.of_folder(var())


def _holds_attempts() -> bool:
    try:
        return any((var() / "work" / "attempts").iterdir())
    except OSError:
        return False


# -- the database's side -----------------------------------------------------------------------


def row() -> Any:
    """The one row of ``core.models.Installation``, made where there is none yet."""
    from core.models import Installation

    found = Installation.objects.filter(key=1).first()
    if found is None:
        born = MigrationRecorder(connection).migration_qs.aggregate(born=Min("applied"))["born"]
        found, _made = Installation.objects.get_or_create(
            key=1, defaults={"created_at": born or timezone.now()}
        )
    return found


@functools.cache
def installation_id() -> str:
    """The id, from the database once per process: it changes only while nothing runs."""
    return str(row().identity)


def created_at() -> dt.datetime:
    """When the database was begun: its first migration, also of one that is older than its id."""
    moment: dt.datetime = row().created_at
    return moment


def database_place() -> str:
    """The database for a sentence, without the password."""
    about = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"SQLite {about['NAME']}"
    host, port = about.get("HOST") or "localhost", about.get("PORT") or "5432"
    return f"PostgreSQL {about['NAME']} on {host}:{port}"


def database_key() -> str:
    """What tells this database from a copy of it; "" where it lies in the data folder, and a copy
    of the folder is a copy of the database."""
    if connection.vendor == "sqlite":
        return places.sqlite_key(str(connection.settings_dict["NAME"]), var())
    with connection.cursor() as cursor:
        cursor.execute(places.POSTGRES_KEY)
        return str(cursor.fetchone()[0])


def facts() -> Facts:
    """What the database says of itself."""
    found = row()
    account = apps.get_model(settings.MODELYARD_ACCOUNT_MODEL)
    return Facts(
        identity=found.identity,
        generation=found.generation,
        populated=bool(account._base_manager.exists()),
        place=database_place(),
        home=found.home,
    )


# -- together ----------------------------------------------------------------------------------


def look() -> dict[str, Seen]:
    """What every store says now. Raises what a store raises that cannot be reached."""
    return {
        name: Seen(store.read(), store.place(), store.holds_data())
        for name, store in stores().items()
    }


def find_mismatch() -> Mismatch | None:
    """What does not belong together; None where all is right.

    Raises DatabaseError, and what a store raises that cannot be reached.
    """
    seen = look()  # before the database: a counter that grows meanwhile is no older dump
    found = judge(facts(), seen)
    return found.typed(var()) if found else None


def sweeps_allowed() -> bool:
    """Whether anything may be deleted or killed because nothing refers to it. The log says why not.

    Asked anew every time: a dump may be loaded, or a store exchanged, while processes run.
    """
    try:
        found = find_mismatch()
    except Exception as problem:  # noqa: BLE001 what cannot be asked has not agreed
        log.error("sweeps are off: the stores cannot be compared: %r", problem)
        return False
    if found is not None:
        log.error("sweeps are off: %s", found.what)
    return found is None


_agreed: dict[str, float] = {}
AGREED_SECONDS = 5.0


def deletes_allowed() -> bool:
    """``sweeps_allowed`` for what is asked with every single delete: an agreement holds for some
    seconds."""
    place = f"{var()} {connection.settings_dict['NAME']}"
    if time.monotonic() - _agreed.get(place, float("-inf")) < AGREED_SECONDS:
        return True
    if not sweeps_allowed():
        return False
    _agreed[place] = time.monotonic()
    return True


SLACK = dt.timedelta(hours=1)
FEW, SHARE = 20, 0.1


def reason_to_refuse(
    what: str, taken: int, total: int, *, taken_bytes: int = 0, total_bytes: int = 0
) -> str:
    """Why a sweep that would take so many of ``what`` shall take none: it is an unusual share, so a
    dump or a store may have been exchanged; "" where it is usual."""
    if taken <= FEW or (taken <= SHARE * total and taken_bytes <= SHARE * total_bytes):
        return ""
    return (
        f"{taken} of {total} {what} would be taken ({taken_bytes} of {total_bytes} bytes), which "
        "is an unusual share"
    )


def reason_of_age(oldest: float | None) -> str:
    """Why a sweep shall take nothing from a store whose oldest content (seconds since 1970) is
    older than the database; "" where it is not."""
    if oldest is None:
        return ""
    moment = dt.datetime.fromtimestamp(oldest, dt.UTC)
    born = created_at()
    if moment >= born - SLACK:
        return ""
    return (
        f"the database was begun on {born:%Y-%m-%d %H:%M} UTC and is younger than what is stored "
        f"since {moment:%Y-%m-%d %H:%M} UTC"
    )


def note_refusal(sweep: str, reason: str) -> None:
    """Remember why the last sweep of this name took nothing, for the operator; "" where it did its
    work. One line per sweep stands in the row."""
    from core.models import Installation

    if reason:
        log.error("the sweep of %s took nothing: %s", sweep, reason)
    before = str(row().refused)
    kept = [line for line in before.splitlines() if not line.startswith(f"{sweep}: ")]
    after = "\n".join([*kept, *([f"{sweep}: {reason}"] if reason else [])])
    if after != before:
        Installation.objects.filter(key=1).update(refused=after)


def mark(*, start: bool = False) -> None:
    """Write the database's id and generation into every store, once they are known to belong
    together. ``start``: the generation grows, as with every start.

    On a further host the folder's marker alone is written: the rest is the home's to write.
    """
    from core.models import Installation

    var().mkdir(parents=True, exist_ok=True)
    folder = stores()[FOLDER]
    if _joined():
        folder.write({**_marker(row(), folder), "joined": True})
        return
    with transaction.atomic():
        found = row()
        if start or found.generation == 0:
            Installation.objects.filter(key=1).update(generation=F("generation") + 1)
        Installation.objects.filter(key=1).update(home=places.shown(folder.place())[:500])
        found = row()
    for store in stores().values():
        store.write(_marker(found, store))


def _joined() -> bool:
    return bool((stores()[FOLDER].read() or {}).get("joined"))


def _marker(found: Any, store: Store) -> Marker:
    return {
        "installation": found.identity,
        "generation": found.generation,
        "created_at": found.created_at.isoformat(),
        "written_at": timezone.now().isoformat(timespec="seconds"),
        "place": store.place(),
        "database": database_place(),
        "database_key": database_key(),
    }


def pulse() -> bool:
    """Let the generation grow in the database and in every store, so that a dump of some minutes
    ago is known by it; False where they do not belong together, and on a further host.

    A store that could not be written last time is written first, before the database goes on: no
    marker is ever more than one behind.
    """
    if _joined() or not sweeps_allowed():
        return False
    behind = any(seen.generation < row().generation for seen in look().values())
    mark(start=not behind)
    return True
