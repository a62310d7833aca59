"""What the scripts share: a fresh installation in a temporary folder, and its real processes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

#: ports tried in order, so that several scripts can run beside each other
PORTS = range(21200, 21300)


@contextlib.contextmanager
def installation(database_url: str = "") -> Iterator[Path]:
    """A data folder with a migrated database, and Django set up on it; all gone at the end.

    Without ``database_url`` the database is SQLite; otherwise a new one on that PostgreSQL server.
    """
    with (
        tempfile.TemporaryDirectory(prefix="modelyard-bench-") as folder,
        own_database(database_url) as own,
    ):
        os.environ |= {
            "MODELYARD_VAR": folder,
            "DATABASE_URL": own,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "MODELYARD_LOG_LEVEL": "WARNING",
            "REDIS_URL": "redis://127.0.0.1:9/0",  # no server: nothing measured needs one
        }
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        try:
            yield Path(folder)
        finally:
            connections.close_all()


@contextlib.contextmanager
def own_database(url: str) -> Iterator[str]:
    if not url:
        yield ""
        return
    import psycopg
    from psycopg import sql

    name = f"modelyard_bench_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            server.execute(drop.format(sql.Identifier(name)))


def free_port(ports: range = PORTS) -> int:
    """The first of ``ports`` on which nothing listens."""
    for port in ports:
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
    raise SystemExit(f"no free port from {ports.start} to {ports.stop - 1}")


@contextlib.contextmanager
def running(
    argv: Sequence[str], ready: Callable[[], bool], log: Path, seconds: float = 60
) -> Iterator[int]:
    """A process until the block ends, by its id; ``ready()`` says when it may be used."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{argv[:4]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def answers(url: str) -> Callable[[], bool]:
    """Does ``url`` answer 200 by now?"""

    def asked() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    return asked


def load_now() -> str:
    """The machine's load, which belongs to every figure taken on shared cores."""
    return "load " + " ".join(f"{value:.1f}" for value in os.getloadavg())
