"""Reading in a child with a budget: what ends the child is an answer."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest

from core.budget import PATIENT, Exceeded, run_bounded

MIB = 1024 * 1024


def ask(name: str, given: Any = None, **more: Any) -> Any:
    limits = {"cpu_seconds": 0.5, "memory_bytes": 256 * MIB, "wall_seconds": 10.0} | more
    return run_bounded(name, given, **limits)  # type: ignore[arg-type]


# -- what the children do ------------------------------------------------------------------------

CHILDREN = {
    "spin": "def f(given):\n    while True: pass",
    "wait": "import time\ndef f(given): time.sleep(60)",
    "eat": "def f(given): return len(bytearray(given))",
    "nest": "def f(given): return f(given)",
    "crash": "import os, signal\ndef f(given): os.kill(os.getpid(), signal.SIGSEGV)",
    "killed": "import os, signal\ndef f(given): os.kill(os.getpid(), signal.SIGKILL)",
    "wrong": "def f(given): return given['no such key']",
    "talk": "def f(given): return 'x' * given",
    "deep": "def f(given):\n    x = []\n    for _ in range(given): x = [x]\n    return x",
    "write": "def f(given):\n    with open(given, 'w') as file: file.write('x')",
    "nice": "import os\ndef f(given): return os.nice(0)",
    "bare": "import os, sys\ndef f(given): return [sorted(os.environ), 'django' in sys.modules]",
    "files": """
def f(given, files):
    with files['b']() as b:
        head = b.read(3).decode()
    with files['a']() as a:
        return [head, sum(len(x) for x in iter(lambda: a.read(1000), b''))]
""",
}


@pytest.fixture(autouse=True)
def children(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions above as modules beside a copy of what the child needs."""
    (tmp_path / "core").symlink_to(os.path.abspath("core"))
    for name, text in CHILDREN.items():
        (tmp_path / f"child_{name}.py").write_text(text + "\n")
    monkeypatch.setattr("core.budget.PROJECT", tmp_path)


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("spin", None, "CPU"),
        ("eat", 1024 * MIB, "MEMORY"),
        ("nest", 1, "DEPTH"),
        ("crash", None, "CRASHED"),
        ("killed", None, "MEMORY"),
        ("wrong", {}, "FAILED"),
        ("talk", 9 * MIB, "ANSWER"),
        ("deep", 990, "DEPTH"),
        ("deep", 100_000, "DEPTH"),
    ],
)
def test_whatever_ends_it_has_a_name(name: str, given: Any, code: str) -> None:
    with pytest.raises(Exceeded) as refused:
        ask(f"child_{name}:f", given)
    assert refused.value.code == code


def test_a_child_that_only_waits_is_ended_by_its_clock() -> None:
    with pytest.raises(Exceeded) as refused:
        ask("child_wait:f", wall_seconds=0.3)
    assert refused.value.code == "TIME"


def test_it_has_no_secrets_and_writes_nothing(tmp_path: Any) -> None:
    names, django = ask("child_bare:f")
    assert set(names) <= {"LANG", "PATH", "LC_CTYPE"} and not django
    with pytest.raises(Exceeded):
        ask("child_write:f", str(tmp_path / "made"))


def test_a_patient_one_lets_others_go_first() -> None:
    """Reading gigabytes of one tenant takes no processor from another's request."""
    usual = ask("child_nice:f")
    assert ask("child_nice:f", patient=True) == min(19, usual + PATIENT)


def test_files_are_read_by_the_parent() -> None:
    opened: list[str] = []

    def opener(name: str, data: bytes) -> Callable[[], BinaryIO]:
        def open_it() -> BinaryIO:
            opened.append(name)
            return io.BytesIO(data)

        return open_it

    files = {"a": opener("a", b"x" * 3_000_000), "b": opener("b", b"abcdef")}
    assert ask("child_files:f", files=files) == ["abc", 3_000_000]
    assert opened == ["b", "a"]


def test_a_store_that_fails_is_no_finding() -> None:
    def away() -> BinaryIO:
        raise OSError("the store is away")

    with pytest.raises(OSError, match="away"):
        ask("child_files:f", files={"a": away, "b": away})


def test_the_file_that_was_read_is_named() -> None:
    files = {"a": lambda: io.BytesIO(b"x"), "b": lambda: io.BytesIO(b"\xff\xff\xff")}
    with pytest.raises(Exceeded) as refused:
        ask("child_files:f", files=files)
    assert (refused.value.code, refused.value.file) == ("FAILED", "b")


def test_who_asked_may_give_up() -> None:
    def give_up() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        ask("child_spin:f", tick=give_up)
