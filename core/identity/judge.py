"""Whether a database and its stores belong together, and if not, what happened.

Knows nothing of Django: the supervisor asks before it starts anything.
"""

from __future__ import annotations

import enum
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.identity import places

FOLDER = "folder"
COPY = "./run --this-is-a-copy"
ADOPT = "./run --adopt"
RESTORE = "manage.py restore"


class Kind(enum.StrEnum):
    """What differs."""

    OTHER_DATABASE = "other database"
    OLDER_DATABASE = "older database"
    OLDER_STORE = "older store"
    OTHER_STORE = "other store"
    COPIED = "copied"
    MOVED = "moved"
    SECOND_FOLDER = "second folder"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What differs, a sentence that says what happened, and the command for each intention."""

    kind: Kind
    store: str
    what: str
    ways: Mapping[str, str]

    def __str__(self) -> str:
        lines = [self.what, *(f"  {intention}: {way}" for intention, way in self.ways.items())]
        return "\n".join(lines)

    def typed(self, var: Path, more: str = "") -> Mismatch:
        """The same with the commands as they are typed for this data folder: without its name they
        would change another one. ``more``: further options of `./run`."""
        named = f"./run --var {shlex.quote(str(var))}"
        ways = {
            intention: f"{named}{way.removeprefix('./run')}{more}" if way in (COPY, ADOPT) else way
            for intention, way in self.ways.items()
        }
        return replace(self, ways=ways)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says of itself. ``populated``: whether it has accounts, None: unknown."""

    identity: str = ""
    generation: int = 0
    populated: bool | None = None
    place: str = ""
    home: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a store says: its marker, where it lies, whether there is anything in it."""

    marker: dict[str, Any] | None
    place: Any
    holds_data: bool = False

    @property
    def identity(self) -> str:
        return str((self.marker or {}).get("installation", ""))

    @property
    def generation(self) -> int:
        number = (self.marker or {}).get("generation", 0)
        return number if isinstance(number, int) else 0

    @property
    def joined(self) -> bool:
        """Whether it is the folder of a further host."""
        return bool((self.marker or {}).get("joined"))


@dataclass(frozen=True, slots=True)
class _Case:
    database: Facts
    stores: Mapping[str, Seen] = field(default_factory=dict)

    @property
    def marked(self) -> list[tuple[str, Seen]]:
        return [(name, seen) for name, seen in self.stores.items() if seen.marker is not None]


def judge(database: Facts, stores: Mapping[str, Seen]) -> Mismatch | None:
    """The first thing that does not fit, the folder's before others; None where all is right."""
    case = _Case(database, stores)
    if database.generation == 0:
        return _never_marked(case)
    return _foreign(case) or _unmarked(case) or _age(case) or _places(case)


def _never_marked(case: _Case) -> Mismatch | None:
    """A database that never marked a store: a new one, or one of before there were markers."""
    if case.marked:
        name, seen = case.marked[0]
        return _other_database(case, name, seen)
    if case.database.populated is False:
        for name, seen in case.stores.items():
            if seen.holds_data:
                return Mismatch(
                    Kind.OTHER_DATABASE,
                    name,
                    f"{_label(name, seen)} holds data, but the database {case.database.place} has "
                    "no account: DATABASE_URL names another database than the one this belongs "
                    "to, or is missing.",
                    {"its own database": "set DATABASE_URL to it and start again"} | _anew(),
                )
    return None


def _other_database(case: _Case, name: str, seen: Seen) -> Mismatch:
    own = str((seen.marker or {}).get("database", "")) or "another database"
    what = f"has the id {case.database.identity}" if case.database.generation else "was never used"
    known = f" of {case.database.home}" if case.database.home else ""
    return Mismatch(
        Kind.OTHER_DATABASE,
        name,
        f"{_label(name, seen)} belongs to installation {seen.identity or '(unreadable marker)'}, "
        f"whose database is {own}; the database {case.database.place}{known} {what}: DATABASE_URL "
        "names another database, or is missing.",
        {
            "its own database": f"set DATABASE_URL to {own} and start again",
            "adopt (its data was moved to this database)": ADOPT,
        }
        | _anew(),
    )


