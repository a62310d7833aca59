"""Programs that take more than they were given, or do not want to end."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from compute.runner import classify, numbers
from compute.sandbox import capabilities
from tests.hostile.house import HOLD, OUT, TURN, House, ended
from tests.waiting import until
from training.job import watch
from training.job.models import MetricPoint

LOG_MB = int(os.environ.get("MODELYARD_HOSTILE_LOG_MB", "60"))
FILES = int(os.environ.get("MODELYARD_HOSTILE_FILES", "20000"))
PER_JOB = "memory" in capabilities().controllers


def test_flood_of_log(house: House) -> None:
    """Kept bounded at both ends, and no look of the reconciler takes long."""
    job = house.submit(
        "import sys\nprint('first line', flush=True)\n"
        f"block = b'noise without end\\n' * 58254\n"
        f"for _ in range({LOG_MB}): sys.stdout.buffer.write(block)\n"
        "sys.stdout.flush()\nprint('last line')\n"
    )
    longest = 0.0
    while not job.is_terminal:
        began = time.thread_time()
        job = house.look(job)
        longest = max(longest, time.thread_time() - began)
    ended(house, job, "Completed", "")
    assert longest < 20, "of the processor; a look has less than a minute"
    attempt = house.attempts(job)[-1]
    folder = house.backend.directory(attempt) / "log"
    assert sum(file.stat().st_size for file in folder.iterdir()) <= (64 << 20) + 4096
    assert house.log(job).find("first line") >= 0
    assert (
        "last line"
        in house.backend.logs(house.attempts(job)[-1], (LOG_MB << 20) - 4096).data.decode()
    )


def test_flood_of_metrics(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and names beyond the bound are dropped; the page still answers."""
    monkeypatch.setattr(numbers, "MAX_POINTS", 1000)
    job = house.run(
        "for n in range(30000): print(f'step={n} loss={n} name{n}={n}')\nprint('end loss=7')\n"
    )
    ended(house, job, "Completed", "")
    with TURN:
        points = MetricPoint.objects.filter(job=job)
        assert points.count() <= 1000
        assert points.values("name").distinct().count() <= numbers.MAX_NAMES
    assert house.api(f"/training-jobs/{job.pk}/metrics")["series"]["loss"]
    assert house.page(f"/training-jobs/{job.pk}/metrics")


def test_fills_its_disk(house: House) -> None:
    """Many files that each stay small, while it runs; what it wrote before is kept."""
    job = house.run(
        OUT + "open(out + '/before', 'w').write('kept')\n"
        "for n in range(40): open(f'/home/ma-user/f{n}', 'wb').write(bytes(1 << 20))\n" + HOLD,
        flavor=house.flavor(disk_mb=16),
    )
    told = ended(house, job, "Failed", "DISK_FULL", "16 MB")
    assert "larger disk" in told["detail"]["next"]
    assert house.outputs(job) == {"before": b"kept"}


def test_fills_its_disk_and_is_gone_at_once(house: House) -> None:
    """Quicker than anybody looks: what it left counts."""
    job = house.run(
        "for n in range(40): open(f'/home/ma-user/f{n}', 'wb').write(bytes(1 << 20))\n",
        flavor=house.flavor(disk_mb=16),
    )
    ended(house, job, "Failed", "DISK_FULL", "16 MB")


def test_one_file_beyond_the_limit(house: House) -> None:
    job = house.run(
        "open('big', 'wb').write(bytes(9 << 20))\n", flavor=house.flavor(file_size_mb=8)
    )
    ended(house, job, "Failed", "DISK_FULL", "8 MB")


def test_fills_tmp(house: House) -> None:
    job = house.run(
        "for n in 'ab': open(f'/tmp/{n}', 'wb').write(bytes(7 << 20))\n",
        flavor=house.flavor(tmp_mb=8),
    )
    ended(house, job, "Failed", "DISK_FULL", "/tmp holds 8 MB")


