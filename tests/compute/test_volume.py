"""The disk of an attempt is bounded by the kernel, however quickly its program writes."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute.runner import volume
from compute.runner.failures import Failure
from compute.runner.layout import Layout
from compute.runner.spec import Output
from compute.sandbox.spec import MIB, Limits
from compute.sockets import address
from tests.compute.helpers import Lab
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    not volume.available(), reason="needs root, a loop device and mkfs.ext4"
)
SMALL = Limits(memory_mb=256, pids=64, file_size_mb=4096, disk_mb=48, files=2000, tmp_mb=8)
GREEDY = """
import os, time
taken = 0
for n in range(200):
    fd, step = os.open(f"/home/ma-user/big{n}", os.O_CREAT | os.O_RDWR), 1 << 30
    size = 0
    while step >= 4096:
        try:
            os.posix_fallocate(fd, size, step)
            size += step
        except OSError:
            step //= 2
    taken += size
print("took", taken, flush=True)
time.sleep(6000)
"""
TOOK = re.compile(r"^took (\d+) (\d+)$", re.MULTILINE)
OUT = "import sys\nout = dict(a[2:].split('=', 1) for a in sys.argv[1:])['train_url']\n"


def free(path: Path) -> int:
    return shutil.disk_usage(path).free


def layout_of(lab: Lab, attempt: str) -> Layout:
    return Layout(lab.backend.directory(attempt))


def test_many_files_at_once_take_no_more_than_the_disk(lab: Lab) -> None:
    """Space is asked for without writing a byte: measuring would come too late."""
    attempt = lab.launch(lab.spec(GREEDY, limits=SMALL))
    until(lambda: "took" in lab.log(attempt) or lab.backend.observe(attempt).final)
    place = lab.backend.directory(attempt)
    used = sum(path.lstat().st_blocks * 512 for path in place.rglob("*"))
    assert SMALL.disk_mb * MIB <= used < volume.size(SMALL) + 4 * MIB
    seen = lab.wait(attempt)
    assert (seen.state["disk"], seen.state["reason_code"]) == ("volume", "DISK_FULL")
    assert "48 MB" in seen.state["message"]


def test_its_room_is_taken_before_the_program_starts(lab: Lab) -> None:
    attempt = lab.launch(lab.spec("import time\nprint('ready', flush=True)\ntime.sleep(6000)\n",
                                  limits=SMALL))  # fmt: skip
    until(lambda: "ready" in lab.log(attempt))
    assert lab.backend.disk_held(attempt) >= volume.size(SMALL)
    lab.backend.stop(attempt, 0)
    lab.wait(attempt)


def test_what_holds_no_file_is_given_back_at_the_end(lab: Lab) -> None:
    seen = lab.run("open('kept', 'wb').write(bytes(3 << 20))\nraise SystemExit(3)\n", limits=SMALL)
    assert seen.state["outcome"] == "failed"
    held = lab.backend.disk_held(seen.attempt)
    assert 3 * MIB <= held < volume.size(SMALL) / 2


def test_a_job_that_succeeded_leaves_nothing(lab: Lab) -> None:
    seen = lab.run("open('kept', 'wb').write(bytes(3 << 20))\n", limits=SMALL)
    assert seen.state["outcome"] == "succeeded"
    assert lab.backend.kept() == []
    until(lambda: not backing_files(os.fsencode(layout_of(lab, seen.attempt).volume)))


def test_no_mount_outlives_the_runner(lab: Lab) -> None:
    """Not even one that was killed; the kernel gives the loop device back with the namespace."""
    attempt = lab.launch(lab.spec("import time\nprint('ready', flush=True)\ntime.sleep(6000)\n",
                                  limits=SMALL))  # fmt: skip
    until(lambda: "ready" in lab.log(attempt))
    image = os.fsencode(layout_of(lab, attempt).volume)
    assert image not in Path("/proc/self/mountinfo").read_bytes()
    assert backing_files(image)
    lab.backend.kill(attempt)
    until(lambda: not lab.backend.observe(attempt).alive)
    until(lambda: not backing_files(image))


def test_an_upload_is_retried_from_the_kept_volume(lab: Lab) -> None:
    lab.storage.refuse_puts = "x"
    seen = lab.run(
        OUT + "open(out + '/x', 'w').write('kept')\n",
        outputs=(Output("train_url", "out", "v"),),
        limits=SMALL,
    )
    assert seen.state["reason_code"] == "UPLOAD_FAILED"
    assert not any(layout_of(lab, seen.attempt).work.iterdir())
    lab.storage.refuse_puts = ""
    assert lab.backend.may_retry_upload(seen.attempt)
    lab.backend.retry_upload(seen.attempt)
    until(lambda: lab.backend.observe(seen.attempt).state.get("outcome") == "succeeded")
    assert lab.storage.objects["out", "v/x"] == b"kept"


def test_countless_names_are_bounded_too(lab: Lab) -> None:
    seen = lab.run(
        "for n in range(6000):\n"
        "    try: open(f'f{n}', 'w').close()\n"
        "    except OSError: break\n"
        "print('made', n)\n",
        limits=SMALL,
    )
    assert seen.state["reason_code"] == "DISK_FULL"
    made = int(lab.log(seen.attempt).split("made ")[1].split()[0])
    assert made < SMALL.files * 2


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A folder in which no file can be written."""
    place = tmp_path / "full"
    place.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", place)
    subprocess.run(mount, check=True)
    try:
        (place / "all").write_bytes(bytes(4096))
        yield place
    finally:
        subprocess.run(("umount", "--lazy", place), check=True)


