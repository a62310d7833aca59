"""What the drill rests on: the matrix is whole, the proofs see what is wrong, the clock is set."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute.slot.models import Slot
from core import actor as actors
from core import states
from ops.drill import attacks, clock, matrix, program, proof, report
from ops.drill.matrix import Cell, Row
from ops.drill.processes import Host
from ops.drill.work import Job
from serving.service.models import Service
from tests.faults.test_crash_points import made_job, running_job
from tests.waiting import until
from training.job.models import Attempt, TrainingJob

GOOD = proof.Seen(rows=frozenset("ab"), slots=frozenset("ab"), processes=frozenset("ab"))


class TestMatrix:
    def test_every_fault_at_every_phase_is_held_or_has_a_reason(self) -> None:
        whole = list(matrix.matrix())
        phases = sum(len(found) for found in matrix.PHASES.values())
        assert len(set(whole)) == len(whole) == len(matrix.FAULTS) * phases + len(matrix.ATTACKS)
        held = matrix.cells()
        assert {cell for cell in whole if not matrix.reason_against(cell)} == set(held)
        assert {cell.fault for cell in held} == {*matrix.FAULTS, *matrix.ATTACKS}
        assert {(cell.kind, cell.phase) for cell in held} == {
            (kind, phase) for kind, found in matrix.PHASES.items() for phase in found
        } | {(matrix.OTHERS, matrix.WORKING)}

    def test_every_attack_has_its_code(self) -> None:
        assert set(attacks.ATTACKS) == set(matrix.ATTACKS)

    def test_no_reason_is_given_for_what_does_not_exist(self) -> None:
        for fault, kind, phases in matrix.NO_MEANING:
            assert fault in matrix.FAULTS
            assert set(phases) <= set(matrix.PHASES[kind])

    def test_phases_are_those_of_the_models(self) -> None:
        """All but those that a fault itself leads to: abnormal, failed, not with every instance."""
        parts = {"Preparing", "Uploading"}  # a runner's words, within Running
        jobs = set(TrainingJob.Phase.values) - TrainingJob.TERMINAL - {"Abnormal"}
        assert set(matrix.PHASES["job"]) - parts == jobs
        services = set(Service.Phase.values) - {"Concerning", "Failed", "Stopped"}
        assert set(matrix.PHASES["service"]) == services

    def test_names_choose(self) -> None:
        assert matrix.cells("web:job.Running") == [Cell("web", "job", "Running")]
        assert len(matrix.cells("web:Running")) == 2
        assert matrix.cells("runner:job.Creating") == []
        assert matrix.cells("nothing") == []

    def test_one_part_is_not_struck_twice_in_a_row(self) -> None:
        turns = [cell.fault for cell in matrix.in_turn(matrix.cells())]
        first = turns[: len(matrix.FAULTS)]
        assert sorted(first) == sorted(matrix.FAULTS)
        assert len(turns) == len(matrix.cells())


class TestProof:
    def test_what_fits_is_not_wrong(self) -> None:
        assert GOOD.wrong() == []

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"processes": frozenset("abc")}, "attempt c has a process and no row"),
            ({"processes": frozenset("a")}, "attempt b has a row and no process"),
            ({"slots": frozenset("abc")}, "attempt c holds a slot and has no row"),
            ({"slots": frozenset("b")}, "attempt a has a row and no slot"),
            ({"strays": ("7 of attempt x",)}, "process 7 of attempt x belongs to no attempt"),
        ],
    )
    def test_what_does_not_is_named(self, change: dict[str, Any], words: str) -> None:
        assert replace(GOOD, **change).wrong() == [words]

    def test_outputs_once_and_with_the_right_bytes(self) -> None:
        wanted = {"a": "1", "b": "2"}
        rows = [{"key": "a", "sha256": "1"}, {"key": "b", "sha256": "2"}]
        assert proof.outputs(rows, wanted) == []
        assert proof.outputs(rows[:1], wanted) == ["output b is missing"]
        assert proof.outputs([*rows, rows[0]], wanted) == ["output a is listed 2 times"]
        assert proof.outputs([*rows, {"key": "c", "sha256": ""}], wanted) == [
            "output c is too much"
        ]
        assert proof.outputs([rows[0], {"key": "b", "sha256": "3"}], wanted) == ["output b differs"]

    @pytest.mark.django_db
    def test_rows_and_slots_are_read_from_the_database(self, host_of: Host) -> None:
        job = running_job()
        attempt = str(job.attempt.pk)
        seen = proof.look(host_of)
        assert seen.wrong() == [f"attempt {attempt} has a row and no process"]
        Attempt.objects.filter(job=job).update(ended_at="2026-01-01T00:00:00Z")
        assert proof.look(host_of).wrong() == [f"attempt {attempt} holds a slot and has no row"]
        Slot.objects.all().delete()
        assert proof.look(host_of).wrong() == []

    @pytest.mark.django_db
    def test_a_second_end_and_a_second_start_are_seen(self) -> None:
        job = made_job("Pending")
        terminal = ("Completed", "Failed", "Terminated")
        assert proof.ends(str(job.pk), terminal) == []
        states.transition(
            job, "Failed", actor=actors.system("test"), reason="USER_CODE_ERROR", message="It did."
        )
        assert proof.ends(str(job.pk), terminal) == ["Failed"]
        Attempt.objects.create(job=job, number=1)
        Attempt.objects.create(job=job, number=2)
        assert proof.attempts(str(job.pk)) == [1, 2]

    @pytest.mark.parametrize("forked", [False, True], ids=["started", "forked"])
    def test_a_runner_without_an_attempt_is_found(self, host_of: Host, forked: bool) -> None:
        """By the process table alone: nothing of our own bookkeeping knows of it. A forked one has
        the command line of the process it was forked from, and its own lock open."""
        attempt = str(uuid.uuid4())
        spec = host_of.var / "work" / "attempts" / attempt / "spec.json"
        spec.parent.mkdir(parents=True)
        spec.touch()
        code = f"import sys; lock = open({str(spec)!r}); sys.stdin.read()"
        if forked:
            code = f"import base64; exec(base64.b64decode({base64.b64encode(code.encode())!r}))"
        line = [sys.executable, "-c", code, "compute.runner", "" if forked else str(spec)]
        with subprocess.Popen(line, stdin=subprocess.PIPE) as stray:
            try:
                found = until(lambda: proof.strays(host_of, set()))
                assert found == [f"{stray.pid} of attempt {attempt}"]
                assert proof.strays(host_of, {attempt}) == []
            finally:
                stray.kill()
        assert proof.strays(host_of, set()) == []


class Stored:
    """The API as the drill sees it, with outputs that a test may spoil."""

    def __init__(self) -> None:
        self.api = self
        self.bytes: dict[str, bytes] = {}

    def patiently(self, ask: Any) -> Any:
        return ask()

    def objects(self, bucket: str, prefix: str) -> list[dict[str, Any]]:
        return [
            {"key": key, "sha256": hashlib.sha256(body).hexdigest()}
            for key, body in self.bytes.items()
            if key.startswith(prefix)
        ]

    def get_object(self, bucket: str, key: str) -> bytes:
        return self.bytes[key]


def test_the_drill_sees_one_spoiled_byte(host_of: Host) -> None:
    stored = Stored()
    job = Job(stored, host_of)  # type: ignore[arg-type]
    job.files = 3
    for number in range(job.files):
        stored.bytes[f"{job.name}/part-{number:03}.bin"] = program.content(job.name, number)
    assert job._outputs() == []
    spoiled = f"{job.name}/part-001.bin"
    stored.bytes[spoiled] = stored.bytes[spoiled][:-1] + b"!"
    assert job._outputs() == [f"output {spoiled} differs"]
    del stored.bytes[spoiled]
    assert job._outputs() == [f"output {spoiled} is missing"]


@pytest.fixture
def host_of(tmp_path: Path) -> Host:
    return Host(tmp_path)


class TestReport:
    ROWS = (
        Row(Cell("web", "job", "Running"), seconds=12.34, end="Completed"),
        Row(Cell("disk", "job", "Running"), "LOST", 60.0, "Failed", ["output a | b\nis missing"]),
        Row(Cell("clock", "service", "Running"), "skipped", end="no clock"),
    )

    def test_table(self) -> None:
        assert report.line(self.ROWS[0]) == (
            "| web | job Running | Completed | nothing | 12.3 | ok |"
        )
        assert report.line(self.ROWS[1]).count("|") == 7
        assert report.line(self.ROWS[2]).endswith("| no clock |  |  | skipped |")

    def test_files(self, tmp_path: Path) -> None:
        report.write(self.ROWS, tmp_path / "rows.json", "about")
        found = json.loads((tmp_path / "rows.json").read_text())
        assert [row["verdict"] for row in found["rows"]] == ["ok", "LOST", "skipped"]
        assert {row["fault"] for row in found["without_meaning"]} >= {"gateway", "runner"}
        report.write(self.ROWS, tmp_path / "rows.csv", "about")
        with (tmp_path / "rows.csv").open() as file:
            lines = list(csv.DictReader(file))
        assert [line["seconds"] for line in lines] == ["12.3", "60.0", ""]
        assert lines[1]["lost"] == "output a | b\nis missing"

    def test_side_by_side(self, tmp_path: Path) -> None:
        report.write(self.ROWS, tmp_path / "rows.json", "about")
        found = json.loads((tmp_path / "rows.json").read_text())
        text = report.side_by_side([found, {"rows": []}])
        web = next(line for line in text.splitlines() if line.startswith("| web |"))
        assert "| 12.3 / not held |" in web
        disk = next(line for line in text.splitlines() if line.startswith("| disk |"))
        assert "| LOST / not held |" in disk
        assert "| – / – |" in next(x for x in text.splitlines() if x.startswith("| runner |"))


@pytest.fixture
def preload(tmp_path: Path) -> Iterator[dict[str, str]]:
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        pytest.skip("no C compiler")
    yield clock.variables(tmp_path)


NEAR = 600.0
"""Seconds between two looks at a clock on a busy machine; the steps are hours."""


def test_the_clock_goes_back_and_forward_and_nothing_else_does(
    preload: dict[str, str],
) -> None:
    """One program lives through both steps: wall clock, monotonic clock, sleep and file times."""
    code = """
import os, sys, time, datetime
def wall(): return time.time(), datetime.datetime.now().timestamp()
for line in sys.stdin:
    before = time.monotonic(); time.sleep(0.05); slept = time.monotonic() - before
    open(sys.argv[1], "w").close()
    print(*wall(), os.stat(sys.argv[1]).st_mtime, time.monotonic(), slept, flush=True)
"""
    file = Path(preload[clock.FILE])
    line = [sys.executable, "-c", code, str(file.with_name("touched"))]
    with subprocess.Popen(
        line,
        env={**os.environ, **preload},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def ask() -> list[float]:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write("\n")
            child.stdin.flush()
            return [float(word) for word in child.stdout.readline().split()]

        def step(seconds: int) -> None:
            file.write_text(f"{seconds:+d}\n")
            until(lambda: abs(ask()[0] - time.time() - seconds) < NEAR, "the file is read again")
            wall, python, touched, monotonic, slept = ask()
            assert abs(wall - time.time() - seconds) < NEAR
            assert abs(python - wall) < NEAR
            assert abs(touched - time.time()) < NEAR
            assert abs(monotonic - time.monotonic()) < NEAR
            assert slept >= 0.05

        for seconds in (0, -7200, 0):
            step(seconds)
        child.stdin.close()
