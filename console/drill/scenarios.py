"""Which part is broken while what is in which phase, and what must come of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest

from console.drill import faults
from console.drill.client import Client
from console.drill.faults import Fault, Skip
from console.drill.processes import Host
from console.drill.work import Job, Missed, Service, free_capacity, until
from demo.client import StoryFailed

END_WITHIN = 60.0  # beside the time that the work itself takes
JOB_SECONDS = 40.0  # what the job takes undisturbed on a busy machine of two cores
LEFT_WITHIN = 20.0
TRIES = 3  # a phase that is over too soon to be hit is tried again
FILLER_STEPS = 24

JOB, SERVICE = "job", "service"
#: phases in which the object does not exist yet: the blow falls first
BEFORE = {(JOB, "Creating"), (SERVICE, "Pending")}


@dataclass(frozen=True, slots=True)
class Cell:
    """One blow: the fault's name, and the kind and phase of what it hits."""

    fault: str
    kind: str
    phase: str


@dataclass(slots=True)
class Row:
    """What came of it. ``seconds``: from the blow to the end that was expected."""

    cell: Cell
    verdict: str = "ok"
    seconds: float | None = None
    end: str = ""
    lost: list[str] = field(default_factory=list)


#: scenario -> (what it does, [(kind, phase)])
SCENARIOS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "web": ("kill -9 of the console and API", [
        (JOB, "Preparing"), (JOB, "Running"), (JOB, "Uploading"), (JOB, "Terminating"),
        (SERVICE, "Deploying"), (SERVICE, "Running"), (SERVICE, "Stopping"),
    ]),
    "gateway": ("kill -9 of the gateway", [(SERVICE, "Running"), (SERVICE, "Stopping")]),
    "worker": ("kill -9 of the worker and its pool", [
        (JOB, "Creating"), (JOB, "Pending"), (JOB, "Preparing"), (JOB, "Running"),
        (JOB, "Uploading"), (JOB, "Terminating"),
        (SERVICE, "Pending"), (SERVICE, "Deploying"), (SERVICE, "Running"), (SERVICE, "Stopping"),
    ]),
    "beat": ("kill -9 of the clock of periodic tasks", [
        (JOB, "Creating"), (JOB, "Running"), (SERVICE, "Deploying"),
    ]),
    "broker": ("kill -9 of the broker", [
        (JOB, "Creating"), (JOB, "Running"), (JOB, "Uploading"),
        (SERVICE, "Pending"), (SERVICE, "Running"), (SERVICE, "Stopping"),
    ]),
    "runner": ("kill -9 of the runner", [
        (JOB, "Preparing"), (JOB, "Running"), (JOB, "Uploading"), (JOB, "Terminating"),
        (SERVICE, "Deploying"), (SERVICE, "Running"), (SERVICE, "Stopping"),
    ]),
    "process": ("kill -9 of the user's program or model server", [
        (JOB, "Running"), (SERVICE, "Running"),
    ]),
    "database": ("the database away for 10 s", [
        (JOB, "Preparing"), (JOB, "Running"), (JOB, "Uploading"), (JOB, "Terminating"),
        (SERVICE, "Deploying"), (SERVICE, "Running"), (SERVICE, "Stopping"),
    ]),
    "disk": ("the disk full for 10 s", [
        (JOB, "Preparing"), (JOB, "Running"), (JOB, "Uploading"), (JOB, "Terminating"),
        (SERVICE, "Running"), (SERVICE, "Stopping"),
    ]),
    "clock": ("the clock a minute back for 10 s", [
        (JOB, "Creating"), (JOB, "Running"), (JOB, "Uploading"),
        (SERVICE, "Deploying"), (SERVICE, "Running"),
    ]),
    "run": ("kill -9 of ./run, then started again", [
        (JOB, "Preparing"), (JOB, "Running"), (JOB, "Uploading"), (SERVICE, "Running"),
    ]),
}  # fmt: skip


def cells(names: list[str]) -> Iterator[Cell]:
    """The blows of the named scenarios, of all without a name."""
    for name in names or SCENARIOS:
        for kind, phase in SCENARIOS[name][1]:
            yield Cell(name, kind, phase)


def in_turn(chosen: list[Cell]) -> list[Cell]:
    """Every part once, then every part again: who is struck twice within a minute is started
    again only after growing pauses, and the times would tell of these."""
    turns: dict[str, list[Cell]] = {}
    for cell in chosen:
        turns.setdefault(cell.fault, []).append(cell)
    rounds = zip_longest(*turns.values())
    return [cell for one in rounds for cell in one if cell is not None]


