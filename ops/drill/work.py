"""The small job and the small service of a drill, and the proofs that nothing of them was lost."""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from client import Refused, StepFailed, brief
from ops.drill import program, proof
from ops.drill.client import PREFIX, Client, DrillFailed
from ops.drill.processes import Host

ENGINE = "python_3.11-sklearn-cpu"
FLAVOR, POOL = "modelyard.cpu.1u", "public"
TERMINAL = ("Completed", "Failed", "Terminated")
INPUTS, OUTPUTS, STEPS = 50, 50, 8
LAST_WORDS = 4.0  # seconds the program takes to end after SIGTERM
REACHED = 120.0  # seconds until a phase must have come
LOOK = 0.1
STEP = re.compile(r"^step=(\d+) loss=", re.MULTILINE)


class Missed(Exception):
    """The phase was over before the blow could fall: nothing was broken, try again."""


def until(what: str, look: Callable[[], Any], *, within: float, every: float = LOOK) -> Any:
    """The first true value. Raises StepFailed after ``within`` seconds."""
    end = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise StepFailed(f"{what} did not come within {within:.0f} s")
        time.sleep(every)


def upload_code(client: Client) -> None:
    """The program and some inputs, so that preparing takes long enough to be hit."""
    api = client.api
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(Path(program.__file__).read_bytes())
        api.put_file(PREFIX, "code/program.py", path)
        there = {row["key"] for row in api.objects(PREFIX, "in/")}
        for number in range(INPUTS):
            key = f"in/{number:03}.bin"
            if key not in there:
                path.write_bytes(program.content("input", number))
                api.put_file(PREFIX, key, path)