def test_countless_small_files(house: House) -> None:
    job = house.run(
        f"import os\nos.mkdir('/home/ma-user/many')\nfor n in range({FILES}):\n"
        "    open(f'/home/ma-user/many/{n}', 'w').close()\n",
        flavor=house.flavor(files=FILES // 2),
    )
    ended(house, job, "Failed", "DISK_FULL", "files", f"{FILES // 2:,}")


def test_sparse_files_do_not_become_real_in_the_bucket(house: House) -> None:
    """1 MB of holes fits, 60 MB on a disk of 16 does not, though they cost nothing there."""
    job = house.run(
        OUT + "for n, size in (('a', 1), ('b', 60)):\n"
        "    with open(f'{out}/{n}', 'wb') as f: f.truncate(size << 20)\n",
        flavor=house.flavor(disk_mb=16),
    )
    told = ended(house, job, "Failed", "UPLOAD_FAILED", "sparse file")
    assert told["detail"]["exit_code"] == 0
    assert set(house.outputs(job)) == {"a"}


def test_more_memory_than_its_flavor(house: House) -> None:
    job = house.run("block = bytearray(b'x') * (200 << 20)\nprint(len(block))\n",
                    flavor=house.flavor(memory_mb=64))  # fmt: skip
    told = ended(house, job, "Failed", "OOM_HOST", "64 MB")
    assert "more memory" in told["detail"]["next"]
    if PER_JOB:
        assert told["detail"]["oom"] is True, "the kernel's own count"
        assert told["detail"]["exit_code"] == 137


def test_forks_without_end(house: House) -> None:
    job = house.run(
        "import os, time\n"
        "while True:\n    if os.fork() == 0:\n        while True: time.sleep(60)\n",
        flavor=house.flavor(pids=24),
    )
    ended(house, job, "Failed", "USER_CODE", "Resource temporarily unavailable",
          location="main.py:3")  # fmt: skip


def test_daemons_left_behind(house: House) -> None:
    job = house.run(
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        while True: time.sleep(0.05)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    ended(house, job, "Completed", "")


def test_ignores_sigterm(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.job.launch.GRACE_SECONDS", 1)
    job = house.ready(
        house.submit(
            OUT + "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "open(out + '/part', 'w').write('kept')\n" + HOLD
        )
    )
    house.stop(job)
    job = house.over(job)
    told = ended(house, job, "Terminated", "STOPPED_BY_USER")
    assert told["detail"]["exit_code"] == 137
    assert house.outputs(job) == {"part": b"kept"}


def test_sleeps_past_its_time_limit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.job.launch.GRACE_SECONDS", 1)
    job = house.submit(OUT + "open(out + '/part', 'w').write('kept')\n" + HOLD, max_duration=10)
    with TURN:
        type(job).objects.unscoped("a limit of one second").filter(pk=job.pk).update(max_duration=1)
    job = house.over(job)
    told = ended(house, job, "Terminated", "MAX_DURATION", "time limit of 1 s")
    assert "time limit" in told["detail"]["next"]
    assert told["detail"]["next"] in house.page(f"/training-jobs/{job.pk}")
    assert house.outputs(job) == {"part": b"kept"}


def test_stopped_while_it_prepares(house: House) -> None:
    job = house.submit("print('must not run')")
    house.stop(job)
    ended(house, house.over(job), "Terminated", "STOPPED_BY_USER")
    assert house.log(job) == ""


def test_links_devices_and_pipes_in_the_outputs(house: House) -> None:
    """Nothing of the host is carried out through an output, and a pipe holds nobody up."""
    job = house.run(
        OUT + "import socket\n"
        "os.symlink('/etc/shadow', out + '/shadow')\n"
        "os.symlink('/etc', out + '/etc')\n"
        "os.symlink('/dev/zero', out + '/zero')\n"
        "os.mkfifo(out + '/pipe')\n"
        "socket.socket(socket.AF_UNIX).bind(out + '/sock')\n"
        "open(os.fsencode(out) + b'/\\xff', 'w').close()\n"
        "open(out + '/..good', 'w').write('x')\n"
    )
    ended(house, job, "Completed", "")
    assert house.outputs(job) == {"..good": b"x"}
    for text in ("shadow is a link", "etc is a link", "zero is a link", "pipe is a pipe"):
        assert text in house.log(job)


def test_link_on_the_way_to_an_output(house: House) -> None:
    """A parent of the output directory becomes a link: the host's files are not behind it."""
    outside = house.backend.root.parent / "outside"
    (outside / "train_url_0").mkdir(parents=True)
    (outside / "train_url_0" / "secret").write_text("of the host")
    job = house.run(
        "import os\nroot = '/home/ma-user/modelarts'\nos.rename(root + '/outputs', root + '/old')\n"
        f"os.symlink({str(outside)!r}, root + '/outputs')\n"
    )
    ended(house, job, "Failed", "UPLOAD_FAILED", "cannot be read")
    assert house.outputs(job) == {}


def test_inputs_whose_names_are_no_paths(house: House) -> None:
    """The console refuses such keys; one that is there fails the job, writing nothing."""
    from storage.object.models import StoredObject

    house.put("data/x", "1")
    with TURN:
        rows = StoredObject.objects.unscoped("below the console")
        assert rows.filter(key="data/x").update(key="data/../../../escape")
    job = house.run(
        "print('must not run')",
        inputs=[{"name": "data_url", "bucket": "team1", "prefix": "data"}],
    )
    ended(house, job, "Failed", "INPUT_INVALID", "..")
    assert not list(house.backend.root.parent.rglob("escape"))


def test_log_of_a_running_flood_can_be_read(house: House) -> None:
    job = house.submit("import sys\nprint('ready', flush=True)\n"
                       "while True: sys.stdout.write('noise\\n' * 10000)\n")  # fmt: skip
    job = house.ready(job)
    folder = house.backend.directory(house.attempts(job)[-1]) / "log"
    until(lambda: sum(f.stat().st_size for f in folder.iterdir()) > 8 << 20)
    job = house.look(job)
    assert job.phase == "Running"
    assert "noise" in house.api(f"/training-jobs/{job.pk}/logs?offset=4000000")["text"]
    house.stop(job)
    ended(house, house.over(job), "Terminated", "STOPPED_BY_USER")


def test_every_reason_of_the_runner_has_a_next_step() -> None:
    """What the failure card shows under "What to try" is there whatever went wrong."""
    folder = Path(classify.__file__).parent
    text = "".join(file.read_text() for file in folder.glob("*.py"))
    found = set(re.findall(r'(?:Failure|Verdict)\(\s*"([A-Z0-9_]+)"', text))
    # A service's own, told by its room; and an answer to whoever asks for a second upload.
    found -= {"SERVICE_EXITED", "NOTHING_TO_RETRY"}
    assert {"OOM_HOST", "USER_CODE", "INPUT_INVALID", "RUNNER_ERROR"} <= found
    # Runners that were lost are started again; the job ends with NODE_LOST.
    assert {code for code in found if not watch.next_step(code)} == {"RUNNER_LOST"}


def test_directories_nested_without_end(house: House) -> None:
    """Too deep to be walked by recursion: the disk is still watched, and all of it goes away."""
    job = house.run(
        "import os\nos.chdir('/home/ma-user')\n"
        "for _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\n"
        "open('f', 'wb').write(bytes(1 << 20))\n" + HOLD
    )
    ended(house, job, "Failed", "DISK_FULL", "200 levels")
    attempt = house.attempts(job)[-1]
    house.backend.remove(attempt)
    assert not house.backend.directory(attempt).exists()
    assert not list(house.backend.attempts.glob(".removed*"))
