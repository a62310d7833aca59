"""A small installation of a test's own: a data folder and a database, without its processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = ("MODELYARD_", "DJANGO_", "REDIS_", "DATABASE_", "PYTEST_")
SERVER = os.environ.get("DATABASE_URL", "")  # PostgreSQL where the tests run on it
KIND = "postgresql" if SERVER.startswith("postgres") else "sqlite"
NOBODY = "redis://127.0.0.1:1/0"  # no broker: nothing of a test reaches the workers of another


@dataclass
class Done:
    """A step: what it said, and its error or ""."""

    said: str
    error: str

    @property
    def value(self) -> Any:
        return json.loads(self.said)


@dataclass
class Small:
    """Where it is. ``url`` is "" for SQLite in the data folder."""

    var: Path
    url: str = ""

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        own = {"MODELYARD_VAR": str(self.var), "REDIS_URL": NOBODY, "PYTHONPATH": str(ROOT)}
        database = {"DATABASE_URL": self.url} if self.url else {}
        return {**inherited, **own, **database, **more}

    def start(self, *words: str | Path, **more: str) -> subprocess.Popen[str]:
        """A process of the installation."""
        return subprocess.Popen(
            [sys.executable, *map(str, words)], cwd=ROOT, env=self.environment(**more),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *steps: tuple[str | Path, ...], **more: str) -> list[Done]:
        """Steps of fill.py and management commands, one after another in one process."""
        text = json.dumps([[str(word) for word in step] for step in steps])
        process = self.start("tests/ops/fill.py", "steps", text, **more)
        out, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors[-4000:]
        return [Done(**one) for one in json.loads(out.splitlines()[-1])]

    def good(self, *steps: tuple[str | Path, ...], **more: str) -> list[Done]:
        """Steps of which none fails."""
        done = self.run(*steps, **more)
        assert not [one.error for one in done if one.error], done
        return done

    def show(self) -> Any:
        """What its rows and its store say."""
        return self.good(("show",))[0].value

    def drop(self) -> None:
        if self.url:
            on_server(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), self.url)


def on_server(statement: sql.SQL, url: str, **names: str) -> None:
    """Make or drop the database that ``url`` names."""
    parts = urlsplit(url)
    shown = {key: sql.Identifier(value) for key, value in names.items()}
    with psycopg.connect(named("postgres"), autocommit=True) as db:
        db.execute(statement.format(sql.Identifier(parts.path.lstrip("/")), **shown))


def named(name: str) -> str:
    """The server of the tests, another database."""
    parts = urlsplit(SERVER)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{name}{query}"


def empty(folder: Path, template: Small | None = None) -> Small:
    """A data folder that is not there yet and an empty database, or a copy of another's."""
    if KIND == "sqlite":
        return Small(folder)
    made = Small(folder, named(f"test_modelyard_small_{uuid.uuid4().hex[:12]}"))
    if template is None:
        on_server(sql.SQL("CREATE DATABASE {} TEMPLATE template0"), made.url)
    else:
        source = urlsplit(template.url).path.lstrip("/")
        on_server(sql.SQL("CREATE DATABASE {} TEMPLATE {source}"), made.url, source=source)
    return made


def manifest(place: Path, backup: str = "") -> dict[str, Any]:
    """Of one backup, the newest by default."""
    chosen = place / "backups" / (backup or ids(place)[-1])
    found: dict[str, Any] = json.loads((chosen / "manifest.json").read_text())
    return found


def ids(place: Path) -> list[str]:
    """Finished backups, oldest first."""
    folder = place / "backups"
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def stored(place: Path) -> dict[str, int]:
    """Names of the bytes that a folder of backups holds, and when they were written."""
    return {p.name: p.stat().st_mtime_ns for p in place.glob("blobs/*/*")}