def test_a_disk_that_fills_while_an_attempt_is_prepared_is_no_fault_of_the_platform(
    lab: Lab, full: Path
) -> None:
    """Another attempt follows, which waits for room; the program has not begun."""
    spec = lab.spec("print('began')\n", limits=SMALL)
    place = lab.backend.directory(spec.attempt)
    place.mkdir(mode=0o700, parents=True)
    Layout(place).etc.symlink_to(full)
    seen = lab.wait(lab.launch(spec))
    assert (seen.state["outcome"], seen.state["reason_code"]) == ("failed", "HOST_DISK_FULL")
    assert "began" not in lab.log(spec.attempt)


def test_a_host_without_room_is_waited_for_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, ticks = Layout(tmp_path), []
    monkeypatch.setattr(volume, "ROOM_SECONDS", 0.4)
    too_large = Limits(disk_mb=(free(tmp_path) // MIB) * 2)
    with pytest.raises(Failure) as refused:
        volume.prepare(too_large, layout, lambda: ticks.append(1))
    assert refused.value.code == "HOST_DISK_FULL"
    assert ticks
    assert not layout.volume.exists()


def test_the_hosts_own_file_system_is_never_trimmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner that finds an attempt lost has not mounted what the one before it left."""
    layout, asked = Layout(tmp_path), []
    layout.volume.write_bytes(b"left")
    layout.work.mkdir()
    monkeypatch.setattr(volume.fcntl, "ioctl", lambda *order: asked.append(order))
    volume.shrink(layout)
    assert asked == []


def backing_files(image: bytes) -> list[Path]:
    """Loop devices that stand on this file."""
    found = []
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            text = file.read_bytes()
        except OSError:
            continue
        if text.startswith(image):
            found.append(file)
    return found


SERVER = """
import os, socket
place = os.environ["MODELYARD_SOCKET"]
s = socket.socket(socket.AF_UNIX); s.bind(place); s.listen()
taken = 0
try:
    with open(os.path.dirname(place) + "/more", "wb") as file:
        while True: taken += file.write(bytes(1 << 16))
except OSError as error:
    print("took", taken, error.errno, flush=True)
while True:
    c, _ = s.accept(); c.sendall(b"hello"); c.close()
"""


def test_the_directory_of_a_socket_is_bounded_and_the_socket_is_reached(lab: Lab) -> None:
    attempt = lab.launch(lab.spec(SERVER, kind="service", limits=SMALL))
    count, number = until(lambda: TOOK.search(lab.log(attempt))).groups()
    assert int(count) <= MIB
    assert int(number) == errno.ENOSPC
    path = lab.backend.socket_path(attempt)
    with address(path) as place, socket.socket(socket.AF_UNIX) as client:
        client.connect(place)
        assert client.recv(5) == b"hello"
    assert list(layout_of(lab, attempt).sockets.iterdir()) == []
    lab.backend.kill(attempt)
    until(lambda: not lab.backend.observe(attempt).alive)
    with pytest.raises(OSError), address(path):
        pass
