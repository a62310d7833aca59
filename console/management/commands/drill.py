"""``manage.py drill``: break parts of a live installation, one by one, and see what is lost."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from console.drill import client, scenarios, work
from console.drill.processes import Host
from demo.client import StoryFailed

WARNING = (
    "The drill kills processes of the installation in {var}, fills its disk where that is a small\n"
    "file system of its own, and stops its database where it is told how. Requests of people who\n"
    "work there now fail meanwhile. Type yes to go on: "
)


class Command(BaseCommand):
    """See docs/operations.md, "Drills"."""

    help = "Break parts of this installation on purpose and prove that nothing is lost."

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
        parser.add_argument("--database-stop", default="", help="command that stops PostgreSQL")
        parser.add_argument("--database-start", default="", help="command that starts it again")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            for name, (text, phases) in scenarios.SCENARIOS.items():
                shown = ", ".join(f"{kind} {phase}" for kind, phase in phases)
                self.stdout.write(f"{name:9} {text}: {shown}")
            return
        chosen = self._chosen(options["scenario"])
        host = Host(settings.VAR_DIR)
        if not host.supervisor.alive:
            raise CommandError(f"No ./run holds {host.var}: start it first, or set MODELYARD_VAR.")
        if not options["yes"] and input(WARNING.format(var=host.var)).strip() != "yes":
            raise CommandError("Nothing was done.")
        try:
            rows = self._hold(host, chosen, options)
        except (client.DrillFailed, StoryFailed) as failure:
            raise CommandError(str(failure)) from failure
        self._table(rows)
        bad = sum(row.verdict in ("LOST", "missed") for row in rows)
        if bad:
            raise CommandError(f"{bad} of {len(rows)} lost something or could not be hit.")

    def _chosen(self, names: list[str]) -> list[scenarios.Cell]:
        wanted = []
        for text in names:
            name, _colon, phase = text.partition(":")
            found = [
                cell
                for cell in (scenarios.cells([name]) if name in scenarios.SCENARIOS else ())
                if phase in ("", cell.phase, f"{cell.kind}.{cell.phase}")
            ]
            if not found:
                raise CommandError(f"There is no scenario {text}. See manage.py drill --list.")
            wanted += found
        return scenarios.in_turn(wanted or list(scenarios.cells([])))

    def _hold(
        self, host: Host, chosen: list[scenarios.Cell], options: dict[str, Any]
    ) -> list[scenarios.Row]:
        user = client.Client(host.address("web"), host.var)
        database = settings.DATABASES["default"]
        is_file = database["ENGINE"].endswith("sqlite3")
        drill = scenarios.Drill(
            user,
            host,
            sqlite=str(database["NAME"]) if is_file else "",
            database_stop=options["database_stop"],
            database_start=options["database_start"],
            tell=self._tell,
        )
        rows = []
        try:
            client.prepare(user)
            work.upload_code(user)
            for cell in chosen:
                rows.append(drill.hold(cell))
                self._tell(_line(rows[-1]))
            drill.close()
        finally:
            client.tidy(user)
            user.sign_out()
        return rows

    def _tell(self, text: str) -> None:
        self.stdout.write(f"{dt.datetime.now():%H:%M:%S} {text}")
        self.stdout.flush()

    def _table(self, rows: list[scenarios.Row]) -> None:
        cores = os.cpu_count() or 0
        self.stdout.write(f"\n{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {cores} cores\n")
        self.stdout.write("| broken | while | ended | lost | seconds | verdict |")
        self.stdout.write("|---|---|---|---|---|---|")
        for row in rows:
            self.stdout.write(_line(row))


def _line(row: scenarios.Row) -> str:
    seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
    lost = "; ".join(row.lost).replace("\n", " ").replace("|", "/")[:300] or "nothing"
    if row.verdict in ("skipped", "missed"):
        lost = ""
    cell = row.cell
    return (
        f"| {cell.fault} | {cell.kind} {cell.phase} | {row.end} | {lost} | {seconds} "
        f"| {row.verdict} |"
    )
