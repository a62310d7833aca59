"""Which part is broken while what is in which phase, and why a combination is not held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

JOB, SERVICE, STORY = "job", "service", "story"
#: another tenant at work, while one attacks
OTHERS = "others"
WORKING = "Working"
#: the phases in which an object can be hit; Preparing and Uploading are parts of a job's Running
PHASES = {
    JOB: ("Creating", "Pending", "Preparing", "Running", "Uploading", "Terminating"),
    SERVICE: ("Pending", "Waiting", "Deploying", "Running", "Stopping"),
    STORY: ("Training",),
}
#: phases that pass in a moment unless the worker takes no messages
HELD = {(JOB, "Creating"), (SERVICE, "Pending")}
#: phases that last as long as the pool is full
FULL = {(JOB, "Pending"), (SERVICE, "Waiting")}

FAULTS = {
    "web": "kill -9 of the console and API",
    "gateway": "kill -9 of the gateway",
    "worker": "kill -9 of the worker and its pool",
    "beat": "kill -9 of the clock of periodic tasks",
    "broker": "kill -9 of the broker, started again empty",
    "runner": "kill -9 of the runner",
    "process": "kill -9 of the user's program or model server",
    "database": "the database away for 10 s",
    "disk": "the disk full for 10 s",
    "clock": "the clock a minute back for 10 s, then forward again",
    "run": "kill -9 of ./run, then started again",
}

#: what one tenant does on purpose while another works; `ops.drill.attacks` has the code
ATTACKS = {
    "copied-folder": "the data folder is copied and started beside the original",
    "other-database": "the data folder is used once with another database",
    "filled-disk": "a job fills its whole disk at once",
    "hostile-log": "logs made to cost their readers, with lines like the platform's own",
    "slow-model": "model servers answer their health in drips, and a first request never",
    "left-stream": "callers leave endless streams of a model",
}

NO_PROCESS = "no process of the object exists yet"
NO_GATEWAY = "a job does not pass the gateway"
NOT_PATIENT = "the demonstration is a client that does not wait for a console that is away"
NO_PROGRAM = "the program has not begun yet, or has ended"
#: (fault, kind, phases) -> why there is nothing to hold
NO_MEANING: dict[tuple[str, str, tuple[str, ...]], str] = {
    ("gateway", JOB, PHASES[JOB]): NO_GATEWAY,
    ("runner", JOB, ("Creating", "Pending")): NO_PROCESS,
    ("runner", SERVICE, ("Pending", "Waiting")): NO_PROCESS,
    ("process", JOB, ("Creating", "Pending", "Preparing", "Uploading")): NO_PROGRAM,
    ("process", SERVICE, ("Pending", "Waiting")): NO_PROCESS,
    ("process", STORY, PHASES[STORY]): "the job then failed, which is the truth and no good end",
    **{
        (fault, STORY, PHASES[STORY]): NOT_PATIENT
        for fault in ("web", "gateway", "database", "disk", "run")
    },
    ("clock", STORY, PHASES[STORY]): "the demonstration compares the trail with its own clock",
}


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


def reason_against(cell: Cell) -> str:
    """Why this combination has no meaning; "" where it is held."""
    for (fault, kind, phases), reason in NO_MEANING.items():
        if (fault, kind) == (cell.fault, cell.kind) and cell.phase in phases:
            return reason
    return ""


def matrix() -> Iterator[Cell]:
    """Every fault at every phase, those without a meaning too, then every attack."""
    for fault in FAULTS:
        for kind, phases in PHASES.items():
            for phase in phases:
                yield Cell(fault, kind, phase)
    for attack in ATTACKS:
        yield Cell(attack, OTHERS, WORKING)


def cells(text: str = "") -> list[Cell]:
    """What ``NAME``, ``NAME:PHASE`` or ``NAME:KIND.PHASE`` names, everything without a text."""
    name, _colon, phase = text.partition(":")
    return [
        cell
        for cell in matrix()
        if name in ("", cell.fault)
        and phase in ("", cell.phase, f"{cell.kind}.{cell.phase}")
        and not reason_against(cell)
    ]


def in_turn(chosen: list[Cell]) -> list[Cell]:
    """Every part once, then every part again, so that one part's blows are apart."""
    turns: dict[str, list[Cell]] = {}
    for cell in chosen:
        turns.setdefault(cell.fault, []).append(cell)
    rounds = zip_longest(*turns.values())
    return [cell for one in rounds for cell in one if cell is not None]
