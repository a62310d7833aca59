"""A request that is repeated, also after its process was killed or while it still runs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from accounts import facts
from accounts.group.models import Group
from accounts.policy.models import PolicyAttachment
from accounts.token.models import ApiToken
from console import once
from console.api.viewsets import ResourceViewSet
from core import registry
from core.models import IdempotencyRecord
from storage.bucket.models import Bucket
from tests.accounts import make
from tests.doors.world import bearer
from tests.storage import people

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

#: sends one POST; ``signal`` is what its process sends itself inside the handler, after the write
SENDER = """
import json, os, signal, sys
import django
django.setup()
from django.test import Client
from django.test.utils import setup_test_environment
from accounts.group import services
from console import once

setup_test_environment()
given = json.loads(sys.argv[1])
once.WAIT_MS = given["wait"]
create = services.create

def disturbed(actor, data):
    made = create(actor, data)
    sys.stdout.write("WRITTEN" + chr(10))
    sys.stdout.flush()
    os.kill(os.getpid(), given["signal"])
    return made

if given["signal"]:
    services.create = disturbed
sys.stdout.write("SENDING" + chr(10))
sys.stdout.flush()
answer = Client(raise_request_exception=False).post(
    "/api/v1/groups", given["body"], content_type="application/json",
    headers={"Authorization": "Bearer " + given["bearer"], "Idempotency-Key": "k"},
)
sys.stdout.write(json.dumps({
    "status": answer.status_code, "body": answer.json(), "headers": dict(answer.headers),
}) + chr(10))
"""

Start = Callable[..., "subprocess.Popen[str]"]


def shared_database(folder: Path) -> str:
    """Address of a database with the rows of this test, for other processes."""
    if connection.vendor == "sqlite":
        file = folder / "test.sqlite3"
        with sqlite3.connect(file) as copy:
            connection.connection.backup(copy)
        return f"sqlite:///{file}"
    known = connection.get_connection_params()
    where = {"host": known.get("host", ""), "port": str(known.get("port") or "")}
    where |= {"user": known.get("user", ""), "password": known.get("password", "")}
    extra = "&".join(f"{name}={value}" for name, value in where.items() if value)
    return f"postgres:///{connection.settings_dict['NAME']}?{extra}"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process that sends the POST; all are gone after the test."""
    token = bearer(people.root("acme"))
    environment = os.environ | {
        "DATABASE_URL": shared_database(tmp_path),
        "MODELYARD_VAR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "MODELYARD_REQUEST_SECONDS": "10m",
    }
    started: list[subprocess.Popen[str]] = []

    def one(name: str = "crew", number: int = 0, wait: int = 20_000) -> subprocess.Popen[str]:
        given = {"bearer": token, "signal": number, "wait": wait}
        given["body"] = json.dumps({"name": name})
        process = subprocess.Popen(
            [sys.executable, "-c", SENDER, json.dumps(given)],
            env=environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield one
    for process in started:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str], line: str) -> None:
    """Wait until the process has said ``line``."""
    assert process.stdout is not None
    while (got := process.stdout.readline().strip()) != line:
        assert got, f"ended before it said {line}"


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, _errors = process.communicate(timeout=300)
    told: dict[str, Any] = json.loads(output.splitlines()[-1])
    return told


def test_a_process_killed_in_the_handler_leaves_the_key_free(start: Start) -> None:
    """The retry runs at once, and what the killed one had written is gone."""
    killed = start(number=signal.SIGKILL)
    said(killed, "WRITTEN")
    assert killed.wait(300) == -signal.SIGKILL
    retry = answer(start())
    assert retry["status"] == 201 and "Idempotency-Replayed" not in retry["headers"]
    again = answer(start())
    assert again["status"] == 201 and again["headers"]["Idempotency-Replayed"] == "true"
    assert again["body"] == retry["body"]
    other = answer(start("another"))
    assert (other["status"], other["body"]["error_code"]) == (409, "IDEMPOTENCY_MISMATCH")


def test_a_second_request_waits_for_the_first(start: Start) -> None:
    first = start(number=signal.SIGSTOP)
    said(first, "WRITTEN")
    second = start()
    said(second, "SENDING")
    os.kill(first.pid, signal.SIGCONT)
    made, again = answer(first), answer(second)
    assert made["status"] == again["status"] == 201 and made["body"] == again["body"]
    assert "Idempotency-Replayed" not in made["headers"]
    assert again["headers"]["Idempotency-Replayed"] == "true"


