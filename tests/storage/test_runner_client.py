"""The runner's own client against the real API over a socket."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from compute.runner.storage import Client, DigestMismatch, StorageError
from tests.storage import people
from tests.storage.people import Person

pytestmark = pytest.mark.postgresql


@pytest.mark.django_db(transaction=True)
def test_the_runner_lists_fetches_and_stores(
    alice: Person, live_server: Any, tmp_path: Path
) -> None:
    people.bucket(alice)
    data = os.urandom(700_000)
    digest = hashlib.sha256(data).hexdigest()
    for key in ("in/ä b#1.bin", "in/deep/2.bin"):
        people.put(alice, "team1", key, data)
    credential = tmp_path / "credential"
    credential.write_text(people.token(alice, dt.timedelta(hours=1)))
    client = Client(f"{live_server.url}/api/v1", str(credential), lambda: None, pauses=())
    found = list(client.listing("team1", "in/"))
    assert [(i.key, i.size, i.sha256) for i in found] == [
        ("in/deep/2.bin", len(data), digest),
        ("in/ä b#1.bin", len(data), digest),
    ]
    target = tmp_path / "got"
    assert client.get("team1", "in/ä b#1.bin", target) == (digest, len(data))
    assert target.read_bytes() == data

    descriptor = os.open(target, os.O_RDONLY)
    try:
        client.put("team1", "out/model.bin", descriptor, len(data), digest)
        with pytest.raises(DigestMismatch):
            client.put("team1", "out/wrong.bin", descriptor, len(data), "0" * 64)
    finally:
        os.close(descriptor)
    assert [i.key for i in client.listing("team1", "out/")] == ["out/model.bin"]
    with pytest.raises(StorageError) as missing:
        client.get("team1", "in/nothing", tmp_path / "none")
    assert missing.value.status == 404
    client.close()