class Job:
    """One training job of the drill."""

    def __init__(self, client: Client, host: Host) -> None:
        self.client, self.host = client, host
        self.name = f"{PREFIX}-{uuid.uuid4().hex[:8]}"
        self.id = ""
        self.steps, self.files = STEPS, OUTPUTS
        self._first = ""

    def start(self) -> None:
        row = self.client.post(
            "/training-jobs",
            {
                "name": self.name,
                "code_bucket": PREFIX,
                "code_prefix": "code/",
                "boot_file": "program.py",
                "engine": ENGINE,
                "flavor": FLAVOR,
                "pool": POOL,
                "inputs": [{"name": "data_url", "bucket": PREFIX, "prefix": "in/"}],
                "outputs": [{"name": "train_url", "bucket": PREFIX, "prefix": f"{self.name}/"}],
                "hyperparameters": {
                    "seed": self.name,
                    "files": str(self.files),
                    "steps": str(self.steps),
                    "last_words": str(LAST_WORDS),
                },
                "max_duration": 600,
            },
        )
        self.id = row["id"]

    @property
    def attempt(self) -> str:
        """The attempt to hit: the first one."""
        self._first = self._first or self.host.attempt_of_job(self.name)
        return self._first

    def row(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/training-jobs/{self.id}")
        return found

    def stop(self) -> None:
        self.client.post(f"/training-jobs/{self.id}/stop")

    def make_room(self) -> None:
        """Stop, unless it has ended meanwhile by itself."""
        try:
            self.stop()
        except Refused as refused:
            if refused.status != 409:
                raise

    def reach(self, phase: str) -> None:
        """Wait until the job is in a phase: the runner's own word where it has one."""
        own = {"Preparing": "preparing", "Running": "running", "Uploading": "uploading"}
        if phase == "Terminating":
            self.reach("Running")
            # Its first line says that it is ready to be asked to stop.
            until("the first line", lambda: STEP.search(self.text()), within=REACHED)
            self.stop()
            until("the runner's stop", lambda: self._is("stopping"), within=REACHED)
        elif phase in own:
            until(
                f"job {self.name} {phase}",
                lambda: self._is(own[phase]),
                within=REACHED,
            )
        else:
            until(f"job {self.name} {phase}", lambda: self._came(phase), within=REACHED)

    def has_or_waits(self) -> bool:
        """Whether it runs, or was told what it waits for."""
        row = self.row()
        return (row["phase"] == "Pending" and bool(row["reason"])) or self._is("running")

    def _came(self, phase: str) -> bool:
        seen = self.row()["phase"]
        if seen in TERMINAL:
            raise Missed(f"job {self.name} was over before it could be hit while {phase}")
        return bool(seen == phase)

    def _is(self, phase: str) -> bool:
        state = self.host.state(self.attempt)
        if state.get("phase") == "exited":
            raise Missed(f"job {self.name} was over before it could be hit while {phase}")
        if phase == "preparing":
            return state.get("stage") == "fetching inputs"
        return state.get("phase") == phase

    def end(self, within: float) -> dict[str, Any]:
        """Wait for a terminal phase. Raises StepFailed naming the last one seen."""
        last: dict[str, Any] = {}

        def over() -> bool:
            last.update(self.row())
            return last["phase"] in TERMINAL

        try:
            until("the end", over, within=within, every=0.3)
        except StepFailed as late:
            raise StepFailed(f"{late}; last seen: {brief(last)}") from late
        return last

    def lost(self, row: dict[str, Any], expected: str, *, attempts: int = 1) -> list[str]:
        """What is missing, doubled or left over; empty when all is there once."""
        wrong = []
        if row["phase"] != expected:
            wrong.append(f"ended {brief(row)}, not {expected}")
        if expected == "Completed":
            wrong += self._outputs()
        if expected == "Completed" and attempts == 1:
            wrong += self._numbers()
        ends = proof.ends(self.id, TERMINAL)
        if ends != [row["phase"]]:
            wrong.append(f"it ended {len(ends)} times: {ends}")
        numbers = proof.attempts(self.id)
        if len(numbers) > attempts:
            wrong.append(f"it was started {len(numbers)} times: attempts {numbers}")
        return wrong

    def _outputs(self) -> list[str]:
        """The listing, and the bytes themselves: an index may promise what the store has not."""
        api = self.client.api
        wanted = {
            f"{self.name}/part-{number:03}.bin": hashlib.sha256(
                program.content(self.name, number)
            ).hexdigest()
            for number in range(self.files)
        }
        stored = self.client.patiently(lambda: api.objects(PREFIX, f"{self.name}/"))
        for row in stored:
            fetch = partial(api.get_object, PREFIX, row["key"])
            row["sha256"] = hashlib.sha256(self.client.patiently(fetch)).hexdigest()
        return proof.outputs(stored, wanted)

    def text(self) -> str:
        """The log so far."""
        text: str = ""
        offset = 0
        while True:
            part: dict[str, Any] = self.client.get(f"/training-jobs/{self.id}/logs", offset=offset)
            text += part["text"]
            if part["eof"] or part["next"] == offset:
                return text
            offset = part["next"]

    def _numbers(self) -> list[str]:
        """Every line of the log once, every number in the curve once."""
        steps = [int(step) for step in STEP.findall(self.text())]
        wrong = []
        if steps != list(range(self.steps)):
            wrong.append(f"the log tells of steps {steps}")
        series = self.client.get(f"/training-jobs/{self.id}/metrics")["series"].get("loss", [])
        if [int(step) for step, _value in series] != list(range(self.steps)):
            wrong.append(f"the curve has {len(series)} points of {self.steps}")
        return wrong


class Service:
    """One service of the drill."""

    def __init__(self, client: Client, host: Host) -> None:
        self.client, self.host = client, host
        self.name = f"{PREFIX}-{uuid.uuid4().hex[:8]}"
        self.id = ""

    def start(self) -> None:
        row = self.client.post("/services", {"name": self.name, "model": model(self.client)})
        self.id = row["id"]

    def row(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/services/{self.id}")
        return found

    def stop(self) -> None:
        self.client.post(f"/services/{self.id}/stop")

    def remove(self) -> None:
        """Stopped services count towards the account's quota; a drill makes more than it allows."""
        self.client.patiently(lambda: self.client.api.delete(f"/services/{self.id}"))

    def living(self) -> list[dict[str, Any]]:
        rows = self.client.get(f"/services/{self.id}/instances")["items"]
        return [row for row in rows if row["ended_at"] is None]

    @property
    def attempt(self) -> str:
        """The instance whose process there is to hit."""
        rows = self.living()
        return str(rows[-1]["id"]) if rows else ""

    def reach(self, phase: str) -> None:
        if phase == "Deploying":
            until(
                "the model server's start",
                lambda: self.host.runner(self.attempt).alive,
                within=REACHED,
            )
            return
        if phase == "Stopping":
            self.reach("Running")
            self.stop()
        until(f"service {self.name} {phase}", lambda: self._is(phase), within=REACHED)

    def _is(self, phase: str) -> bool:
        now = self.row()["phase"]
        if phase == "Stopping" and now == "Stopped":
            raise Missed(f"service {self.name} had stopped before it could be hit")
        return bool(now == phase)

    def end(self, expected: str, within: float, *, other_than: str = "") -> dict[str, Any]:
        """Wait until it is ``expected`` and, if Running, served by exactly one living instance
        (another one than ``other_than``). Raises StepFailed."""
        last: dict[str, Any] = {}

        def there() -> bool:
            last.update(self.row())
            if last["phase"] != expected:
                return False
            ids = [str(row["id"]) for row in self.living()]
            if expected != "Running":
                return not ids
            return (
                last["ready_replicas"] == 1
                and len(ids) == 1
                and ids[0] != other_than
                and self.host.user_process(ids[0]).alive
            )

        try:
            until(expected, there, within=within, every=0.3)
        except StepFailed as late:
            raise StepFailed(f"{late}; last seen: {brief(last)}") from late
        if expected == "Running":
            # The gateway, too, may answer at another port since.
            self.client.predict(last["access_address"])
        return last


def model(client: Client) -> str:
    """A published model of the owner. Raises DrillFailed."""
    for row in client.get("/models", limit=100)["items"]:
        if row["phase"] == "Published" and row["engine"] == ENGINE:
            return str(row["id"])
    raise DrillFailed(
        f"No published model for {ENGINE}. Play the demonstration first: ./run --demo"
    )


def free_cores(client: Client) -> float:
    """Free cores of the pool."""
    pool = next(row for row in client.get("/pools")["items"] if row["id"] == POOL)
    return float(pool["free_cpus"])
