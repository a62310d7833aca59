"""What a list page costs as tables grow: own and shared rows of a heavy account, page and count.

    .venv/bin/python -m benchmarks.lists [--sizes 10000 100000 1000000] [--database-url postgres://...]

Fills a fresh database (a temporary SQLite file, or the empty PostgreSQL database of the URL) with
models of 1,000 accounts. The account that is measured owns a tenth of all rows, and another tenth
is shared with it. Each size is measured in the same run with the product's own list code, and
beside it one query that joins both branches by OR.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from typing import Any

ACCOUNTS = 1000
BATCH = 5000
PAGE = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--database-url", default="")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="my-bench-") as folder:
        os.environ |= {
            "MODELYARD_VAR": folder,
            "DATABASE_URL": options.database_url,
            "DJANGO_SETTINGS_MODULE": "console.settings",
        }
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        run(sorted(options.sizes), options.repeats)


def run(sizes: list[int], repeats: int) -> None:
    from django.db import connection

    world = World()
    print(f"{connection.vendor}; p50 of {repeats}, ms; queries in brackets")
    print(
        f"{'rows':>10} {'page own':>12} {'page all':>12} {'count all':>12} {'page 50':>12} "
        f"{'one OR':>12}"
    )
    first: list[float] = []
    for size in sizes:
        world.grow(size)
        figures = [
            world.measure(repeats, lambda w: w.branches("own")[0:PAGE]),
            world.measure(repeats, lambda w: w.branches("all")[0:PAGE]),
            world.measure(repeats, lambda w: w.branches("all").count()),
            world.measure(repeats, lambda w: w.branches("all")[50 * PAGE : 51 * PAGE]),
            world.measure(max(3, repeats // 5), World.one_or),
        ]
        first = first or [f[0] for f in figures]
        print(f"{size:>10,} " + " ".join(f"{ms:>8.2f} [{n}]" for ms, n in figures))
        print(
            f"{'ratio':>10} "
            + " ".join(f"{f[0] / base:>12.2f}" for f, base in zip(figures, first, strict=True))
        )


class World:
    """The tables, and the root user of the heavy account."""

    def __init__(self) -> None:
        from accounts.account.models import Account
        from core.models import Resource  # noqa: F401 the kernel is loaded
        from sharing.grants import account_group, permission_ids, sync_permissions
        from sharing.unit.models import ShareUnit
        from tests.storage.people import root

        self.actor = root("bench-heavy").actor
        self.group = account_group(self.actor.account_id or "")
        Account.objects.bulk_create(
            Account(pk=f"{n:010d}", name=f"bench{n:06d}") for n in range(1, ACCOUNTS)
        )
        self.rows = 0
        sync_permissions()
        from core import registry

        self.spec = registry.spec_by_slug("models")
        self.permissions = permission_ids(self.spec)
        self.unit = ShareUnit.objects.create(
            account_id=f"{1:010d}", region="cn-north-1", name="bench", phase="ACTIVE"
        )

    def grow(self, size: int) -> None:
        """Add rows until there are ``size``: a tenth own, a tenth shared, the rest of others."""
        from django.db import connection, transaction
        from django.utils import timezone

        from registry.model.models import Model, ModelGrant

        start = timezone.now() - dt.timedelta(days=400)
        listed = self.permissions["modelarts:model:list"]
        while self.rows < size:
            models, grants = [], []
            for number in range(self.rows, min(size, self.rows + BATCH)):
                own, shared = number % 10 == 0, number % 10 == 5
                account = self.actor.account_id if own else f"{1 + number % (ACCOUNTS - 1):010d}"
                model = Model(
                    pk=uuid.uuid4(),
                    account_id=account,
                    region="cn-north-1",
                    name=f"model-{number}",
                    model_version="0.0.1",
                    phase="Published",
                )
                model.created_at = start + dt.timedelta(seconds=number)
                models.append(model)
                if shared:
                    grants.append(
                        ModelGrant(
                            group=self.group,
                            permission_id=listed,
                            content_object_id=model.pk,
                            unit=self.unit,
                        )
                    )
            with transaction.atomic():
                created = [m.created_at for m in models]
                Model._base_manager.bulk_create(models, batch_size=500)
                for model, moment in zip(models, created, strict=True):
                    model.created_at = moment
                Model._base_manager.bulk_update(models, ["created_at"], batch_size=300)
                ModelGrant.objects.bulk_create(grants, batch_size=500)
            self.rows += len(models)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")

    def branches(self, which: str) -> Any:
        from console.pages.list import branches

        return branches(self.spec, self.actor, which, region="cn-north-1")

    def one_or(self) -> Any:
        """The peer: own and shared rows in one query, as the manager's look-ups by key do it."""
        rows = self.spec.model.objects.for_action(self.actor, "list").filter(region="cn-north-1")
        return list(rows.order_by("-created_at", "-id")[:PAGE])

    def measure(self, repeats: int, ask: Callable[[World], Any]) -> tuple[float, int]:
        """p50 in milliseconds, and the number of queries of one call."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as seen:
            ask(self)
        taken = []
        for _repeat in range(repeats):
            started = time.perf_counter()
            ask(self)
            taken.append(time.perf_counter() - started)
        return statistics.median(taken) * 1e3, len(seen)


if __name__ == "__main__":
    main()
