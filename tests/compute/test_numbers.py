"""Numbers in a log: found by the runner, by scanners that are linear, within a budget."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from compute.runner import numbers
from compute.runner.log import LogWriter, read_log
from compute.runner.numbers import Numbers, Point, points, read_point
from compute.sandbox import capabilities
from tests.badinput.linear import Row, check
from tests.compute.helpers import Lab

REPORT = capabilities()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("epoch=1 step=20 loss=0.5 acc: 98 %", [("loss", 0.5, 20, 1), ("acc", 0.98, 20, 1)]),
        ("step: 3/100, loss: -1e-3|lr=.5", [("loss", -0.001, 3, None), ("lr", 0.5, 3, None)]),
        ("2026-01-12 09:14:02 INFO train/loss: 0.5", [("train/loss", 0.5, None, None)]),
        ("loss=1.5.2 acc=nan lr=inf f1=1x rmse=", []),
        ("other=3 and=4", []),
        ("iter=2 other=3 9x=4", [("other", 3, 2, None), ("x", 4, 2, None)]),
        ("loss = = 5 acc == 6", []),
        ("loss" + " " * 50 + "=1", []),
        ("l" * 70 + "oss=1 step=1", [("l" * 61 + "oss", 1, 1, None)]),
    ],
)
def test_pairs(line: str, found: list[tuple[str, float, float | None, float | None]]) -> None:
    assert [(p.name, p.value, p.step, p.epoch) for p in points([line])] == found
    for point in points([line]):
        assert read_point(point.written().decode().rstrip("\n")) == point


SHAPES: dict[str, tuple[list[str], list[tuple[str, float, float | None, float | None]]]] = {
    "progress within an epoch": (
        [
            "Train Epoch: 1 [0 / 60000] 0%] \tLoss: 2.300000",
            "Train Epoch: 1 [12800/60000 (21%)]\tLoss: 1.9",
            "",
            "Test set: Average loss: 0.0512, Accuracy: 98/100 (98%)",
            "Train Epoch: 2 [640 / 60000] 1%] \tLoss: 1.5",
            "Test set: Average loss: 0.0400, Accuracy: 9834 / 10000 98%",
        ],
        [
            ("Loss", 2.3, 60000, 1),
            ("Loss", 1.9, 72800, 1),
            ("loss", 0.0512, 72800, 1),
            ("Accuracy", 0.98, 72800, 1),
            ("Loss", 1.5, 120640, 2),
            ("loss", 0.04, 120640, 2),
            ("Accuracy", 0.9834, 120640, 2),
        ],
    ),
    "a share without a place": (["Accuracy: 9820/10000 (98%)"], [("Accuracy", 0.982, None, None)]),
    "what is printed counts where the two differ": (
        ["acc: 5/10 (98.5 %)", "acc=0/0 (0%)"],
        [("acc", 0.985, None, None), ("acc", 0.0, None, None)],
    ),
    "no share": (
        ["acc: 5/10", "step: 3/100 loss=1", "loss: 1 / x 3%"],
        [("acc", 5, None, None), ("loss", 1, 3, None), ("loss", 1, None, None)],
    ),
    "two data sets on a line": (
        ["Epoch 1 | train loss: 0.81 | val loss: 0.95", "Train Epoch: 2 Validation acc: 1 lr: 2"],
        [
            ("train_loss", 0.81, None, None),
            ("val_loss", 0.95, None, None),
            ("Validation_acc", 1, None, 2),
            ("lr", 2, None, 2),
        ],
    ),
    "a printed dictionary": (
        ["{'loss': 0.5, 'learning_rate': 5e-05, 'epoch': 1.0}", '{"loss": 0.4, "epoch": 2}'],
        [("loss", 0.5, None, 1), ("learning_rate", 5e-05, None, 1), ("loss", 0.4, None, 2)],
    ),
    "words": (
        ["epoch: 1 step: 1875, loss is 0.123", "who is 5 step: 3", "this is it: step 3"],
        [("loss", 0.123, 1875, 1)],
    ),
    "another place ends the epoch's": (
        ["Epoch: 1 [5/10] loss=1", "step=7 loss=2", "loss=3"],
        [("loss", 1, 15, 1), ("loss", 2, 7, None), ("loss", 3, None, None)],
    ),
    "no progress": (
        ["Epoch: 1 [20/10] loss=1", "Epoch: 1 [a/10] loss=2", "Epoch: 1 [nan/inf] loss=3"],
        [("loss", 1, None, 1), ("loss", 2, None, 1), ("loss", 3, None, 1)],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_progress_lines(shape: str) -> None:
    lines, expected = SHAPES[shape]
    found = [(p.name, p.value, p.step, p.epoch) for p in points(lines)]
    assert found == [(n, pytest.approx(v), s, e) for n, v, s, e in expected]


@pytest.mark.parametrize(
    "piece",
    ["=", ":", "a=1 ", "loss=1 step=2\n", "a", "a ", " ", "=1", "loss=9", "9", "1.", "e5", "%",
     "loss=\n", "step=1", "a:\t", "é=", "loss=1%\n", " is ", "acc is 1/2 (", "epoch: 1 [1/2 ",
     "val loss: 1/", "'loss': 1, ", "loss: 1 / 2 3% "],
)  # fmt: skip
def test_scanning_grows_with_the_log(piece: str) -> None:
    check(Row("numbers", lambda text: points(text.split("\n")), lambda n: piece * n))
    check(Row("numbers", lambda text: points(text.split("\n")), lambda n: "loss=1 " + piece * n))


def read(out: Path) -> list[Point]:
    data = read_log(out, 0, 1 << 30)[0].decode()
    return [read_point(line) for line in data.splitlines()]


def test_cuts_platform_lines_and_long_lines(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "log", 1 << 20)
    found = Numbers(tmp_path / "log", tmp_path / "out")
    found.start()
    for step in range(300):
        log.write(f"step={step} lo".encode())
        log.write(f"ss={step / 2} é\n".encode())
    log.note("step=9 loss=9")
    log.write(b"step=300 loss=1 " + b"x" * 10_000 + b" loss=2\nstep=301 loss=3")
    found.end()
    while not found.finish():
        pass
    values = [(p.step, p.value) for p in read(tmp_path / "out")]
    assert values == [*((s, s / 2) for s in range(300)), (300, 1), (301, 3)]


def test_what_was_not_started_finds_nothing(tmp_path: Path) -> None:
    LogWriter(tmp_path / "log", 1 << 20).write(b"step=1 loss=1\n")
    assert Numbers(tmp_path / "log", tmp_path / "out").finish()
    assert read(tmp_path / "out") == []


def test_the_budget_ends_the_reading_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(numbers, "SHARE", 0.0)
    monkeypatch.setattr(numbers, "LAST_SECONDS", 0.05)
    log = LogWriter(tmp_path / "log", 64 << 20)
    log.write(b"a=1 b=2 step=3\n" * 200_000)
    found = Numbers(tmp_path / "log", tmp_path / "out")
    found.start()
    found.end()
    began = time.process_time()
    while not found.finish():
        pass
    assert 0 < len(read(tmp_path / "out")) < 400_000
    assert time.process_time() - began < 5, "a hundred times its budget"


@pytest.mark.parametrize("bound", ["MAX_POINTS", "MAX_NAMES"])
def test_points_and_names_are_bounded(
    tmp_path: Path, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, bound, 7)
    log = LogWriter(tmp_path / "log", 1 << 20)
    for number in range(100):
        log.write(f"step={number} m{number}=1\n".encode())
    found = Numbers(tmp_path / "log", tmp_path / "out")
    found.start()
    found.end()
    while not found.finish():
        pass
    assert len(read(tmp_path / "out")) == 7


@pytest.mark.skipif(REPORT.isolation != "full", reason=f"no isolation here: {REPORT.fix}")
def test_a_job_that_prints_pairs_without_end_ends_in_time(lab: Lab) -> None:
    ended = lab.run(
        "import sys\nfor n in range(60):\n    sys.stdout.write('a=1 :b=2 = :: ' * 30000 + '\\n')\n"
        "print('step=1 loss=0.5')\n"
    )
    assert ended.state["outcome"] == "succeeded", ended.state
    chunk = lab.backend.numbers(ended.attempt, 0, 1 << 20)
    assert chunk.eof and b"loss\t0.5\t1.0\t\n" in chunk.data
