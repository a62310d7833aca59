"""The log: bounded, complete at both ends, readable while written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compute.runner import watch
from compute.runner.log import SEGMENTS, LogWriter, end_offset, read_log, tail
from compute.sandbox import capabilities
from tests.compute.helpers import Lab
from tests.waiting import until

REPORT = capabilities()


def stored(directory: Path) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(directory))


def test_cap_keeps_beginning_and_end_and_says_what_is_gone(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 64 * 1024)
    for number in range(40_000):
        writer.write(b"line %06d\n" % number)
    assert stored(tmp_path / "log") <= 64 * 1024
    text, end = read_log(tmp_path / "log", 0, 1 << 20)
    assert end == end_offset(tmp_path / "log") == 40_000 * 12
    lines = text.splitlines()
    assert lines[0] == b"line 000000"
    assert lines[-1] == b"line 039999"
    gap = next(line for line in lines if line.startswith(b"[modelyard] "))
    left_out = int(gap.split()[1])
    kept = len(text) - len(gap) - 2
    assert kept + left_out == 40_000 * 12
    head = text[: text.index(b"[modelyard]")]
    assert len(head) >= 64 * 1024 // SEGMENTS * (SEGMENTS // 2)


def test_reading_in_small_steps_gives_the_same_bytes(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 1 << 20)
    data = os.urandom(300_000)
    writer.write(data)
    out, position = b"", 0
    while True:
        chunk, position = read_log(tmp_path / "log", position, 777)
        if not chunk:
            break
        out += chunk
    assert out == data
    assert tail(tmp_path / "log", 100) == data[-100:]
    assert read_log(tmp_path / "log", 10**9, 10) == (b"", 10**9)


def test_follower_of_a_dropped_position_continues_after_the_gap(tmp_path: Path) -> None:
    """An offset stays valid although the bytes there are gone."""
    writer = LogWriter(tmp_path / "log", 64 * 1024)
    writer.write(b"a" * 40_000)
    position = read_log(tmp_path / "log", 0, 1 << 20)[1]
    writer.write(b"b" * 400_000)
    text, following = read_log(tmp_path / "log", position, 1 << 20)
    assert following == 440_000
    assert b"bytes of the log are left out here" in text


def test_second_writer_continues_the_stream(tmp_path: Path) -> None:
    first = LogWriter(tmp_path / "log", 1 << 20)
    first.write(b"no newline")
    first.close()
    LogWriter(tmp_path / "log", 1 << 20).note("uploading again")
    assert read_log(tmp_path / "log", 0, 100)[0].endswith(b"[modelyard] uploading again\n")


@pytest.mark.skipif(REPORT.isolation != "full", reason=f"no isolation here: {REPORT.fix}")
def test_flood_of_any_bytes_does_not_grow_the_runner(lab: Lab) -> None:
    """60 MB of random bytes: the log stays at its cap, the supervisor's memory stays small."""
    attempt = lab.launch(
        lab.spec(
            "import os, sys, time\n"
            "block = os.urandom(1 << 20)\n"
            "for _ in range(60): sys.stdout.buffer.write(block)\n"
            "sys.stdout.buffer.flush()\n"
            "print('\\nflood over', flush=True)\n"
            "time.sleep(6000)\n",
            log_bytes=1 << 20,
        )
    )
    directory = lab.backend.directory(attempt)
    until(lambda: b"flood over" in tail(directory / "log", 100))
    runner = lab.backend.observe(attempt).state["pid"]
    status = Path(f"/proc/{runner}/status").read_text()
    peak_kb = int(status.split("VmHWM:")[1].split()[0])
    assert peak_kb < 60_000
    assert stored(directory / "log") <= 1 << 20
    lab.backend.stop(attempt, 0)
    seen = lab.wait(attempt)
    assert "flood over" in seen.state["detail"]["log_tail"]
    assert lab.backend.logs(attempt, 0, 1 << 22).eof


def test_copying_takes_a_share_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it the writer waits; when the program has ended everything it wrote arrives."""
    monkeypatch.setattr(watch, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(watch, "SHARE", 0.0)
    read, write = os.pipe()
    os.set_blocking(write, False)
    log = LogWriter(tmp_path / "log", 64 << 20)
    pump = watch.Pump(read, log)
    pump.start()
    sent = os.write(write, b"x" * 1000)
    until(lambda: end_offset(tmp_path / "log") == sent)
    with pytest.raises(BlockingIOError):
        while True:
            sent += os.write(write, b"x" * 65536)
    assert end_offset(tmp_path / "log") == 1000, "nothing more is copied meanwhile"
    os.close(write)
    pump.end(20.0)
    assert end_offset(tmp_path / "log") == sent and not pump.is_alive()


@pytest.mark.skipif(REPORT.isolation != "full", reason=f"no isolation here: {REPORT.fix}")
def test_line_is_visible_while_the_program_goes_on(lab: Lab) -> None:
    attempt = lab.launch(lab.spec("import time\nprint('first')\ntime.sleep(6000)\n"))
    until(lambda: "first" in lab.log(attempt))
    chunk = lab.backend.logs(attempt)
    assert not chunk.eof
    assert lab.backend.logs(attempt, chunk.next_offset).data == b""
