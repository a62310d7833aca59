"""The running installation's folder is copied and started beside it: first as it is, which is
refused, then as a copy, which runs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import psycopg
from psycopg import sql

from client import StepFailed
from core.identity import outside
from ops.drill import cluster
from ops.drill.attacks.beside import Beside, Started, start_line
from ops.drill.client import DrillFailed
from ops.drill.faults import Skip

# Volumes of running attempts are as large as their disks, and nothing of them is wanted.
LEFT_OUT = ("engines", "static", "volume.img", "*.sock", "drill-filler", "modelyard.sqlite3*")
COPY = "modelyard_drill_copy"


class CopiedFolder(Beside):
    """The original keeps every process; the copy counts the original's attempts as lost."""

    name = "copied-folder"

    def check(self) -> None:
        if os.environ.get("MODELYARD_OBJECT_STORE"):
            raise Skip("the objects lie in a bucket, which is not copied with the folder")

    def begin(self) -> None:
        self.remember()
        self._started: Started | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="modelyard-copy-"))
        self._folder.chmod(0o711)
        var = self._folder / "var"
        shutil.copytree(
            self.host.var,
            var,
            symlinks=True,
            ignore=shutil.ignore_patterns(*LEFT_OUT),
            copy_function=_copy,
        )
        url = self.given().get("DATABASE_URL", "")
        if not url:
            self._copy_file(var)
        own = self.variables(**({"DATABASE_URL": url} if url else {}))
        self.refused("a copied folder", start_line(var), own)
        if url:
            self.refused("a copy without its database", start_line(var, "--this-is-a-copy"), own)
            own["DATABASE_URL"] = self._copy_database(url)
        line = start_line(var, "--this-is-a-copy")
        self._started = Started(line, own, self._folder / "run.log")
        self._started.ready()

    def end(self) -> str:
        if self._started is not None:
            self._started.stop()
        with suppress(psycopg.Error):
            self._drop(self.given().get("DATABASE_URL", ""))
        shutil.rmtree(self._folder, ignore_errors=True)
        count = sum(1 for one in self._before.values() if one.pid) + len(self._living)
        return f"refused, then ran beside as a copy; the original kept {count} processes"

    def _copy_file(self, var: Path) -> None:
        name = outside.SQLITE_NAME
        with (
            closing(sqlite3.connect(self.host.var / name, timeout=30)) as source,
            closing(sqlite3.connect(var / name)) as target,
        ):
            source.backup(target)

    def _copy_database(self, url: str) -> str:
        """A dump of the database in another one of the same server; its address."""
        try:
            programs = cluster.programs()
        except DrillFailed as problem:
            raise Skip(str(problem)) from problem
        self._drop(url)
        with psycopg.connect(outside.libpq(url), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(COPY)))
        target = outside.other_database(url, COPY)
        dump = self._folder / "dump.sql"
        for line in (
            [programs / "pg_dump", "--no-owner", "-f", dump, "-d", outside.libpq(url)],
            [programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", dump, "-d", target],
        ):
            done = subprocess.run(
                [str(word) for word in line], capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise StepFailed(f"the database could not be copied: {done.stderr[-500:]}")
        return target

    def _drop(self, url: str) -> None:
        if url:
            with psycopg.connect(outside.libpq(url), autocommit=True) as connection:
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(COPY))
                )


def _copy(source: str, target: str) -> None:
    """A file as `cp -a` copies it; one that went meanwhile is none."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target, follow_symlinks=False)
