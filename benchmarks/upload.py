"""How fast an upload is stored, beside hashing and writing the same bytes in a bare process.

    .venv/bin/python -m benchmarks.upload [--quick] [--database-url postgres:///postgres]

Starts the web processes as ./run does and sends bytes over loopback with PUT, as the API and the
console's page take them. Around every upload a bare Python process hashes and writes the same bytes
to the same file system (the floor), once without and once with a final fsync; the product always
syncs before it answers. Peak memory is what the kernel counted (VmHWM) since just before the
upload, against the same process idle.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.installation import answers, free_port, installation, load_now, running

MIB = 2**20
BLOCK = os.urandom(MIB)  # every body is this block over and over: SHA-256 does not care
GOAL_RATIO, GOAL_MEMORY = 0.6, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="64 MiB, three rounds, no 1 GiB")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--mib", type=int, default=256, help="size of one upload")
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; default SQLite")
    parser.add_argument("--floor", nargs=2, metavar=("FOLDER", "MIB"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.floor:
        print(*floor(Path(options.floor[0]), int(options.floor[1])))
        return
    rounds, mib = (3, 64) if options.quick else (options.rounds, options.mib)
    sizes = (16, 64) if options.quick else (64, 256, 1024)
    with installation(options.database_url) as folder:
        from django.db import connection

        ways = people()
        port = free_port()
        from core.sizes import Size
        from ops.supervisor.programs import web

        program = web("127.0.0.1", port, Size())
        url = f"http://127.0.0.1:{port}/healthz"
        with running(program.argv, answers(url), folder / "web.log") as master:
            print(f"{connection.vendor}; {mib} MiB over loopback, {rounds} rounds; {load_now()}")
            speed(port, ways, folder, mib, rounds)
            memory(port, ways["token"], master, sizes)


def people() -> dict[str, dict[str, str]]:
    """Headers of one who may upload: with a token, with an announced digest, as the page does."""
    from django.test import Client

    from tests.contract.base import bearer
    from tests.storage.people import bucket, root, sign_in

    owner = root("bench-owner")
    bucket(owner, "bench")
    token = {"Authorization": f"Bearer {bearer(owner)}"}
    client = Client()
    sign_in(client, owner)
    session = client.session
    session["_csrftoken"] = "b" * 32
    session.save()
    page = {
        "Cookie": "; ".join(f"{name}={cookie.value}" for name, cookie in client.cookies.items()),
        "X-CSRFToken": "b" * 32,
    }
    return {"token": token, "token, digest announced": {**token, "X-Content-SHA256": ""},
            "page": page}  # fmt: skip


def speed(port: int, ways: dict[str, dict[str, str]], folder: Path, mib: int, rounds: int) -> None:
    digest = hashlib.sha256()
    for _number in range(mib):
        digest.update(BLOCK)
    headers = {
        name: {**given, "X-Content-SHA256": digest.hexdigest()}
        if "X-Content-SHA256" in given
        else given
        for name, given in ways.items()
    }
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    put(port, ways["token"], "warm", mib)
    delete(port, ways["token"], "warm")
    before = bare(folder, mib)
    for number in range(rounds):
        # What is first meets the disk still writing what was before: each way is first in turn.
        names = list(ways)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            seconds = put(port, headers[name], f"{number}", mib)
            delete(port, ways["token"], f"{number}")
            after = bare(folder, mib)
            own, synced = ((one + other) / 2 for one, other in zip(before, after, strict=True))
            found[name].append((mib * MIB / 1e6 / seconds, own, synced))
            before = after
    print(
        f"{'PUT by':<26}{'MB/s p50':>10}{'floor':>8}{'synced':>8}"
        f"{'ratio p50':>11}{'lowest':>8}{'to synced':>11}"
    )
    for name, runs in found.items():
        rate, own, synced = (statistics.median(column) for column in zip(*runs, strict=True))
        ratios = [rate / own for rate, own, _synced in runs]
        durable = statistics.median(rate / synced for rate, _own, synced in runs)
        ratio = statistics.median(ratios)
        print(
            f"{name:<26}{rate:>10,.0f}{own:>8,.0f}{synced:>8,.0f}"
            f"{ratio:>11.2f}{min(ratios):>8.2f}{durable:>11.2f}"
            f"   goal {GOAL_RATIO}: {verdict(ratio >= GOAL_RATIO)}"
        )


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def bare(folder: Path, mib: int) -> list[float]:
    """MB/s of the floor in a process of its own: without and with a final fsync."""
    argv = [sys.executable, "-m", "benchmarks.upload", "--floor", str(folder), str(mib)]
    answer = subprocess.run(argv, capture_output=True, check=True, text=True)
    return [float(word) for word in answer.stdout.split()]


def floor(folder: Path, mib: int) -> tuple[float, float]:
    """Hash and write ``mib`` blocks, in this process and thread."""
    found = []
    for sync in (False, True):
        path = folder / "floor"
        started = time.perf_counter()
        digest = hashlib.sha256()
        with path.open("wb", buffering=0) as file:
            for _number in range(mib):
                digest.update(BLOCK)
                file.write(BLOCK)
            if sync:
                os.fsync(file.fileno())
        digest.hexdigest()
        found.append(mib * MIB / 1e6 / (time.perf_counter() - started))
        path.unlink()  # before it is written back, which would take the disk from what comes next
    return found[0], found[1]


def put(port: int, headers: dict[str, str], key: str, mib: int) -> float:
    """Seconds from the first byte sent to the last byte of the answer."""
    return ask(port, "PUT", headers, key, mib)


def delete(port: int, headers: dict[str, str], key: str) -> None:
    ask(port, "DELETE", headers, key, 0)


def ask(port: int, method: str, headers: dict[str, str], key: str, mib: int) -> float:
    lines = [
        f"{method} /api/v1/buckets/bench/objects/{key} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: close",
        f"Content-Length: {mib * MIB}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", port)) as peer:
        started = time.perf_counter()
        peer.sendall(head)
        for _number in range(mib):
            peer.sendall(BLOCK)
        answer = b""
        while piece := peer.recv(65536):
            answer += piece
        seconds = time.perf_counter() - started
    if not answer.startswith((b"HTTP/1.1 201", b"HTTP/1.1 204")):
        raise SystemExit(answer.decode(errors="replace"))
    return seconds


def memory(port: int, headers: dict[str, str], master: int, sizes: tuple[int, ...]) -> None:
    """Peak of the web processes over what they hold idle, in MiB."""
    for _number in range(8):  # both processes have served and hold what they keep
        put(port, headers, "warm", 8)
    print(f"\n{'at once x MiB':<16}{'idle MiB':>10}{'peak MiB':>10}{'above idle':>12}")
    for at_once, mib in (*((1, size) for size in sizes), (4, sizes[0])):
        with peak(master) as found:
            together(at_once, lambda n, mib=mib: put(port, headers, f"m{n}", mib))  # type: ignore[misc]
        for number in range(at_once):
            delete(port, headers, f"m{number}")
        idle, top = found["idle"], found["peak"]
        judged = f"   goal {GOAL_MEMORY}: {verdict(top - idle <= GOAL_MEMORY)}"
        print(
            f"{at_once} x {mib:<12}{idle:>10.1f}{top:>10.1f}{top - idle:>12.1f}"
            f"{judged if at_once == 1 else ''}"
        )


def together(count: int, work: Callable[[int], Any]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextlib.contextmanager
def peak(master: int) -> Iterator[dict[str, float]]:
    """Idle and peak resident memory of a process and its children, each summed, in MiB."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    pids = [str(master), *children]
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew: proc(5)
    found = {"idle": sum(resident(pid, "VmRSS") for pid in pids)}
    yield found
    found["peak"] = sum(resident(pid, "VmHWM") for pid in pids)


def resident(pid: str, line: str) -> float:
    for text in Path(f"/proc/{pid}/status").read_text().splitlines():
        if text.startswith(f"{line}:"):
            return int(text.split()[1]) / 1024
    raise SystemExit(f"process {pid} has no {line}")


if __name__ == "__main__":
    main()
