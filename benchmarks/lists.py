"""What a list page costs as tables grow, for a typical and a heavy account, and beside guardian.

    .venv/bin/python -m benchmarks.lists [--sizes 10000 100000 1000000] [--database postgres:///name]

Every size has a database of its own (a temporary SQLite file, or one made on the PostgreSQL server
of the URL and dropped again), filled with models of 1,000 accounts. The heavy account owns a tenth
of all rows and a twentieth is shared with it, a tenth of that by two units; the typical account
owns 1,000 rows and 50 are shared with it, at every size. One process per size waits for questions;
they are asked in turn, so that a busy machine is as busy for all sizes. For the heavy account
django-guardian's ``get_objects_for_user`` answers too, and must give the same page.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PAGE = 20
DEEP = 20  # a page that every list of the heavy account has
DEEPEST = 500  # the last page before a count ends in "10,000+"

Key = tuple[str, str, str]  # who, which rows, what


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument(
        "--database", default="", help="URL of a PostgreSQL database; default SQLite"
    )
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)  # the process of one size
    options = parser.parse_args()
    if options.size:
        answer(options.size)
        return
    with tempfile.TemporaryDirectory(prefix="my-bench-") as folder:
        workers: list[Worker] = []
        try:
            for size in sorted(options.sizes):
                workers.append(Worker(size, Path(folder), options.database))
            compare(workers, options.repeats)
        finally:
            for worker in workers:
                worker.close()


class Worker:
    """The process and the database of one size."""

    def __init__(self, size: int, folder: Path, database: str) -> None:
        self.size, self.server = size, database
        self.name = f"{urlsplit(database).path.lstrip('/')}_{size}" if database else ""
        if database:
            self._sql(f'CREATE DATABASE "{self.name}"')
            database = urlsplit(database)._replace(path=f"/{self.name}").geturl()
            database = database.replace(":/", ":///", 1) if ":///" not in database else database
        var = folder / str(size)
        var.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.lists", "--size", str(size)],
            env=os.environ | {"MODELYARD_VAR": str(var), "DATABASE_URL": database},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started = time.perf_counter()
        self.about = self._read()
        self.keys: list[Key] = [tuple(key) for key in self.about["keys"]]
        print(
            f"{size:,} rows, filled in {time.perf_counter() - started:.0f} s; heavy account: "
            f"{self.about['heavy'][0]:,} own and {self.about['heavy'][1]:,} shared; typical: "
            f"{self.about['typical'][0]:,} and {self.about['typical'][1]:,}",
            flush=True,
        )

    def ask(self, key: Key) -> tuple[list[float], int]:
        """Milliseconds on both clocks, and queries, of one call."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{self.keys.index(key)}\n")
        self.process.stdin.flush()
        taken, queries = self._read()
        return taken, int(queries)

    def _read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the process of {self.size:,} rows ended: {self.process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        if self.name:
            self._sql(f'DROP DATABASE "{self.name}"')

    def _sql(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.server, autocommit=True) as server:
            server.execute(statement)  # type: ignore[call-overload]


Figures = dict[tuple[Key, int], float]


def compare(workers: list[Worker], repeats: int) -> None:
    taken: dict[tuple[Key, int], list[list[float]]] = {}
    queries: dict[tuple[Key, int], int] = {}
    for key in workers[-1].keys:
        asked = [worker for worker in workers if key in worker.keys]
        for worker in asked:
            _cold, queries[key, worker.size] = worker.ask(key)
        for _repeat in range(max(3, repeats // 5) if key[0].startswith("guardian") else repeats):
            for worker in asked:
                taken.setdefault((key, worker.size), []).append(worker.ask(key)[0])
    sizes = [worker.size for worker in workers]
    for number, clock in enumerate(("on the wall", "of processor time")):
        p50 = {at: statistics.median(v[number] for v in values) for at, values in taken.items()}
        print(f"\n{workers[0].about['vendor']}; ms {clock}, p50 of {repeats}; [queries]")
        show(p50, queries, sizes, workers[-1].keys)
        judge(p50, queries, sizes[0], sizes[-1])


def show(
    p50: Figures, queries: dict[tuple[Key, int], int], sizes: list[int], keys: list[Key]
) -> None:
    head = "".join(f"{size:>16,}" for size in sizes)
    print(f"{'account':<17} {'rows':<7} {'what':<9}{head}{'last/first':>12}")
    for key in keys:
        line = "".join(
            f"{p50[key, n]:>12.2f} [{queries[key, n]}]" if (key, n) in p50 else f"{'-':>16}"
            for n in sizes
        )
        ends = [p50.get((key, size)) for size in (sizes[0], sizes[-1])]
        ratio = f"{ends[1] / ends[0]:>12.2f}" if ends[0] and ends[1] else f"{'-':>12}"
        print(f"{key[0]:<17} {key[1]:<7} {key[2]:<9}{line}{ratio}")


def judge(p50: Figures, queries: dict[tuple[Key, int], int], first: int, last: int) -> None:
    """The goals, in the words of benchmarks/README.md."""
    pages = [
        key
        for key, size in p50
        if size == last
        and (key, first) in p50
        and key[2].startswith("page")
        and not key[0].startswith("guardian")
    ]
    worst = max(pages, key=lambda key: p50[key, last] / p50[key, first])
    growth = p50[worst, last] / p50[worst, first]
    print(f"the page that grows most: {growth:.2f} ({', '.join(worst)}); goal 1.5")
    same = all(queries[key, first] == queries[key, last] for key in pages)
    print(f"as many queries at every size: {'yes' if same else 'NO'}")
    for number in (1, DEEP):
        ours = p50[("heavy", "all", f"page {number}"), last]
        for peer in ("guardian generic", "guardian direct"):
            theirs = p50[(peer, "all", f"page {number}"), last]
            print(f"{peer}, page {number}: {theirs / ours:.0f} times the product's; goal 10")


# -- the process of one size -------------------------------------------------------------------


def answer(size: int) -> None:
    """Fill, say what can be asked, and answer the numbers that come in."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "console.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    call_command("migrate", verbosity=0)
    from benchmarks.lists_world import World

    world = World()
    world.grow(size)
    found = questions(world)
    for ask in found.values():
        ask()
    about = {"keys": list(found), "vendor": connection.vendor}
    about |= {who: (getattr(world, who).own, getattr(world, who).shared) for who in WHO}
    print(json.dumps(about), flush=True)
    counted: dict[int, int] = {}
    for line in sys.stdin:
        number = int(line)
        ask = list(found.values())[number]
        if number not in counted:
            with CaptureQueriesContext(connection) as seen:
                ask()
            counted[number] = len(seen)
        before = clocks(connection)
        ask()
        after = clocks(connection)
        taken = [(b - a) * 1e3 for a, b in zip(before, after, strict=True)]
        print(json.dumps([taken, counted[number]]), flush=True)


def clocks(connection: Any) -> tuple[float, float]:
    """Seconds on the wall, and of processor time: this process's and its PostgreSQL backend's."""
    spent = 0.0
    if connection.vendor == "postgresql":
        backend = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
        if backend.exists():  # not where the server is another machine
            spent = int(backend.read_text().split()[0]) / 1e9
    return time.perf_counter(), time.process_time() + spent


WHO = ("typical", "heavy")


def questions(world: Any) -> dict[Key, Callable[[], Any]]:
    """Every list of both accounts, and the peers for the heavy one."""
    found: dict[Key, Callable[[], Any]] = {}

    def page(who: str, which: str, number: int) -> Callable[[], list[Any]]:
        start = (number - 1) * PAGE
        account = getattr(world, who)
        return lambda: world.branches(account, which)[start : start + PAGE]  # type: ignore[no-any-return]

    for who in WHO:
        account = getattr(world, who)
        has = {"own": account.own, "shared": account.shared, "all": account.own + account.shared}
        for which, rows in has.items():
            for number in (1, DEEP, DEEPEST):
                if rows >= number * PAGE:
                    found[who, which, f"page {number}"] = page(who, which, number)
            found[who, which, "count"] = lambda a=account, w=which: world.branches(a, w).count()
    expected = {number: page("heavy", "all", number)() for number in (1, DEEP)}
    for name, rows in world.peers():
        newest = rows.order_by("-created_at", "-id")
        for number, ours in expected.items():
            start = (number - 1) * PAGE
            theirs = newest[start : start + PAGE]
            if [row.pk for row in theirs] != [row.pk for row in ours]:
                raise SystemExit(f"{name} shows other rows than the product on page {number}")
            found[name, "all", f"page {number}"] = lambda q=theirs: list(q.all())
        found[name, "all", "count"] = rows.count
    return found


if __name__ == "__main__":
    main()
