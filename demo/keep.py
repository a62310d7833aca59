"""What a later run needs to know again: accounts and passwords, in VAR_DIR/demo.json (0600)."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def var_folder() -> Path:
    """The data folder of the installation, as ./run tells its children."""
    return Path(os.environ.get("MODELYARD_VAR", "").strip() or ROOT / "var").resolve()


def engines_folder() -> Path:
    """Where the installation keeps its engines."""
    named = os.environ.get("MODELYARD_ENGINES", "").strip()
    return Path(named).resolve() if named else var_folder() / "engines"


def new_password() -> str:
    """24 random characters, 144 bits."""
    return secrets.token_urlsafe(18)


@dataclass(slots=True)
class Person:
    """Who signs in: ``user`` is empty for the root user. A temporary password must be changed."""

    account: str
    password: str
    user: str = ""
    account_id: str = ""
    temporary: bool = False


@dataclass(slots=True)
class Kept:
    """The people of the story and how often it was played."""

    people: dict[str, Person] = field(default_factory=dict)
    runs: int = 0
    #: people whose password was made in this run, and so may still be shown
    fresh: set[str] = field(default_factory=set)

    @property
    def suffix(self) -> str:
        """Behind the names of this run's objects: "" the first time, then -2, -3 ..."""
        return "" if self.runs <= 1 else f"-{self.runs}"

    def save(self) -> None:
        """Write the file; it is private from its first byte on."""
        path = file()
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        text = {
            "runs": self.runs,
            "people": {name: asdict(person) for name, person in self.people.items()},
        }
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as output:
            json.dump(text, output, indent=1)
        fresh.replace(path)


def file() -> Path:
    return var_folder() / "demo.json"


def load() -> Kept:
    """What earlier runs kept; empty where there was none."""
    try:
        found = json.loads(file().read_text())
    except FileNotFoundError:
        return Kept()
    people = {name: Person(**person) for name, person in found["people"].items()}
    return Kept(people, found["runs"])
