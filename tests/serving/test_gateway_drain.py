"""Replacing an instance under load: no caller sees it, with the real model server."""

import asyncio
import signal

import aiohttp
import pytest

from ops.supervisor import ports
from serving.gateway.app import create_app
from serving.gateway.protocol import Instance, Settings, Target
from tests.serving.gateway import Server
from tests.serving.modelserver import HEAD, ModelServer, write_package
from tests.waiting import PATIENCE

SERVICE = HEAD + (
    "class S(SingleNodeService):\n    def _inference(self, data):\n        return self.model_name\n"
)
CALLERS = 4


class Router:
    def __init__(self):
        self.instances = ()

    async def authorize(self, service_id, authorization, method, request_id, caller):
        return Target("svc", self.instances, timeout=PATIENCE)


async def ignore(batch):
    del batch


@pytest.fixture
def house(tmp_path):
    package = write_package(tmp_path / "model", SERVICE)
    old = ModelServer(package, "--model-name", "old", "--linger", 0.5)
    new = ModelServer(package, "--model-name", "new")
    router = Router()
    port = ports.choose()
    app = create_app(router, ignore, Settings(cooldown=0.5))
    gateway = Server(app, host="127.0.0.1", port=port, lifespan="on")
    old.wait_ready()
    new.wait_ready()
    yield router, old, new, f"http://127.0.0.1:{port}/v1/infers/svc/"
    gateway.stop()
    old.close()
    new.close()


@pytest.mark.parametrize("order", ["routed away first", "still routed"])
def test_an_instance_is_replaced_without_a_failed_call(house, order):
    router, old, new, url = house
    one, two = (Instance(s, str(p.socket)) for s, p in (("old", old), ("new", new)))
    router.instances = (one, two)
    answers = []
    stop = asyncio.Event()

    async def caller(session):
        while not stop.is_set():
            async with session.post(url, json={}) as answer:
                answers.append((answer.status, await answer.text()))

    async def until(condition):
        while not condition():
            await asyncio.sleep(0.01)

    async def go():
        async with aiohttp.ClientSession() as session:
            callers = [asyncio.ensure_future(caller(session)) for _ in range(CALLERS)]
            await asyncio.wait_for(until(lambda: len(answers) > 100), 60)
            if order == "routed away first":
                router.instances = (two,)
            old.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(until(lambda: old.process.poll() is not None), 60)
            seen = len(answers)
            await asyncio.wait_for(until(lambda: len(answers) > seen + 100), 60)
            stop.set()
            await asyncio.gather(*callers)

    asyncio.run(go())
    assert {status for status, _ in answers} == {200}
    assert {text for _, text in answers} == {'"old"', '"new"'}
    assert old.exit_status() == 0
