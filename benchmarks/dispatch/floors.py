"""The floors: a queue without a platform, and a runner without a queue."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.installation import running

from .place import ROOT, SCRIPT, Place
from .steps import bare, first_line, ms

QUEUE = "floor"
LOST_AFTER = 60.0  # seconds


def floors(place: Place, count: int) -> None:
    """A queue without a platform, and a runner without a queue."""
    print("\nfloors")
    with celery_worker(place):
        from celery import current_app

        taken = []
        for number in range(count + 1):
            sent = time.time()
            out = place.var / "bench" / f"floor-{number}"
            arguments = [str(place.python), str(place.script), str(out)]
            current_app.send_task("floor.start", args=arguments, queue=QUEUE)
            while not out.exists():
                if time.time() - sent > LOST_AFTER:
                    raise SystemExit("The floor's worker did not take its task; see floor.log.")
                time.sleep(0.005)
            taken.append(first_line(out.read_bytes()) - sent)
        taken = taken[1:]
        print(
            f"  Celery task that starts the script      {ms(taken, 50):>8.1f}{ms(taken, 95):>10.1f}"
        )
    cpu = runner_alone(place, count)
    wall = bare_cpu(place, count)
    print(f"  {'CPU of one bare start':<36}{wall * 1e3:>10.1f}")
    print(f"  {'CPU of a runner without a starter':<36}{cpu * 1e3:>10.1f}")
    print(f"  {'CPU of a forked runner, all its own':<36}{forked_cpu(place, count) * 1e3:>10.1f}")


@contextlib.contextmanager
def celery_worker(place: Place) -> Iterator[None]:
    """A worker of the bench's own on the installation's broker."""
    argv = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "benchmarks.dispatch.celery_app",
        "worker",
        "-Q",
        QUEUE,
    ]
    argv += ["-n", "floor@bench", "-c", "2", "-l", "INFO", "--without-mingle", "--without-gossip"]
    log = place.var / "bench" / "floor.log"
    with running(argv, lambda: "ready." in log.read_text(), log):
        yield


def bare_cpu(place: Place, count: int) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _number in range(count):
        bare(place)
    return children_cpu(before) / count


def runner_alone(place: Place, count: int) -> float:
    """CPU seconds of one runner that reads its modules itself, its sandbox and the program."""
    command = [sys.executable, "-E", "-s", "-S", "-m", "compute.runner"]
    return sum(run_runner(place, command, number) for number in range(count)) / count


def forked_cpu(place: Place, count: int) -> float:
    """The same where the starter has read modules and tables: what a fork of it costs."""
    command = [sys.executable, "-E", "-s", "-S", "-c"]
    read = cpu_of_command([*command, "from compute.runner import starter as s; s.know()"], count)
    return runner_alone(place, count) - read


def cpu_of_command(argv: list[str], count: int) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _number in range(count):
        subprocess.run(argv, cwd=ROOT, check=True)
    return children_cpu(before) / count


def run_runner(place: Place, command: list[str], number: int) -> float:
    """One attempt of a known job that fetches nothing, and its CPU seconds."""
    from compute.runner.spec import RunSpec
    from training.job.models import Attempt

    latest = Attempt.objects.order_by("-started_at").first()
    if latest is None:
        raise SystemExit("no attempt to take a specification from")
    attempts = place.var / "work" / "attempts"
    spec = RunSpec.load(attempts / str(latest.pk) / "spec.json")
    name = f"bench-{time.time_ns()}-{number}"
    folder = attempts / name
    folder.mkdir(mode=0o700)
    path = folder / "spec.json"
    # The program stands in the command: its directory is a volume that only the runner sees.
    program = {"argv": ("/opt/engine/bin/python", "-u", "-c", SCRIPT), "code_name": ""}
    alone = replace(
        spec, attempt=name, directory=str(folder), fetch=(), outputs=(), boot_file="", **program
    )
    path.write_text(alone.to_json())
    (folder / "token").write_text(str(spec.token))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, str(path)], cwd=ROOT, check=True)
    used = children_cpu(before)
    state = json.loads((folder / "state.json").read_text())
    if state["outcome"] != "succeeded":
        raise SystemExit(f"the runner alone did not succeed: {state}")
    return used


def children_cpu(before: resource.struct_rusage) -> float:
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
