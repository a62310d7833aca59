"""Before anything is started: whether database, data folder and objects belong together, and the
lock that one installation holds in its database."""

import argparse
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.identity import outside, places
from core.identity.judge import FOLDER, Mismatch, Seen, judge
from core.layout import Layout
from ops.supervisor import lock
from ops.supervisor.options import parser


class Unusable(Exception):
    """The installation cannot start as asked; the message says what to change."""


@dataclass
class Held:
    """What is known before the first process.

    `identity` is empty before the first start; `answer` are the options of `manage.py prepare` that
    pass on what the operator answered; `lost` is called with a sentence when another supervisor
    got the database while its server was away.
    """

    identity: str
    answer: tuple[str, ...]
    lost: Callable[[str], None] = print


@contextmanager
def hold(options: argparse.Namespace, layout: Layout) -> Iterator[Held]:
    """Look, refuse or take the operator's answer, and hold the database until the block ends.

    Raises Unusable, outside.Held, outside.NoDatabase.
    """
    url = os.environ.get("DATABASE_URL", "").strip()
    seen = outside.stores(layout.var, os.environ.get("MODELYARD_OBJECT_STORE", "").strip())
    answer = _answer(options)
    with outside.connect(url, layout.var) as database:
        facts = database.facts()
        found = judge(facts, seen)
        if found is not None and not answer:
            raise Unusable(refusal(found.typed(layout.var, _addresses(options))))
        folder = seen[FOLDER]
        if options.this_is_a_copy and database.key and _key(folder) == database.key:
            raise Unusable(
                f"The database {facts.place} is not a copy: it is the one that the original uses."
                " Copy it as well, set DATABASE_URL to the copy and start again."
            )
        held = Held("" if answer else facts.identity, answer)
        further = hashlib.sha256(repr(folder.place).encode()).hexdigest() if folder.joined else ""
        database.lock(lambda text: held.lost(text), further=further)
        if answer:
            lock.forget_running(layout)
        yield held


def refusal(found: Mismatch) -> str:
    """What happened, and the command for each intention."""
    lines = [f"Not started. {found.what}", ""]
    for intention, way in found.ways.items():
        lines += [f"    {intention}:", f"        {way}"]
    return "\n".join(lines)


def _addresses(options: argparse.Namespace) -> str:
    """The options that were given for address and ports: an original holds the usual ones."""
    default = parser()
    given = {
        name: getattr(options, name.replace("-", "_")) for name in ("host", "port", "gateway-port")
    }
    return "".join(
        f" --{name} {value}"
        for name, value in given.items()
        if value != default.get_default(name.replace("-", "_"))
    )


def mismatch(layout: Layout) -> Mismatch | None:
    """What does not belong together, looked at without holding anything. Raises NoDatabase."""
    url = os.environ.get("DATABASE_URL", "").strip()
    seen = outside.stores(layout.var, os.environ.get("MODELYARD_OBJECT_STORE", "").strip())
    with outside.connect(url, layout.var) as database:
        return judge(database.facts(), seen)


def marked(var: Path) -> str:
    """The id in the data folder's marker."""
    return str((places.read(var) or {}).get("installation", ""))


def _answer(options: argparse.Namespace) -> tuple[str, ...]:
    if options.this_is_a_copy:
        return ("--this-is-a-copy",)
    return ("--adopt",) if options.adopt else ()


def _key(folder: Seen) -> str:
    return str((folder.marker or {}).get("database_key", ""))
