"""What the gateway costs: the same requests straight to the model server and through the gateway.

    .venv/bin/python -m benchmarks.gateway [--seconds 5] [--rounds 3]

A real model server (a JSON service in the scikit-learn engine) on a unix socket, a real gateway
process with the real resolver (SQLite): token, rights and ready instances are asked on every
request. The client, the gateway and the server share this machine's cores. Direct runs bracket each
gateway run; the ratio is against their mean.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
CONFIG = '{"model_algorithm": "predict_analysis", "model_type": "MindSpore", "runtime": "any"}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="my-bench-")))
        os.environ |= {
            "MODELYARD_VAR": str(folder),
            "DATABASE_URL": "",
            "DJANGO_SETTINGS_MODULE": "console.settings",
        }
        import django

        django.setup()
        service, bearer, path = prepare(folder)
        stack.enter_context(model_server(folder, path))
        port = stack.enter_context(gateway(folder))
        target = (f"/v1/infers/{service}/", f"Authorization: Bearer {bearer}\r\n", port)
        asyncio.run(measure(str(path), target, options.seconds, options.rounds))


def prepare(folder: Path) -> tuple[str, str, Path]:
    """An account with a user who may infer, a service with one ready instance."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from compute import local
    from serving.service.models import Instance, Service
    from tests.contract.base import bearer
    from tests.storage.people import root, statement, user

    owner = root("bench-owner")
    caller = user(owner, "caller", [statement("Allow", "modelarts:service:infer")])
    service = Service.objects.create(
        account_id=owner.user.account_id,
        region="cn-north-1",
        name="echo",
        phase="Running",
        model_label="m",
        engine="e",
        model_account_id=owner.user.account_id,
        flavor="f",
    )
    instance = Instance.objects.create(service=service, number=1, state="Ready")
    path = local.current().socket_path(str(instance.pk))
    path.parent.mkdir(parents=True, exist_ok=True)
    package = folder / "model"
    package.mkdir()
    (package / "customize_service.py").write_text(CODE)
    (package / "config.json").write_text(CONFIG)
    (package / "empty.ckpt").write_bytes(b"")
    return str(service.pk), bearer(caller), path


@contextlib.contextmanager
def running(argv: list[str], ready: Any, log: Path) -> Iterator[None]:
    """A process until the block ends; ``ready()`` says when it may be used."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 30
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{argv[:4]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


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
def gateway(folder: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [
        sys.executable,
        "-m",
        "uvicorn",
        "serving.gateway.asgi:app",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--lifespan",
        "on",
        "--no-access-log",
        "--log-level",
        "warning",
    ]

    def up() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    with running(argv, up, folder / "gateway.log"):
        yield port


async def measure(path: str, target: tuple[str, str, int], seconds: float, rounds: int) -> None:
    url, header, port = target

    def direct(clients: int) -> Any:
        return load(lambda: asyncio.open_unix_connection(path), "/", "", clients, seconds)

    def through(clients: int) -> Any:
        return load(
            lambda: asyncio.open_connection("127.0.0.1", port), url, header, clients, seconds
        )

    print(
        f"{'':<10}{'direct /s':>11}{'gateway /s':>12}{'ratio':>8}"
        f"{'direct p50':>13}{'gateway p50':>13}{'added':>10}"
    )
    for clients in (1, 16):
        ratios, added = [], []
        for number in range(rounds):
            before, between, after = (
                await direct(clients),
                await through(clients),
                await direct(clients),
            )
            own = (before[0] + after[0]) / 2
            p50 = (before[1] + after[1]) / 2
            ratios.append(between[0] / own)
            added.append(between[1] - p50)
            print(
                f"c{clients:<3} run {number + 1}{own:>10,.0f}{between[0]:>12,.0f}"
                f"{ratios[-1]:>8.2f}{p50 * 1e3:>10.2f} ms{between[1] * 1e3:>10.2f} ms"
                f"{added[-1] * 1e3:>7.2f} ms"
            )
        print(
            f"c{clients:<3} median ratio {statistics.median(ratios):.2f}, "
            f"median added p50 {statistics.median(added) * 1e3:.2f} ms"
        )


async def load(
    connect: Any, path: str, header: str, clients: int, seconds: float
) -> tuple[float, float]:
    """Requests per second and the median latency in seconds over kept-alive connections."""
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
    return len(taken) / (time.perf_counter() - started), statistics.median(taken)


if __name__ == "__main__":
    main()
