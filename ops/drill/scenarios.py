"""One blow after the other: bring the work into its phase, strike, and prove what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from client import StepFailed
from ops.drill import faults, proof
from ops.drill.attacks import ATTACKS
from ops.drill.client import Client
from ops.drill.faults import Fault, Skip
from ops.drill.held import Consumer
from ops.drill.matrix import FULL, HELD, JOB, OTHERS, SERVICE, Cell, Row
from ops.drill.others import Others
from ops.drill.processes import Host
from ops.drill.story import Story
from ops.drill.work import REACHED, Job, Missed, Service, free_cores, until

END_WITHIN = 60.0  # beside the time that the work itself takes
JOB_SECONDS = 40.0  # what the job takes undisturbed on a busy machine of two cores
STORY_SECONDS = 240.0  # what the demonstration takes there
LEFT_WITHIN = 60.0
TRIES = 5  # a phase that is over too soon to be hit is tried again
FILLER_STEPS = 600  # of half a second: until they are asked to make room
Work = Job | Service | Story


@dataclass(slots=True)
class Drill:
    """Holds the cells one after the other; ``tell`` gets a sentence of progress."""

    client: Client
    host: Host
    consumer: Consumer
    sqlite: str
    database_stop: str
    database_start: str
    tell: Callable[[str], None]
    #: signs in as the other tenant
    neighbour: Callable[[], Client]
    #: whether another tenant's times under an attack count (``Others.judged``)
    judged: bool = True
    resident: Service | None = None
    fillers: list[Job] = field(default_factory=list)

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
            elif cell.kind == SERVICE:
                self._service(cell, row)
            elif cell.kind == OTHERS:
                self._others(cell, row)
            else:
                self._story(cell, row)
        except Skip as reason:
            row.verdict, row.end = "skipped", str(reason)
        except StepFailed as failure:
            row.lost.append(str(failure))
        except Missed:
            raise
        except Exception as problem:  # noqa: BLE001 the blows that follow are still to be held
            row.lost.append(f"the drill itself failed: {problem!r}")
        row.lost += list(dict.fromkeys(self.client.wrong))[:3]
        if row.lost:
            row.verdict = "LOST"

    def close(self) -> None:
        """Stop what the drill still runs."""
        if self.resident is not None:
            self.resident.stop()
            self.resident.end("Stopped", END_WITHIN)
            self.resident.remove()
            self.resident = None

    # -- one kind ------------------------------------------------------------------------------

    def _job(self, cell: Cell, row: Row) -> None:
        job = Job(self.client, self.host)
        fault = self._fault(cell.fault, lambda: job.attempt)
        fault.check()
        before = proof.look(self.host).rows
        if cell.phase == "Running":
            # The program still prints when what was away is there again.
            job.steps += int(2 * fault.away)
        struck = self._among(cell, fault, job)
        again = cell.fault == "runner" and cell.phase != "Terminating"
        expected = "Terminated" if cell.phase == "Terminating" else "Completed"
        if cell.fault == "process" and cell.phase == "Running":
            expected = "Failed"
        seen = job.end(END_WITHIN + JOB_SECONDS * (2 if again else 1) + fault.away)
        row.seconds = time.monotonic() - struck
        row.end = f"{seen['phase']} {seen['reason']}".strip()
        if cell.fault == "disk" and seen["reason"] == "DISK_FULL" and cell.phase != "Running":
            expected = "Failed"  # the program itself found no room, and its reason says so
        row.lost += job.lost(seen, expected, attempts=2 if again else 1)
        self._nothing_left(row, before)

    def _service(self, cell: Cell, row: Row) -> None:
        resident = cell.phase == "Running"
        service = self._running() if resident else Service(self.client, self.host)
        fault = self._fault(cell.fault, lambda: service.attempt)
        fault.check()
        before = proof.look(self.host).rows
        hit = service.attempt if resident and cell.fault in ("runner", "process") else ""
        struck = self._among(cell, fault, service)
        expected = "Stopped" if cell.phase == "Stopping" else "Running"
        service.end(expected, END_WITHIN + fault.away, other_than=hit)
        row.seconds = time.monotonic() - struck
        row.end = expected
        if not resident and expected == "Running":
            service.stop()
            service.end("Stopped", END_WITHIN)
        self._nothing_left(row, before)
        if not resident:
            service.remove()

    def _story(self, cell: Cell, row: Row) -> None:
        story = Story(self.client, self.host)
        fault = self._fault(cell.fault, lambda: story.attempt)
        fault.check()
        struck = self._strike(cell, fault, story)
        row.end = story.end(END_WITHIN + STORY_SECONDS)
        row.seconds = time.monotonic() - struck

    def _others(self, cell: Cell, row: Row) -> None:
        """One tenant attacks; what does the other one notice?"""
        attack = ATTACKS[cell.fault](self.client, self.host)
        attack.check()
        before = proof.look(self.host).rows
        other = Others(self.neighbour(), judged=self.judged)
        try:
            idle = other.work()
            self.tell(f"{cell.fault}: attacking")
            began = time.monotonic()
            try:
                attack.begin()
                under = other.work(attack.look)
            finally:
                ended = attack.end()
            row.seconds = time.monotonic() - began
            row.end = "; ".join(filter(None, (ended, other.compare(idle, under))))
            row.lost += [*dict.fromkeys(other.wrong), *other.client.wrong]
        finally:
            other.client.sign_out()
        self._nothing_left(row, before)

    # -- the blow ------------------------------------------------------------------------------

    def _among(self, cell: Cell, fault: Fault, work: Work) -> float:
        """Strike, in a full pool where the phase is to wait for room."""
        if (cell.kind, cell.phase) in FULL:
            self._fill(int(free_cores(self.client)))
        try:
            return self._strike(cell, fault, work)
        finally:
            for filler in self.fillers:
                filler.make_room()

    def _strike(self, cell: Cell, fault: Fault, work: Work) -> float:
        """Bring the work into its phase, strike, and wait until the part stands again."""
        held = (cell.kind, cell.phase) in HELD
        with ThreadPoolExecutor(1) as beside:
            try:
                if held:
                    self.consumer.pause()
                if not work.id:
                    work.start()
                work.reach(cell.phase)
                self.tell(f"{cell.fault}: {cell.kind} {work.name} is {cell.phase}; striking")
                struck = time.monotonic()
                blow = beside.submit(fault.strike)
                while not (fault.broken.is_set() or blow.done()):
                    time.sleep(0.01)
                self.consumer.resume()  # what is away is met by the first look
                blow.result()
            finally:
                fault.undo()
                self.consumer.resume()
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

    def _fill(self, cores: int) -> None:
        """Jobs that take the whole pool, so that the next one has to wait. One of them may wait
        itself: for a processor that something else took meanwhile, or for disk."""
        self.fillers = [Job(self.client, self.host) for _one in range(cores)]
        for job in self.fillers:
            job.steps, job.files = FILLER_STEPS, 1
            job.start()
        for job in self.fillers:
            until(f"job {job.name} Running or waiting", job.has_or_waits, within=REACHED)

    def _nothing_left(self, row: Row, before: frozenset[str]) -> None:
        """No process without a row, no row without a process, no slot without either, and nothing
        that was not there before but the resident service's instance."""
        while self.fillers:
            self.fillers.pop().end(END_WITHIN + JOB_SECONDS)
        wrong: list[str] = []

        def fits() -> bool:
            seen = proof.look(self.host)
            known = before | ({self.resident.attempt} if self.resident else set())
            wrong[:] = [
                *seen.wrong(),
                *(f"attempt {id} is left over" for id in sorted(seen.rows - known)),
            ]
            return not wrong

        with suppress(StepFailed):
            until("nothing left", fits, within=LEFT_WITHIN, every=0.3)
        row.lost += wrong

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