@pytest.mark.skipif(connection.vendor == "sqlite", reason="its one writer is waited for by all")
def test_a_first_request_that_does_not_end_is_named(start: Start) -> None:
    first = start(number=signal.SIGSTOP)
    said(first, "WRITTEN")
    told = answer(start(wait=50))
    assert (told["status"], told["body"]["error_code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
    os.kill(first.pid, signal.SIGCONT)
    assert answer(first)["status"] == 201
    assert answer(start())["headers"]["Idempotency-Replayed"] == "true"


def test_a_handler_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the record nor what was written before the failure."""
    person = people.root("acme")
    made: list[str] = []

    def fails(row: IdempotencyRecord) -> None:
        made.append(Group.objects.create(account=person.user.account, name="half").name)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        once.answer(person.actor, "api:k", "f", fails)
    assert made == ["half"]
    assert not Group.objects.unscoped("test").filter(name="half").exists()
    assert not IdempotencyRecord.objects.exists()


def test_a_repeated_token_request_shows_no_text(client: Any) -> None:
    head = {"Authorization": f"Bearer {bearer(people.root('acme'))}", "Idempotency-Key": "k"}
    before = ApiToken.objects.count()
    first, second = (
        client.post("/api/v1/tokens", {"name": "t"}, content_type="application/json", headers=head)
        for _time in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 201)
    assert ApiToken.objects.count() == before + 1
    assert first.json().pop("token") and "token" not in second.json()
    assert first.json()["id"] == second.json()["id"]


def test_a_repeated_request_is_answered_with_the_rights_of_now(client: Any) -> None:
    """The kept answer tells of an object: whoever may not see it any more gets what GET gives."""
    owner = people.root("repeatowner")
    rights = people.statement("Allow", "iam:groups:createGroup", "iam:groups:getGroup")
    helper = people.user(owner, "helper", [rights])
    headers = {"Authorization": f"Bearer {bearer(helper)}", "Idempotency-Key": "k"}

    def send() -> Any:
        return client.post(
            "/api/v1/groups", {"name": "made"}, content_type="application/json", headers=headers
        )

    made = send()
    assert made.status_code == 201, made.content
    again = send()
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    with transaction.atomic():
        PolicyAttachment.objects.filter(user=helper.user).delete()
        facts.bump(owner.user.account_id)
    assert send().status_code == 403, "a repeated request is asked about like a first one"
    make.attach(helper.user, make.statement("Allow", "iam:groups:createGroup"))
    seen = client.get(f"/api/v1/groups/{made.json()['id']}", headers=headers)
    refused = send()
    assert refused.status_code == seen.status_code == 404
    assert "made" not in refused.content.decode()
    Group.objects.unscoped("test").all().delete()
    assert send().status_code == 201, "of what is gone there is nothing to be hidden"


def test_the_key_of_one_form_is_nothing_to_another(client: Any) -> None:
    owner = people.root("formowner")
    people.sign_in(client, owner)
    bucket = client.post("/buckets/new", {"name": "first-bucket", "once": "K"})
    group = client.post("/groups/new", {"name": "first-group", "once": "K"})
    assert bucket.status_code == group.status_code == 302
    assert bucket["Location"].startswith("/buckets/")
    assert group["Location"].startswith("/groups/")
    assert Group.objects.unscoped("test").filter(name="first-group").count() == 1


def test_no_link_fills_in_what_the_page_fills_in_itself(client: Any) -> None:
    owner = people.root("linkowner")
    people.sign_in(client, owner)
    page = client.get("/buckets/new?once=planted&version=7&name=given-name").content.decode()
    assert 'value="given-name"' in page
    assert 'value="planted"' not in page and 'value="7"' not in page


def test_a_repeated_verb_is_answered_again_however_its_object_was_named(client: Any) -> None:
    """Some addresses take a name for an id; the answer holds the id."""
    owner = people.root("nameowner")
    headers = {"Authorization": f"Bearer {bearer(owner)}", "Idempotency-Key": "k"}
    people.bucket(owner, "named-bucket")
    made = [
        client.post(
            "/api/v1/buckets", {"name": "other-bucket"},
            content_type="application/json", headers=headers,
        )
        for _time in range(2)
    ]  # fmt: skip
    assert [answer.status_code for answer in made] == [201, 201]
    view = ResourceViewSet()
    view.spec, view.kwargs = registry.spec_of(Bucket), {"pk": "named-bucket"}
    view.may_repeat({"id": None})
    view.may_repeat(["no object"])
