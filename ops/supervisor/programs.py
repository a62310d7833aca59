"""The processes of one machine: what each is, how it is asked whether it works, how long it may
take to stop."""

import os
import signal
import socket
import sys
from pathlib import Path

from core.identity.broker_keys import key_prefix
from core.layout import ROOT
from core.sizes import Size
from ops.supervisor import probes
from ops.supervisor.environment import reachable
from ops.supervisor.process import Program

PYTHON = sys.executable
# Memory-backed, so that gunicorn's heartbeat never waits for a disk
# (https://docs.gunicorn.org/en/stable/faq.html#blocking-os-fchmod).
HEARTBEAT_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else "/tmp"  # noqa: S108
# glibc gives threads heaps of their own, up to eight per core, and each of them keeps the largest
# page it ever drew. Two serve threads that share one interpreter lock as well: benchmarks/README.md
FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}
WORKER_NAME = f"worker@{socket.gethostname()}"


def broker(argv: tuple[str, ...], url: str) -> Program:
    """The Redis-protocol server."""
    return Program("broker", argv, ready=probes.redis_answers(url), ready_within=60)


def web(host: str, port: int, size: Size) -> Program:
    """Console and API: Django under gunicorn's threads (docs/adr/web-server-gunicorn.md)."""
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    argv = (
        PYTHON, "-m", "gunicorn", "console.wsgi:application",
        "--bind", bind,
        # Bounds what a caller may take to send a request.
        "--worker-class", "ops.web_worker.SlowClientWorker",
        # Fewer than the 1024 descriptors that a process usually may have.
        "--worker-connections", "500",
        "--workers", str(size.web_processes),
        "--threads", str(size.web_threads),
        "--worker-tmp-dir", HEARTBEAT_FOLDER,
        # Uploads and event streams are long; a thread that works does not count as silent.
        "--timeout", "60",
        "--graceful-timeout", "5",
        # Longer than clients and proxies keep a connection that is idle (nginx: 60 s): who closes
        # first must not be the side that may be asked again at that moment.
        "--keep-alive", "75",
        "--access-logfile", "-",
        "--no-control-socket",
        # Whom to believe is decided in `core.proxies`; gunicorn would take these from loopback.
        "--forwarder-headers", "",
        "--forwarded-allow-ips", "",
    )  # fmt: skip
    ready = probes.http_ok(f"http://{reachable(host)}:{port}/healthz")
    return Program("web", argv, ready=ready, grace=8, variables=FEW_HEAPS)


def gateway(host: str, port: int) -> Program:
    """The gateway in front of the model servers: an ASGI application outside Django's handler."""
    argv = (PYTHON, "-m", "serving.gateway", "--host", host, "--port", str(port))
    ready = probes.http_ok(f"http://{reachable(host)}:{port}/healthz")
    return Program("gateway", argv, ready=ready, grace=8)


def worker(redis_url: str, size: Size, identity: str) -> Program:
    """The Celery worker. Killed outright when the supervisor is killed: its tasks are idempotent
    and a warm shutdown without a broker would hang; Celery kills its pool with it."""
    argv = (
        PYTHON, "-m", "celery", "-A", "console", "worker",
        "--hostname", WORKER_NAME,
        "--pool", "prefork",
        "--concurrency", str(size.worker_processes),
        "--loglevel", "INFO",
        "--without-mingle",
        "--without-gossip",
    )  # fmt: skip
    return Program(
        "worker",
        argv,
        ready=probes.worker_answers(redis_url, WORKER_NAME, key_prefix(identity)),
        grace=20,
        parent_death=signal.SIGKILL,
    )


def beat(run_folder: Path) -> Program:
    """The clock that sends periodic tasks. It answers no questions, and when it writes its schedule
    depends on the kind of database Python was built with: it counts as ready when it has lived
    long enough to have failed on its settings, its schedule or its imports."""
    schedule = run_folder / "beat-schedule"
    argv = (
        PYTHON, "-m", "celery", "-A", "console", "beat",
        "--schedule", str(schedule),
        "--pidfile", "",
        "--loglevel", "INFO",
    )  # fmt: skip
    return Program("beat", argv, settle=2.5, grace=5)


def manage(*arguments: str) -> tuple[str, ...]:
    """A management command of this project."""
    return (PYTHON, os.fspath(ROOT / "manage.py"), *arguments)
