"""Two installations on one server: neither takes a message of the other."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from django.conf import settings
from kombu import Connection, Consumer, Exchange, Producer, Queue

from core.identity.broker_keys import key_prefix
from ops.supervisor import broker, probes
from tests.waiting import PATIENCE, until

ONE, OTHER = "a1" * 16, "b2" * 16


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    prepared = broker.prepare(tmp_path_factory.mktemp("broker"))
    server = subprocess.Popen(prepared.argv, stdout=subprocess.DEVNULL)
    retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 600)
    with redis.Redis.from_url(prepared.url, retry=retry) as client:
        client.set_retry(retry)
        client.ping()
    try:
        yield prepared.url
    finally:
        server.terminate()
        server.wait(300)


@pytest.fixture
def two(url: str) -> Iterator[tuple[Connection, Connection]]:
    found = tuple(
        Connection(
            url,
            transport_options={
                **settings.CELERY_BROKER_TRANSPORT_OPTIONS,
                "global_keyprefix": key_prefix(identity),
            },
        )
        for identity in (ONE, OTHER)
    )
    try:
        yield found  # type: ignore[misc]
    finally:
        for connection in found:
            connection.release()


def test_a_queue_of_the_same_name_is_each_ones_own(two: tuple[Connection, ...], url: str) -> None:
    one, other = two
    with one.SimpleQueue("celery") as mine, other.SimpleQueue("celery") as theirs:
        mine.put("look at 1")
        with pytest.raises(queue.Empty):
            theirs.get(block=False)
        message = mine.get(timeout=PATIENCE)
        assert message.payload == "look at 1"
        with redis.Redis.from_url(url) as client:  # unacknowledged, it is kept under the prefix too
            keys = {key.decode() for key in client.keys("*")}
        message.ack()
    assert any("unacked" in key for key in keys)
    assert {key for key in keys if not key.startswith(key_prefix(ONE))} <= {
        key for key in keys if key.startswith(key_prefix(OTHER))
    }


def test_a_broadcast_stays_at_home(two: tuple[Connection, ...], url: str) -> None:
    """As a worker's remote control sends it: over a channel, not a list."""
    heard: dict[str, list[Any]] = {"one": [], "other": []}
    exchange = Exchange("pidbox", type="fanout")
    for name, connection in zip(heard, two, strict=True):
        inbox = Queue(f"inbox-{name}", exchange, auto_delete=True)
        Consumer(
            connection.channel(),
            [inbox],
            callbacks=[lambda body, _message, n=name: heard[n].append(body)],
            no_ack=True,
        ).consume()
    with redis.Redis.from_url(url) as client:

        def joined() -> bool:  # at the first look, as a pattern
            for connection in two:
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=0.05)
            return bool(client.pubsub_numpat() == 2)

        until(joined)
    one, other = two
    for connection, text in ((one, "for one"), (other, "for other")):
        Producer(connection.channel(), exchange).publish(text)
    for name, connection in zip(heard, two, strict=True):
        while not heard[name]:
            connection.drain_events(timeout=PATIENCE)
    assert heard == {"one": ["for one"], "other": ["for other"]}


@pytest.mark.parametrize("given", [ONE, ""])
def test_the_id_is_the_supervisors_or_the_markers(tmp_path: Path, given: str) -> None:
    (tmp_path / "installation.json").write_text(f'{{"installation": "{OTHER}"}}')
    bare = {k: v for k, v in os.environ.items() if k != "MODELYARD_INSTALLATION"}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from console import settings;"
            "print(settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix'])",
        ],
        cwd=settings.BASE_DIR,
        env={**bare, "MODELYARD_VAR": str(tmp_path)}
        | ({"MODELYARD_INSTALLATION": given} if given else {}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == key_prefix(given or OTHER)


def test_the_supervisor_asks_the_worker_of_its_own_installation(url: str) -> None:
    """It waits for the answer at every start, over the channels of the installation."""
    app = Celery(broker=url, set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": key_prefix(ONE)}
    over = threading.Event()

    def answer() -> None:
        with app.connection_for_read() as connection:
            node = app.control.mailbox.Node(
                "worker@x", handlers={"ping": lambda state: {"ok": "pong"}},
                channel=connection.channel(),
            )  # fmt: skip
            node.listen(callback=node.handle_message)
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=0.1)

    worker = threading.Thread(target=answer)
    worker.start()
    try:
        asked = probes.worker_answers(url, "worker@x", key_prefix(ONE))
        assert any(asked() for _try in range(60)), "no answer over the installation's channels"
        assert not probes.worker_answers(url, "worker@x", key_prefix(OTHER))()
    finally:
        over.set()
        worker.join(300)
        app.close()
