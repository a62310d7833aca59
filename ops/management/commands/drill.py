"""``manage.py drill``: break parts of a live installation, one by one, and see what is lost."""

from __future__ import annotations

import datetime as dt
import signal
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from client import StepFailed
from console.celery import app
from core.visible import visible
from ops.drill import client, matrix, report, scenarios, work
from ops.drill.held import Consumer
from ops.drill.own import Own
from ops.drill.processes import Host

WARNING = (
    "The drill kills processes of the installation in {var}, fills its disk where that is a small\n"
    "file system of its own, and stops its database where it is told how. Requests of people who\n"
    "work there now fail meanwhile. Type yes to go on: "
)
MINUTES = 150.0


class Command(BaseCommand):
    """See docs/mechanisms/faults.md, "Hold it"."""

    help = "Break parts of an installation on purpose and prove that nothing is lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--scenario",
            action="append",
            default=[],
            metavar="NAME[:PHASE]",
            help="only this one; may be repeated. Without it all are held",
        )
        parser.add_argument("--list", action="store_true", help="name the scenarios and end")
        parser.add_argument("--yes", action="store_true", help="do not ask before breaking things")
        parser.add_argument(
            "--own",
            choices=("sqlite", "postgresql"),
            help="make an installation for it on this database and take it away afterwards",
        )
        parser.add_argument(
            "--write", type=Path, metavar="FILE", help="the table as .json or .csv, too"
        )
        parser.add_argument(
            "--minutes",
            type=float,
            default=MINUTES,
            help="begin no further blow after so many minutes (%(default)s)",
        )
        parser.add_argument(
            "--untimed",
            action="store_true",
            help="tell the other tenant's times under an attack without judging them, as on a "
            "machine that does other work meanwhile",
        )
        parser.add_argument("--database-stop", default="", help="command that stops PostgreSQL")
        parser.add_argument("--database-start", default="", help="command that starts it again")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self._list()
            return
        chosen = self._chosen(options["scenario"])
        if options["own"]:
            self._own(options)
            return
        host = Host(settings.VAR_DIR)
        if not host.supervisor.alive:
            raise CommandError(f"No ./run holds {host.var}: start it first, or set MODELYARD_VAR.")
        if not options["yes"] and input(WARNING.format(var=host.var)).strip() != "yes":
            raise CommandError("Nothing was done.")
        began = dt.datetime.now(dt.UTC)
        rows: list[matrix.Row] = []
        try:
            self._hold(host, chosen, options, rows)
        except (client.DrillFailed, StepFailed) as failure:
            raise CommandError(str(failure)) from failure
        finally:
            if rows:
                self._table(rows, began, options["write"])
        bad = sum(row.verdict in report.BAD for row in rows)
        if bad:
            raise CommandError(f"{bad} of {len(rows)} lost something or could not be held.")

    def _list(self) -> None:
        for name, text in matrix.FAULTS.items():
            shown = ", ".join(f"{cell.kind} {cell.phase}" for cell in matrix.cells(name))
            self.stdout.write(f"{name:9} {text}: {shown}")
        for name, text in matrix.ATTACKS.items():
            self.stdout.write(f"{name:9} {text}, while another tenant works")
        self.stdout.write("\nWithout a meaning:")
        for cell in matrix.matrix():
            if reason := matrix.reason_against(cell):
                self.stdout.write(f"{cell.fault:9} {cell.kind} {cell.phase}: {reason}")

    def _chosen(self, names: list[str]) -> list[matrix.Cell]:
        wanted = []
        for text in names:
            known = text.partition(":")[0] in {*matrix.FAULTS, *matrix.ATTACKS}
            found = matrix.cells(text) if known else []
            if not found:
                raise CommandError(f"There is no scenario {text}. See manage.py drill --list.")
            wanted += found
        return matrix.in_turn(wanted or matrix.cells())

    def _own(self, options: dict[str, Any]) -> None:
        arguments = [word for name in options["scenario"] for word in ("--scenario", name)]
        arguments += ["--minutes", str(options["minutes"])]
        if options["untimed"]:
            arguments.append("--untimed")
        if options["write"]:
            arguments += ["--write", str(options["write"].absolute())]
        # Also where it was started in the background, nothing of it may stay.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _frame: sys.exit(128 + number))
        try:
            with Own(options["own"], self._tell) as own:
                code = own.hold(arguments)
        except client.DrillFailed as failure:
            raise CommandError(str(failure)) from failure
        if code:
            raise CommandError("Something was lost or could not be held; see above.")

    def _hold(
        self,
        host: Host,
        chosen: list[matrix.Cell],
        options: dict[str, Any],
        rows: list[matrix.Row],
    ) -> None:
        user = client.Client(host.address("web"), host.var)
        database = settings.DATABASES["default"]
        is_file = database["ENGINE"].endswith("sqlite3")
        drill = scenarios.Drill(
            user,
            host,
            Consumer(host, app),
            sqlite=str(database["NAME"]) if is_file else "",
            database_stop=options["database_stop"],
            database_start=options["database_start"],
            tell=self._tell,
            neighbour=lambda: client.Client(host.address("web"), host.var, "consumer"),
            judged=not options["untimed"],
        )
        until = time.monotonic() + options["minutes"] * 60
        try:
            client.prepare(user)
            work.upload_code(user)
            for cell in chosen:
                late = time.monotonic() > until
                rows.append(matrix.Row(cell, "not held") if late else drill.hold(cell))
                self._tell(report.line(rows[-1]))
            drill.close()
        finally:
            client.tidy(user)
            user.sign_out()

    def _tell(self, text: str) -> None:
        self.stdout.write(f"{dt.datetime.now():%H:%M:%S} {visible(text)}")
        self.stdout.flush()

    def _table(self, rows: list[matrix.Row], began: dt.datetime, path: Path | None) -> None:
        about = report.summary(rows, began)
        self.stdout.write(f"\n{about}\n")
        self.stdout.write(report.HEAD)
        for row in rows:
            self.stdout.write(visible(report.line(row)))
        if path is not None:
            report.write(rows, path, about)
