"""Logs made to cost: an attempt ends in seconds, whatever its program printed last."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from compute.runner import reason
from compute.runner.classify import Evidence, Verdict, classify, last_exception, readable
from compute.runner.failures import Stopped
from compute.sandbox import capabilities
from compute.sandbox.spec import Limits
from core.said import data_of
from tests.badinput.linear import Row, check
from tests.compute.helpers import Lab

REPORT = capabilities()
HEAD = "Traceback (most recent call last):"
#: what repeats, between a traceback's first line and its end
REPEATED = {
    "newlines": "\n",
    "spaces": " ",
    "bars": "  | ",
    "frames": '  File "',
    "frames that do not end": '  File "a", line \n',
    "frames with a number": '  File "a", line 1\n',
    "quotes": '"',
    "digits": "9",
    "brackets": "[{(",
    "colons": "a: error: ",
    "dots": "a.",
    "escapes": "\x1b[0;",
    "commands": "\x1b]0;",
    "modules": "No module named '",
    "carriage returns": "\r",
}


def seen(tail: str, code: int = 2) -> Evidence:
    return Evidence(code, 0, tail, "/c", Limits(), memory_is_per_job=False)


@pytest.mark.parametrize("piece", REPEATED.values(), ids=REPEATED)
def test_reading_the_end_of_a_log_grows_with_its_length(piece: str) -> None:
    heads = (HEAD, f"{HEAD}\nValueError", "x", "SyntaxError:")
    check(
        Row(
            "compute.runner.classify",
            lambda logs: [classify(seen(readable(one))) for one in logs],
            lambda n: [(head + piece * n).encode() for head in heads],
            most=16_000,
        )
    )


@pytest.mark.skipif(REPORT.isolation != "full", reason=f"no isolation here: {REPORT.fix}")
@pytest.mark.parametrize("name", ["newlines", "frames", "digits"])
def test_an_attempt_ends_with_its_reason(lab: Lab, name: str) -> None:
    """Reading its log grows with the length, as above, and has a budget: no expression holds it."""
    program = (
        f"import sys\nsys.stdout.write({HEAD!r} + {REPEATED[name]!r} * 65400)\n"
        "sys.stdout.flush()\nsys.exit(1)\n"
    )
    ended = lab.run(program)
    assert ended.state["reason_code"] == "USER_CODE", ended.state


@pytest.mark.parametrize(
    ("tail", "exception", "location"),
    [
        (f'{HEAD}\n  File "/c/a.py", line 3, in f\nKeyError: 1\n', "KeyError: 1", "a.py:3"),
        (f'  + Exception Group {HEAD}\n  |   File "/c/a.py", line 3\nx.Y\n', "x.Y", "a.py:3"),
        (f'{HEAD}\n  File "/lib/x.py", line 9\n\n  more\nnot an exception\n', "", "/lib/x.py:9"),
        ('  File "/c/m.py", line 1\n    x = (\nSyntaxError: open\n', "SyntaxError: open", "m.py:1"),
        (f'{HEAD}\n  File "/c/\n  File "/c/b.py", line x\n_E: a: b\n', "_E: a: b", ""),
    ],
)
def test_what_the_scanner_finds(tail: str, exception: str, location: str) -> None:
    assert last_exception(tail, "/c") == (exception, location)


def test_terminal_sequences_go_and_other_controls_are_shown() -> None:
    printed = b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07a\x1b]8;;x\x1b\\b \x1b[ \x9b1m\x00 \xff\r\nend"
    assert readable(printed) == "red ab \\x1b[ \ufffd1m\\x00 \ufffd\nend"
    assert readable("a\u202eb\u200bc\u2028d\u0085e\tf".encode()) == (
        "a\\u202eb\\u200bc\\u2028d\\x85e\tf"
    )


# -- the budget ----------------------------------------------------------------------------------


def test_a_log_beyond_the_budget_costs_its_proof_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reason, "MEMORY_BYTES", 1024 * 1024)  # no interpreter starts in it
    verdict = reason.judged(seen("No module named 'x'", 1), lambda: None)
    assert verdict.code == "USER_CODE" and "The log was not asked" in verdict.message


def test_a_stop_is_heard_while_the_log_is_read() -> None:
    def stop() -> None:
        raise Stopped("STOPPED_BY_USER", "now")

    with pytest.raises(Stopped):
        reason.judged(seen("x"), stop)


def test_the_child_finds_what_the_function_finds(beats: Callable[[], int]) -> None:
    tail = f"{HEAD}\n  File \"/c/a.py\", line 3, in f\nModuleNotFoundError: No module named 'q'\n"
    verdict = reason.judged(seen(tail, 1), beats)
    here = classify(seen(tail, 1))
    assert isinstance(verdict, Verdict) and replace(verdict, said=None) == here
    assert verdict.said == data_of(here.message)
    assert verdict.code == "NO_MODULE" and beats() > 1, "no heartbeat meanwhile"


@pytest.fixture
def beats() -> Callable[[], int]:
    times: list[float] = []

    def beat() -> int:
        times.append(time.monotonic())
        return len(times)

    return beat
