"""A real gateway server over real sockets, instances that echo, and a client."""

import asyncio
import contextlib
import json
import threading

import aiohttp
import uvicorn
from yarl import URL

from ops.supervisor import ports
from serving.gateway.app import create_app
from serving.gateway.callers import Callers
from serving.gateway.protocol import Instance, Refusal, Settings, Target
from tests.waiting import until


class Server:
    """An ASGI app under uvicorn in a thread; `kill` closes it at once."""

    def __init__(self, app, **options):
        self.server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=2, **options)
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until(lambda: self.server.started)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(300)
        assert not self.thread.is_alive()


class Echo:
    """A model server's stand-in: tells what it received; its paths misbehave on purpose."""

    def __init__(self, name):
        self.name = name
        self.calls = 0
        self.gone = threading.Event()
        self.release = threading.Event()
        self.first_sent = threading.Event()

    async def __call__(self, scope, receive, send):
        self.calls += 1
        path = scope["path"]
        if path == "/early":
            await self.answer(send, 418, b"{}")
            return
        body, pieces, more = b"", 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                return
            body += message.get("body", b"")
            pieces += 1
            more = message.get("more_body", False)
        if path == "/slow":
            await asyncio.to_thread(self.release.wait, 10)
        if path == "/die":
            raise RuntimeError("dies")
        if path == "/sse":
            await self.stream(receive, send)
            return
        if path == "/cut":
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-length", b"3000000")],
                }
            )
            await send({"type": "http.response.body", "body": b"x" * 10, "more_body": True})
            raise RuntimeError("cut")
        seen = {
            "name": self.name,
            "method": scope["method"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": [[k.decode(), v.decode()] for k, v in scope["headers"]],
            "size": len(body),
            "pieces": pieces,
        }
        extra = [(b"set-cookie", b"sessionid=stolen"), (b"x-model", b"m1")]
        await self.answer(send, 200, json.dumps(seen).encode(), extra)

    async def answer(self, send, status, body, extra=()):
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", b"application/json"),
                    *extra,
                    (b"content-length", str(len(body)).encode()),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})

    async def stream(self, receive, send):
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/event-stream")],
            }
        )
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        self.first_sent.set()
        while not self.release.is_set():
            with contextlib.suppress(TimeoutError):
                message = await asyncio.wait_for(receive(), 0.02)
                if message["type"] == "http.disconnect":
                    self.gone.set()
                    return
        await send({"type": "http.response.body", "body": b"data: 2\n\n", "more_body": False})


class FakeResolver:
    """Two tokens, one service; `target` is changed by the tests."""

    def __init__(self):
        self.target = None
        self.asked = []
        self.refusal = None
        self.away = False

    async def authorize(self, service_id, authorization, method, request_id, caller):
        self.asked.append((service_id, authorization, method, request_id))
        if self.refusal is not None:
            return self.refusal
        if self.away or service_id == "broken":
            raise RuntimeError("evaluator failed")
        if authorization != "Bearer my_good":
            return Refusal(
                401,
                "UNAUTHENTICATED",
                "Send a token.",
                {"explanation": ["x"]},
                {"WWW-Authenticate": "Bearer"},
            )
        if service_id != "svc":
            return Refusal(404, "NOT_FOUND", "There is no such service.")
        return self.target


class House:
    """Everything a test needs: gateway url, resolver, instances, counted batches."""

    def __init__(self, tmp_path, **settings):
        self.tmp_path = tmp_path
        self.resolver = FakeResolver()
        self.batches = []
        self.echoes, self.servers = {}, {}
        self.fail_sink = False
        self.settings = Settings(report_every=0.05, cooldown=0.2, **settings)
        self.app = create_app(self.resolver, self.sink, self.settings)
        self.port = ports.choose()
        self.gateway = Server(
            self.app, host="127.0.0.1", port=self.port, lifespan="on", http=Callers
        )
        self.url = f"http://127.0.0.1:{self.port}/v1/infers/svc"

    async def sink(self, batch):
        if self.fail_sink:
            raise OSError("database is away")
        self.batches.append(batch)

    def instance(self, name, weight=100, *, alive=True):
        path = self.tmp_path / f"{name}.sock"
        if alive:
            self.echoes[name] = Echo(name)
            self.servers[name] = Server(self.echoes[name], uds=str(path), lifespan="off")
        return Instance(name, str(path), weight, revision=f"rev-{name}")

    def route(self, *instances, **limits):
        self.resolver.target = Target("svc", instances, **limits)

    def counted(self):
        total = {}
        for batch in self.batches:
            for key, count in batch.counts.items():
                total[key] = total.get(key, 0) + count.requests
        return total

    def close(self):
        for echo in self.echoes.values():
            echo.release.set()
        self.gateway.stop()
        for server in self.servers.values():
            if server.thread.is_alive():
                server.stop()


GOOD = {"Authorization": "Bearer my_good"}


def call(url, method="POST", **kwargs):
    """One request; returns (status, headers, body bytes)."""

    async def go():
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, URL(url, encoded=True), **({"headers": GOOD} | kwargs)
            ) as answer,
        ):
            return answer.status, answer.headers, await answer.read()

    return asyncio.run(go())


def error(answer):
    status, headers, body = answer
    content = json.loads(body)
    assert content["error_msg"] and content["request_id"] == headers["x-request-id"]
    return status, content["error_code"]
