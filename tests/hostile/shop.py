"""Services of hostile model packages: published, deployed, watched and called for real."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from dataclasses import dataclass, field, replace
from typing import Any

from registry.model import services as models
from registry.model.models import Model
from serving.gateway.app import create_app
from serving.gateway.protocol import Batch, Refusal, Settings, Target
from serving.gateway.resolver import resolve
from serving.service import instances, reconcile
from serving.service import services as serving
from serving.service.models import Instance, Service
from tests.hostile.house import TURN, House
from tests.storage import people
from tests.waiting import PATIENCE

HEAD = (
    "import os, signal, socket, sys, threading, time\n"
    "from model_service.model_service import SingleNodeService\n"
)
GOOD = (
    "class Served(SingleNodeService):\n"
    "    def _inference(self, data):\n"
    "        return {'answer': 1}\n"
)
APIS = [
    {
        "url": "/",
        "method": "post",
        "request": {"Content-type": "application/json", "data": {"type": "object"}},
        "response": {"Content-type": "application/json", "data": {"type": "object"}},
    }
]
SERVE = ["python", "serve.py"]
CONFIG = {
    "model_algorithm": "test",
    "model_type": "Scikit_Learn",
    "runtime": "python_3.11-sklearn-cpu",
    "apis": APIS,
}


# Waits until the server in front answers. Taken away earlier, it could not start at all.
ANSWERS = (
    "path, peer = '/run/modelyard/server.sock', socket.socket(socket.AF_UNIX)\n"
    "while not os.path.exists(path) or peer.connect_ex(path): time.sleep(0.05)\n"
    "peer.sendall(b'GET /health HTTP/1.1\\r\\nHost: instance\\r\\n\\r\\n')\n"
    "assert peer.recv(64).startswith(b'HTTP/1.1 503')\n"
)


@dataclass
class Said:
    """One answer of the gateway; only the first ``KEPT`` bytes of the body are kept."""

    status: int = 0
    body: bytes = b""
    size: int = 0
    largest: int = 0
    broken: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


KEPT = 1 << 20


class Shop:
    """What a test does with services of one account."""

    def __init__(self, house: House, monkeypatch: Any) -> None:
        self.house = house
        self.number = 0
        self.limits(monkeypatch)

    def limits(self, monkeypatch: Any, timeout: float = PATIENCE) -> None:
        """Short times: one prediction ``timeout`` s, restarts at once, a drain of a second."""
        made = instances.run_spec

        def short(*arguments: Any) -> Any:
            spec = made(*arguments)
            options = ("--timeout", str(timeout), "--drain", "1", "--linger", "0.1")
            options += ("--settle", "0.3")
            return replace(spec, argv=(*spec.argv, *options), grace_seconds=3.0)

        monkeypatch.setattr(instances, "run_spec", short)
        monkeypatch.setattr(reconcile, "BACKOFF", (0.1,))

    def package(self, code: str | None, config: Any = CONFIG, **files: bytes | str) -> Model:
        """Register a package; its check has run."""
        self.number += 1
        root = f"pkg{self.number}/model"
        text = config if isinstance(config, str | bytes) else json.dumps(config)
        content: dict[str, bytes | str] = {"config.json": text, "model.pkl": b"weights", **files}
        if code is not None:
            content["customize_service.py"] = code
        for name, data in content.items():
            self.house.put(f"{root}/{name}", data)
        with TURN:
            model = models.create(
                self.house.owner.actor,
                {"name": f"m{self.number}", "bucket": "team1", "prefix": f"pkg{self.number}/"},
            )
        return self.house.look(model)  # type: ignore[no-any-return]

    def deploy(self, code: str, *, replicas: int = 1, flavor: str = "", **more: Any) -> Service:
        """A service of a package that passed the check; nothing has looked at it yet."""
        return self.serve(self.package(HEAD + code, **more), replicas=replicas, flavor=flavor)

    def command(self, program: str, *, flavor: str = "", **config: Any) -> Service:
        """A service of a package with its own command, by default ``program`` as serve.py."""
        made = {"model_algorithm": "test", "model_type": "Custom", "command": SERVE, **config}
        return self.serve(self.package(None, made, **{"serve.py": program}), flavor=flavor)

    def serve(self, model: Model, *, replicas: int = 1, flavor: str = "") -> Service:
        assert model.phase == "Published", model.problems
        spec = {
            "name": f"s{self.number}",
            "model": str(model.pk),
            "flavor": flavor or self.house.flavor(memory_mb=512),
            "replicas": replicas,
        }
        with TURN:
            return serving.create(self.house.owner.actor, spec)

    def running(self, code: str, **more: Any) -> Service:
        return self.until(self.deploy(code, **more), "Running")

    def until(self, service: Service, phase: str) -> Service:
        return self.house.until(service, lambda row: row.phase == phase)  # type: ignore[no-any-return]

    def rows(self, service: Service) -> list[Instance]:
        with TURN:
            return list(Instance.objects.filter(service=service).order_by("number"))

    def stop(self, service: Service) -> Service:
        with TURN:
            serving.stop(self.house.owner.actor, service, {})
        return self.until(service, "Stopped")

    def call(
        self,
        service: Service,
        body: Any = None,
        path: str = "/",
        content_type: str = "application/json",
    ) -> Said:
        """One prediction through the gateway's own application, as the owner. ``body``: bytes as
        they are, anything else as JSON."""
        with TURN:
            bearer = f"Bearer {people.token(self.house.owner, dt.timedelta(hours=1))}"
            decision = resolve(str(service.pk), bearer, "a-request-of-a-test")
        raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        asked = _call(service, decision, raw, path, content_type)
        return asyncio.run(asyncio.wait_for(asked, PATIENCE))


class _Resolver:
    """The decision was asked before: a database session belongs to no event loop."""

    def __init__(self, decision: Target | Refusal) -> None:
        self.decision = decision

    async def authorize(self, *question: str | None, **more: str | None) -> Target | Refusal:
        return self.decision


async def _sink(batch: Batch) -> None:
    assert batch.counts is not None


async def _call(
    service: Service, decision: Target | Refusal, raw: bytes, tail: str, kind: str
) -> Said:
    said, asked = Said(), asyncio.Event()
    app = create_app(_Resolver(decision), _sink, Settings(report_every=3600))

    async def receive() -> dict[str, Any]:
        if asked.is_set():
            await asyncio.Event().wait()
        asked.set()
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            said.status = message["status"]
            said.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            return
        piece = message.get("body", b"")
        said.size += len(piece)
        said.largest = max(said.largest, len(piece))
        if len(said.body) < KEPT:
            said.body += piece

    path = f"/v1/infers/{service.pk}{tail}"
    headers = {
        "content-type": kind,
        "content-length": str(len(raw)),
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
    }
    try:
        await app(scope, receive, send)
    except Exception:  # the server would close the connection: the caller sees a cut answer
        said.broken = True
    finally:
        await app._pools.close()
    return said


def failed(house: House, service: Service, reason: str, *says: str) -> dict[str, Any]:
    """A failed service tells reason, sentence, proof and next step in API and page, and nothing of
    it is left. Returns the API's document."""
    shown = house.api(f"/services/{service.pk}")
    assert (service.phase, service.reason) == ("Failed", reason), service.message
    assert (shown["phase"], shown["reason"]) == ("Failed", reason)
    for text in says:
        assert text in shown["message"], shown["message"]
    assert shown["detail"]["next"]
    assert shown["detail"]["log_tail"], "no last lines"
    page = house.page(f"/services/{service.pk}")
    assert 'role="alert"' in page
    assert reason in page
    house.nothing_left(service)
    return shown  # type: ignore[no-any-return]
