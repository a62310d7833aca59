"""What an operator may answer where a database and its stores do not belong together."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import transaction

from core import installation
from core.identity import places
from core.identity.judge import FOLDER, Seen, judge


class NotPossible(Exception):
    """The answer does not fit what is there; the message says what to do instead."""


def become_copy() -> str:
    """This database, folder and stores are a copy: they become an installation of their own, and
    the original is not touched. Returns the new id.

    Raises NotPossible where one of them is not a copy but the original's own.
    """
    seen = installation.look()
    folder = seen[FOLDER].marker or {}
    key = installation.database_key()
    if key and folder.get("database_key") == key:
        raise NotPossible(
            f"The database {installation.database_place()} is not a copy: it is the one that the "
            "original uses. Copy it as well (createdb -T, or pg_dump and pg_restore into a new "
            "database), set DATABASE_URL to the copy and start again."
        )
    for name, store in seen.items():
        if store.marker and places.same(store.marker.get("place"), store.place):
            setting = "MODELYARD_VAR" if name == FOLDER else "MODELYARD_OBJECT_STORE"
            raise NotPossible(
                f"The {'data folder' if name == FOLDER else f'{name} store'} "
                f"{places.shown(store.place)} is not a copy: it is the original's own. Copy it as "
                f"well, set {setting} to the copy and start again."
            )
    return renew()


def renew() -> str:
    """A new id for this database and its stores, whatever they were before. Returns it."""
    from core.models import Installation
    from core.models.installation import new_identity

    identity = new_identity()
    with transaction.atomic():
        installation.row()
        Installation.objects.filter(key=1).update(identity=identity, refused="")
        _forget_joined()
        installation.mark(start=True)
    installation.installation_id.cache_clear()
    return identity


def adopt() -> str:
    """This database, folder and stores belong together from now on. Returns the id they have.

    Raises NotPossible where the database is empty and a store is not, where the stores belong to
    several installations, and where the folder's original is still in its place.
    """
    from core.models import Installation

    seen = installation.look()
    facts = installation.facts()
    if not facts.populated and any(store.holds_data for store in seen.values()):
        raise NotPossible(
            f"The database {facts.place} has no account: nothing in it refers to the bytes in the "
            "stores. Load its data first, or set DATABASE_URL to the database they belong to."
        )
    _refuse_twins(seen[FOLDER], facts.identity)
    identity = _common(seen, facts.identity)
    with transaction.atomic():
        born = [installation.created_at(), *_born(seen)]
        Installation.objects.filter(key=1).update(
            identity=identity,
            created_at=min(born),
            generation=max(facts.generation, *(store.generation for store in seen.values())),
            refused="",
        )
        _forget_joined()
        installation.mark(start=True)
    installation.installation_id.cache_clear()
    return identity


def join() -> str:
    """The data folder becomes one of a further host of this installation, whose home stays where it
    is. Returns the id.

    Raises NotPossible where the folder belongs to an installation already, or the bytes lie in it.
    """
    folder = installation.stores()[FOLDER]
    if folder.read() is not None:
        raise NotPossible(
            f"The data folder {places.shown(folder.place())} belongs to an installation already. "
            "Set MODELYARD_VAR to a new folder."
        )
    facts = installation.facts()
    if not facts.generation:
        raise NotPossible(
            f"The database {facts.place} was never started: there is nothing to join. "
            "Start the first host with ./run."
        )
    others = {name: seen for name, seen in installation.look().items() if name != FOLDER}
    found = judge(facts, others)
    if found is not None:
        raise NotPossible(str(found))
    folder.write({"joined": True})
    installation.mark()
    return facts.identity


def _common(seen: dict[str, Seen], own: str) -> str:
    """The id that the database and the stores shall have: the stores', where they agree."""
    marked = {store.identity for store in seen.values() if store.identity}
    if own in marked or not marked:
        return own
    if len(marked) > 1:
        raise NotPossible(
            f"The stores belong to several installations ({', '.join(sorted(marked))}), and the "
            "database to none of them. Correct MODELYARD_VAR and MODELYARD_OBJECT_STORE first."
        )
    return marked.pop()


def _refuse_twins(folder: Seen, own: str) -> None:
    """Two folders with one id would end each other's work."""
    before: Any = (folder.marker or {}).get("place")
    if not isinstance(before, dict) or places.same(before, folder.place):
        return
    path = Path(str(before.get("path", "")))
    there = places.of_folder(path)
    if not places.same(before, there) or places.moved(before, folder.place):
        return
    original = places.read(path)
    if original is None or original.get("installation") != folder.identity:
        return
    raise NotPossible(
        f"The original is still in its place: {path}. If it is to be started again, this is a copy "
        f"(./run --this-is-a-copy). If it never is, take its marker away first: "
        f"mv {path}/{places.MARKER} {path}/{places.MARKER}.old"
    )


def _born(seen: dict[str, Seen]) -> list[dt.datetime]:
    found = []
    for store in seen.values():
        with suppress(ValueError, TypeError):
            found.append(dt.datetime.fromisoformat(str((store.marker or {}).get("created_at"))))
    return [moment for moment in found if moment.tzinfo is not None]


def _forget_joined() -> None:
    """A folder that was a further host's becomes the home."""
    folder = installation.stores()[FOLDER]
    marker = folder.read()
    if marker and marker.get("joined"):
        folder.write({**marker, "joined": False})
