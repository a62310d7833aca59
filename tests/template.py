"""A migrated SQLite database, made once and copied from then on.

The migrations take seconds of a processor, and every worker of the tests needs a database, as does
every small installation of a test's own. The file is kept in ``.cache`` under a digest of what it
follows from. A test that is about migrations, or about the beginning of an installation, takes none
of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "migrated"
NAME = "modelyard.sqlite3"
KEPT = 24 * 3600  # seconds
OURS = ("MODELYARD_", "DJANGO_", "REDIS_", "DATABASE_", "PYTEST_")


@cache
def migrated() -> Path:
    """The file. The first process that asks makes it, others wait. Raises AssertionError with the
    words of a migration that failed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    made = CACHE / f"{_digest()}.sqlite3"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for old in CACHE.glob("*.sqlite3"):
                if time.time() - old.stat().st_mtime > KEPT:
                    old.unlink()  # no run that began with it goes on
            _make(made)
    return made


def _digest() -> str:
    """Of migrations, models, declarations (their permissions are rows) and versions of packages."""
    total = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    found = {path for name in ("migrations/*.py", "models.py") for path in ROOT.glob(f"*/{name}")}
    for path in sorted({*found, *ROOT.glob("*/*/models.py"), *ROOT.glob("*/*/declaration.py")}):
        total.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


def _make(made: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        own = {"MODELYARD_VAR": folder, "REDIS_URL": "redis://127.0.0.1:1/0"}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity", "0"],
            cwd=ROOT, env={**inherited, **own}, capture_output=True, text=True,
            timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
        with closing(sqlite3.connect(Path(folder, NAME))) as database:
            database.execute("PRAGMA journal_mode=DELETE")  # one file is all of it
        Path(folder, NAME).rename(made)


def copy(var: Path) -> None:
    """A data folder with a migrated database."""
    var.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(migrated(), var / NAME)


def begin_with_it(creation: Any) -> None:
    """Django's ``creation`` of a test database in memory begins with a copy, so that ``migrate``
    finds nothing to do."""
    create = creation._create_test_db

    def filled(*given: Any, **options: Any) -> Any:
        create(*given, **options)
        connection = creation.connection
        connection.close()
        connection.settings_dict["NAME"] = creation._get_test_db_name()
        connection.ensure_connection()
        with closing(sqlite3.connect(migrated())) as source:
            source.backup(connection.connection)

    creation._create_test_db = filled
