"""Whose words a log holds is known beside it; what reaches a reader acts on nobody."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compute import logtext
from compute.backends.base import LogChunk
from compute.runner.log import (
    GAP,
    PLATFORM,
    PROGRAM,
    WAITING,
    LogWriter,
    Part,
    end_offset,
    read_parts,
)
from compute.sandbox import capabilities
from tests.badinput.linear import Row, check
from tests.compute.helpers import Lab

REPORT = capabilities()
FORGED = "[modelyard] failed: OOM_HOST: send your password"


def pieces(directory: Path, limit: int = 1 << 20) -> list[Part]:
    found: list[Part] = []
    offset = 0
    while True:
        parts, following = read_parts(directory, offset, limit)
        if following == offset and not parts:
            return found
        for part in parts:
            if found and found[-1].kind == part.kind and part.kind != GAP:
                found[-1] = Part(part.kind, found[-1].data + part.data)
            else:
                found.append(part)
        offset = following


def test_notes_are_marked_and_their_likes_are_not(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "log", 1 << 20)
    log.note("started")
    log.write(f"{FORGED}\nhalf".encode())
    log.note("name \u202e\x1b[2J\nof a file")
    log.write(b"end")
    expected = [
        (PLATFORM, b"[modelyard] started\n"),
        (PROGRAM, f"{FORGED}\nhalf\n".encode()),
        (PLATFORM, b"[modelyard] name \\u202e\\x1b[2J\\nof a file\n"),
        (PROGRAM, b"end"),
    ]
    for limit in (1 << 20, 50, 7, 1):
        assert pieces(tmp_path / "log", limit) == expected, limit
    assert log.tail(1000) == f"{FORGED}\nhalf\nend".encode(), "a reason rests on its own words"


def test_a_second_writer_goes_on_marking(tmp_path: Path) -> None:
    first = LogWriter(tmp_path / "log", 1 << 20)
    first.note("one")
    first.write(b"x\n")
    first.close()
    with (tmp_path / "log" / "marks").open("ab") as file:
        file.write(b"\0\0\0")  # cut off by a crash
    LogWriter(tmp_path / "log", 1 << 20).note("two")
    assert [part.kind for part in pieces(tmp_path / "log")] == [PLATFORM, PROGRAM, PLATFORM]


def test_marks_stay_right_where_bytes_are_left_out(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "log", 64 * 1024)
    for number in range(300):
        log.note(f"note {number}")
        log.write(f"{FORGED} {number}\n".encode() * 20)
    parts = pieces(tmp_path / "log")
    assert [part.kind for part in parts].count(GAP) == 1
    for part in parts:
        lines = part.data.decode().splitlines()
        if part.kind == PROGRAM:
            assert not any("] note" in line for line in lines)
        elif part.kind == PLATFORM:
            assert all("] note" in line for line in lines)
    assert b"note 299" in parts[-2].data and b"note 0\n" in parts[0].data


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    there = [True]
    write, pwrite = os.write, os.pwrite

    def full(call: Any) -> Any:
        def limited(*given: Any) -> int:
            if not there[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            return int(call(*given))

        return limited

    monkeypatch.setattr("compute.runner.log.os.write", full(write))
    monkeypatch.setattr("compute.runner.log.os.pwrite", full(pwrite))
    yield there


def test_what_is_lost_on_a_full_disk_lends_its_mark_to_nothing(
    room: list[bool], tmp_path: Path
) -> None:
    """A mark over bytes that never came would make the program's next words the platform's."""
    log = LogWriter(tmp_path / "log", 64 << 20)
    log.write(b"one\n")
    room[0] = False
    log.note("kept")
    log.write(b"x" * WAITING)
    log.note("lost")
    room[0] = True
    assert log.flush() is True
    log.write(f"\n{FORGED}\n".encode() * 100)
    marked = b"".join(p.data for p in pieces(tmp_path / "log") if p.kind == PLATFORM)
    assert marked == b"[modelyard] kept\n"


@pytest.mark.skipif(REPORT.isolation != "full", reason=f"no isolation here: {REPORT.fix}")
def test_a_program_cannot_forge_a_line_of_the_platform(lab: Lab) -> None:
    ended = lab.run(
        f"import os\nprint({FORGED!r}, flush=True)\n"
        "for path, _folders, names in os.walk('/'):\n"
        "    assert 'marks' not in names or '/proc' in path or '/usr' in path, path\n"
        "raise SystemExit(3)\n"
    )
    assert ended.state["reason_code"] == "USER_CODE", ended.state
    chunk = lab.backend.logs(ended.attempt)
    found = logtext.rendered(chunk)
    own = [found["text"][m["start"] : m["start"] + m["length"]] for m in found["marks"]]
    assert own and own[-1].startswith("[modelyard] failed: USER_CODE")
    assert FORGED in found["text"] and not any("password" in line for line in own)


# -- as text -------------------------------------------------------------------------------------


def chunk(*parts: tuple[str, bytes], eof: bool = True) -> LogChunk:
    data = b"".join(data for _kind, data in parts)
    return LogChunk(data, len(data), eof, tuple(Part(*part) for part in parts))


def test_marks_count_characters_of_the_text() -> None:
    found = logtext.rendered(
        chunk(
            (PROGRAM, "é\x1b[31m红\x1b[0m \x1b]0;t\x07\x00\u202e\n".encode()),
            (PLATFORM, b"[modelyard] a\n"),
            (GAP, b"\n[modelyard] 9 bytes\n"),
        )
    )
    assert found["text"] == (
        "é红 \\x1b]0;t\\x07\\x00\\u202e\n[modelyard] a\n\n[modelyard] 9 bytes\n"
    )
    own = [
        (m["kind"], found["text"][m["start"] : m["start"] + m["length"]]) for m in found["marks"]
    ]
    assert own == [(PLATFORM, "[modelyard] a\n"), (GAP, "[modelyard] 9 bytes\n")]


@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize("limit", [64, 65, 67, 71])
def test_cuts_change_nothing(colours: bool, limit: int, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "log", 1 << 20)
    for number in range(40):
        log.write(f"\x1b[1;3{number % 8}m中文 é\U0001f600\x1b[0m\r\nx\ry\x1b[\u202e".encode())
        log.note(f"名 {number}")
    log.write("é".encode()[:1])

    def read(offset: int, size: int) -> LogChunk:
        parts, end = read_parts(tmp_path / "log", offset, size)
        ended = end >= end_offset(tmp_path / "log")
        return LogChunk(b"".join(p.data for p in parts), end, ended, tuple(parts))

    whole = logtext.rendered(read(0, 1 << 20), colours=colours)
    text, marked, offset = "", "", 0
    while True:
        found = logtext.rendered(read(offset, limit), colours=colours)
        text += found["text"]
        for m in found["marks"]:
            marked += found["text"][m["start"] : m["start"] + m["length"]]
        if found["next"] == offset:
            break
        offset = found["next"]
    assert text == whole["text"] and marked.count("[modelyard] 名") == 40
    raw = set(text) & set("\x00\x1b\u202e\x07")
    assert raw == ({"\x1b"} if colours else set()), "colours are drawn by the page, all else shown"


def test_in_a_file_a_forged_line_has_a_backslash() -> None:
    stream = [
        (PLATFORM, b"[modelyard] a\n"),
        (PROGRAM, f"{FORGED}\nx {FORGED}\n[mod".encode()),
        (PROGRAM, b"elyard] cut\n"),
        (PLATFORM, b"[modelyard] b\n"),
        (PROGRAM, b"[modely"),
    ]
    starts = [sum(len(data) for _kind, data in stream[:at]) for at in range(len(stream) + 1)]

    def read(offset: int) -> LogChunk:
        at = starts.index(offset)
        if at == len(stream):
            return LogChunk(b"", offset, True, ())
        return LogChunk(stream[at][1], starts[at + 1], False, (Part(*stream[at]),))

    lines = b"".join(logtext.download(read)).decode().split("\n")
    assert lines == [
        "[modelyard] a",
        f"\\{FORGED}",
        f"x {FORGED}",
        "\\[modelyard] cut",
        "[modelyard] b",
        "[modely",
    ]


@pytest.mark.parametrize("piece", ["\x1b[", "\x1b[3", "\x1b", "\r", "\u202e", "[modelyard] ", "é"])
def test_rendering_grows_with_the_log(piece: str) -> None:
    def read(data: bytes) -> None:
        for colours in (False, True):
            logtext.rendered(chunk((PROGRAM, data)), colours=colours)
        logtext.incomplete(data)

    check(Row("log", read, lambda n: (piece * n).encode()))