def _foreign(case: _Case) -> Mismatch | None:
    strange = [
        (name, seen) for name, seen in case.marked if seen.identity != case.database.identity
    ]
    if not strange:
        return None
    name, seen = strange[0]
    if len(strange) == len(case.marked):
        return _other_database(case, name, seen)
    return Mismatch(
        Kind.OTHER_STORE,
        name,
        f"{_label(name, seen)} belongs to installation {seen.identity or '(unreadable marker)'}, "
        f"the database {case.database.place} and the other stores to {case.database.identity}.",
        {
            "its own store": "correct MODELYARD_VAR or MODELYARD_OBJECT_STORE and start again",
            "adopt (its bytes were moved here)": ADOPT,
        },
    )


def _unmarked(case: _Case) -> Mismatch | None:
    for name, seen in case.stores.items():
        if seen.marker is not None:
            continue
        if name == FOLDER:
            home = case.database.home or "another folder"
            return Mismatch(
                Kind.SECOND_FOLDER,
                name,
                f"The database {case.database.place} belongs to the data folder {home}; "
                f"{places.shown(seen.place)} would be a second folder over one database.",
                {
                    "its own folder": f"./run --var {case.database.home or 'DIR'}",
                    "a new installation": "set DATABASE_URL to an empty database and start again",
                    "a further host of this installation": "manage.py installation join",
                    "adopt (the old folder is lost or was moved)": ADOPT,
                },
            )
        return Mismatch(
            Kind.OTHER_STORE,
            name,
            f"{_label(name, seen)} carries no marker of installation {case.database.identity}: it "
            "is another one than before, or was emptied.",
            {
                "its own store": "correct MODELYARD_OBJECT_STORE and start again",
                "adopt (its bytes were moved here)": ADOPT,
                "restore": RESTORE,
            },
        )
    return None


def _age(case: _Case) -> Mismatch | None:
    for name, seen in case.marked:
        if seen.joined:
            continue
        if seen.generation > case.database.generation:
            return Mismatch(
                Kind.OLDER_DATABASE,
                name,
                f"The database {case.database.place} is older than {_label(name, seen, 'the')} "
                f"(generation {case.database.generation}, {seen.generation} there): an older dump "
                "was loaded, or a snapshot was taken back.",
                {
                    "restore (all of them as they were at one moment)": RESTORE,
                    "adopt (go on with the older rows; what came later is lost)": ADOPT,
                },
            )
        # The database is written first: a crash between the two leaves a marker one behind.
        if seen.generation < case.database.generation - 1:
            return Mismatch(
                Kind.OLDER_STORE,
                name,
                f"{_label(name, seen)} is older than the database {case.database.place} "
                f"(generation {seen.generation}, {case.database.generation} there): an older copy "
                "of it was put in its place.",
                {
                    "restore (all of them as they were at one moment)": RESTORE,
                    "adopt (go on with the older files; what came later is lost)": ADOPT,
                },
            )
    return None


def _places(case: _Case) -> Mismatch | None:
    for name, seen in case.marked:
        before = (seen.marker or {}).get("place")
        if places.same(before, seen.place):
            continue
        then, now = places.shown(before), places.shown(seen.place)
        copy = {"this is a copy (a new installation; nothing of the original is touched)": COPY}
        if places.moved(before, seen.place):
            return Mismatch(
                Kind.MOVED,
                name,
                f"{_label(name, seen)} was moved from {then} to {now}.",
                {"adopt (it belongs here now)": ADOPT} | copy,
            )
        return Mismatch(
            Kind.COPIED,
            name,
            f"{_label(name, seen)} is a copy of {then}, or was moved from there or from another "
            f"machine{_original(before)}.",
            copy | {"adopt (it was moved, and nothing runs at the old place any more)": ADOPT},
        )
    return None


def _original(before: Any) -> str:
    """Whether what it was copied from is still to be seen on this machine."""
    if not isinstance(before, dict) or before.get("host") != places.host():
        return ""
    there = places.of_folder(Path(str(before.get("path", ""))))
    return "; the original is still there" if places.same(before, there) else ""


def _anew() -> dict[str, str]:
    return {"a new installation": "./run --var DIR with another folder"}


def _label(name: str, seen: Seen, article: str = "The") -> str:
    what = "data folder" if name == FOLDER else f"{name} store"
    return f"{article} {what} {places.shown(seen.place)}"
