"""What the gateway costs: the same requests straight to the model server and through the gateway.

    .venv/bin/python -m benchmarks.gateway [--quick] [--database-url postgres:///postgres]

A real model server (a JSON service in the scikit-learn engine) on a unix socket, a real gateway
process with the real resolver: token, rights and ready instances are asked on every
request. The client, the gateway and the server share this machine's cores. Direct runs bracket each
gateway run; the ratio is against their mean. *processor* is the gateway's own time for one request.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.installation import answers, free_port, installation, load_now, running

BODY = b'{"value": "' + b"x" * 1000 + b'"}'
CODE = """from model_service.model_service import SingleNodeService


class Echo(SingleNodeService):
    def _preprocess(self, data):
        return data

    def _inference(self, data):
        return {"length": len(data["value"])}

    def _postprocess(self, data):
        return data
"""
GOAL_RATIO, GOAL_ADDED = 0.45, 0.6  # at 16 clients; ms at one client
CONFIG = '{"model_algorithm": "predict_analysis", "model_type": "MindSpore", "runtime": "any"}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="three rounds of one second")
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; default SQLite")
    options = parser.parse_args()
    seconds, rounds = (1.0, 3) if options.quick else (options.seconds, options.rounds)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(installation(options.database_url))
        from django.db import connection

        service, bearer, path = prepare(folder)
        stack.enter_context(model_server(folder, path))
        port, pid = stack.enter_context(gateway(folder))
        target = (f"/v1/infers/{service}/", f"Authorization: Bearer {bearer}\r\n", port, pid)
        print(f"{connection.vendor}; {load_now()}")
        asyncio.run(measure(str(path), target, seconds, rounds))


def prepare(folder: Path) -> tuple[str, str, Path]:
    """An account with a user who may infer, a service with one ready instance."""
    from compute import local
    from serving.service.models import Instance
    from tests.contract.base import bearer
    from tests.serving import make
    from tests.storage.people import root, statement, user

    owner = root("bench-owner")
    caller = user(owner, "caller", [statement("Allow", "modelarts:service:infer")])
    service = make.running(owner.user.account_id, "echo")
    instance = Instance.objects.get(service=service)
    path = local.current().socket_path(str(instance.pk))
    path.parent.mkdir(parents=True, exist_ok=True)
    package = folder / "model"
    package.mkdir()
    (package / "customize_service.py").write_text(CODE)
    (package / "config.json").write_text(CONFIG)
    (package / "empty.ckpt").write_bytes(b"")
    return str(service.pk), bearer(caller), path


def model_server(folder: Path, path: Path) -> Any:
    from tests.engines import SKLEARN, engine_python

    argv = [
        str(engine_python(SKLEARN)),
        "-u",
        "serving/modelserver/main.py",
        "--model-dir",
        str(folder / "model"),
        "--socket",
        str(path),
        "--linger",
        "0",
    ]
    log = folder / "model.log"
    return running(argv, lambda: log.exists() and '"ready"' in log.read_text(), log)


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[tuple[int, int]]:
    """Its port and its process."""
    from ops.supervisor.programs import gateway as program

    port = free_port()
    ready = answers(f"http://127.0.0.1:{port}/healthz")
    # As ./run starts it, but for the access log, which ./run writes to a file.
    argv = (*program("127.0.0.1", port).argv, "--quiet")
    with running(argv, ready, folder / "gateway.log") as pid:
        yield port, pid


def processor(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(
    path: str, target: tuple[str, str, int, int], seconds: float, rounds: int
) -> None:
    url, header, port, pid = target

    def direct(clients: int) -> Any:
        return load(lambda: asyncio.open_unix_connection(path), "/", "", clients, seconds)

    def through(clients: int) -> Any:
        return load(
            lambda: asyncio.open_connection("127.0.0.1", port), url, header, clients, seconds
        )

    print(
        f"{'':<10}{'direct /s':>11}{'gateway /s':>12}{'ratio':>8}"
        f"{'direct p50':>13}{'p99':>9}{'gateway p50':>13}{'p99':>9}{'added':>10}{'processor':>12}"
    )
    for clients in (1, 16):
        ratios, added = [], []
        for number in range(rounds):
            before = await direct(clients)
            used = processor(pid)
            between = await through(clients)
            each = (processor(pid) - used) / (between[0] * seconds)
            after = await direct(clients)
            own = (before[0] + after[0]) / 2
            p50, p99 = (before[1] + after[1]) / 2, (before[2] + after[2]) / 2
            ratios.append(between[0] / own)
            added.append(between[1] - p50)
            print(
                f"c{clients:<3} run {number + 1}{own:>10,.0f}{between[0]:>12,.0f}"
                f"{ratios[-1]:>8.2f}{p50 * 1e3:>10.2f} ms{p99 * 1e3:>9.2f}"
                f"{between[1] * 1e3:>10.2f} ms{between[2] * 1e3:>9.2f}{added[-1] * 1e3:>7.2f} ms"
                f"{each * 1e3:>9.2f} ms"
            )
        ratio, extra = statistics.median(ratios), statistics.median(added) * 1e3
        judged = extra <= GOAL_ADDED if clients == 1 else ratio >= GOAL_RATIO
        goal = f"{GOAL_ADDED} ms added" if clients == 1 else f"ratio {GOAL_RATIO}"
        print(
            f"c{clients:<3} median ratio {ratio:.2f}, median added p50 {extra:.2f} ms; "
            f"goal {goal}: {'met' if judged else 'MISSED'}"
        )


async def load(
    connect: Any, path: str, header: str, clients: int, seconds: float
) -> tuple[float, float, float]:
    """Requests per second, median and 99th percentile of the latency in seconds, kept alive."""
    request = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n{header}"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await connect()
        while time.perf_counter() < end:
            started = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(head.decode())
            lower = head.lower()
            length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            taken.append(time.perf_counter() - started)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _client in range(clients)))
    rate = len(taken) / (time.perf_counter() - started)
    quantiles = statistics.quantiles(taken, n=100)
    return rate, quantiles[49], quantiles[98]


if __name__ == "__main__":
    main()