@dataclass(slots=True)
class Drill:
    """Holds the cells one after the other; ``tell`` gets a sentence of progress."""

    client: Client
    host: Host
    sqlite: str
    database_stop: str
    database_start: str
    tell: Callable[[str], None]
    resident: Service | None = None

    def hold(self, cell: Cell) -> Row:
        """One cell, to its proof. Never raises for what the platform did wrong."""
        for _try in range(TRIES):
            row = Row(cell)
            self.client.wrong.clear()
            try:
                self._once(cell, row)
            except Missed as late:
                row.verdict, row.end = "missed", str(late)
            else:
                break
        return row

    def _once(self, cell: Cell, row: Row) -> None:
        try:
            if cell.kind == JOB:
                self._job(cell, row)
            else:
                self._service(cell, row)
        except Skip as reason:
            row.verdict, row.end = "skipped", str(reason)
        except StoryFailed as failure:
            row.lost.append(str(failure))
        row.lost += list(dict.fromkeys(self.client.wrong))[:3]
        if row.lost:
            row.verdict = "LOST"

    def close(self) -> None:
        """Stop what the drill still runs."""
        if self.resident is not None:
            self.resident.stop()
            self.resident.end("Stopped", END_WITHIN)
            self.resident = None

    # -- one kind ------------------------------------------------------------------------------

    def _job(self, cell: Cell, row: Row) -> None:
        job = Job(self.client, self.host)
        fault = self._fault(cell.fault, lambda: job.attempt)
        fault.check()
        before = self.host.living(), free_capacity(self.client)
        fillers = self._fill(before[1][0]) if cell.phase == "Pending" else []
        struck = self._strike(cell, fault, job)
        for filler in fillers:
            filler.stop()
        again = cell.fault == "runner" and cell.phase != "Terminating"
        expected = "Terminated" if cell.phase == "Terminating" else "Completed"
        if cell.fault == "process":
            expected = "Failed"
        seen = job.end(END_WITHIN + JOB_SECONDS * (2 if again else 1) + fault.away)
        row.seconds = time.monotonic() - struck
        row.end = f"{seen['phase']} {seen['reason']}".strip()
        if cell.fault == "disk" and seen["reason"] == "DISK_FULL":
            expected = "Failed"  # the program itself found no room, and its reason says so
        row.lost += job.lost(seen, expected, attempts=2 if again else 1)
        for filler in fillers:
            filler.end(END_WITHIN)
        self._nothing_left(row, before)

    def _service(self, cell: Cell, row: Row) -> None:
        resident = cell.phase == "Running"
        service = self._running() if resident else Service(self.client, self.host)
        fault = self._fault(cell.fault, lambda: service.attempt)
        fault.check()
        before = self.host.living(), free_capacity(self.client)
        hit = service.attempt if resident and cell.fault in ("runner", "process") else ""
        struck = self._strike(cell, fault, service)
        expected = "Stopped" if cell.phase == "Stopping" else "Running"
        service.end(expected, END_WITHIN + fault.away, other_than=hit)
        row.seconds = time.monotonic() - struck
        row.end = expected
        if not resident and expected == "Running":
            service.stop()
            service.end("Stopped", END_WITHIN)
        if resident:
            before = (before[0] - {hit}) | set([service.attempt] if hit else []), before[1]
        self._nothing_left(row, before)

    def _strike(self, cell: Cell, fault: Fault, work: Job | Service) -> float:
        """Bring the work into its phase, strike, and wait until the part stands again."""
        first = (cell.kind, cell.phase) in BEFORE
        try:
            if not first and not work.id:
                work.start()
            if not first:
                work.reach(cell.phase)
            self.tell(f"{cell.fault}: {cell.kind} {work.name} is {cell.phase}; striking")
            struck = time.monotonic()
            fault.strike()
            if first:
                work.start()
        finally:
            fault.undo()
        until(f"{cell.fault} standing again", fault.back, within=fault.back_within)
        # Where ./run chose a free port, it chose another one when it was started again.
        self.client.api.base_url = self.host.address("web")
        return struck

    # -- around it -----------------------------------------------------------------------------

    def _running(self) -> Service:
        if self.resident is None:
            self.resident = Service(self.client, self.host)
            self.resident.start()
        self.resident.end("Running", 120)
        return self.resident

    def _fill(self, cores: float) -> list[Job]:
        """Jobs that take the whole pool, so that the next one has to wait."""
        jobs = [Job(self.client, self.host) for _one in range(int(cores))]
        for job in jobs:
            job.start(steps=FILLER_STEPS, files=1)
        for job in jobs:
            job.reach("Running")
        return jobs

    def _nothing_left(self, row: Row, before: tuple[set[str], tuple[float, float]]) -> None:
        """No process without a row and no capacity without a process, compared with before."""
        attempts, capacity = before

        def same() -> bool:
            return not self.host.living() - attempts and free_capacity(self.client) == capacity

        with suppress(StoryFailed):
            until("nothing left", same, within=LEFT_WITHIN, every=0.3)
            return
        for attempt in sorted(self.host.living() - attempts):
            row.lost.append(f"attempt {attempt} still has a process")
        now = free_capacity(self.client)
        if now != capacity:
            row.lost.append(f"capacity was {capacity}, is {now}")

    def _fault(self, name: str, attempt: Callable[[], str]) -> Fault:
        if name in ("runner", "process"):
            return faults.KillAttempt(self.host, name, attempt)
        if name == "database":
            return faults.StopDatabase(
                self.host, self.sqlite, self.database_stop, self.database_start
            )
        special: dict[str, type[Fault]] = {
            "disk": faults.FillDisk,
            "clock": faults.SetClockBack,
            "run": faults.KillEverything,
        }
        return special[name](self.host) if name in special else faults.KillProgram(self.host, name)
