"""How many statements a submission and a look ask: growth is to be noticed where it happens.

Savepoints are left out: a test is itself in a transaction. A change that asks less writes the lower
number here; one that asks more says what for.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.token import uses
from compute import environment, local
from compute.backends.base import Observation
from core import reconcile, turns
from core.errors import ValidationFailed
from core.models import OutboxMessage
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person
from training.job import launch, services
from training.job.models import TrainingJob

#: a token over the API with an Idempotency-Key: its whole request
SUBMISSION = 20
#: from the message in the outbox until the next one would be taken
START, RUNNING, END = 26, 13, 20
JOB = {
    "code_bucket": "data",
    "code_prefix": "code/",
    "boot_file": "train.py",
    "engine": "python_3.11-sklearn-cpu",
}


class Host:
    """A backend whose program does what ``state`` says."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {"phase": "running"}

    def launch(self, spec: Any) -> None:
        """Nothing starts."""

    def observe(self, attempt: str) -> Observation:
        alive = self.state["phase"] == "running"
        return Observation(attempt, self.state["phase"], alive, 0.0, self.state)

    def disk_held(self, attempt: str) -> int:
        return 0

    def numbers(self, attempt: str, offset: int = 0, limit: int = 0) -> Any:
        return SimpleNamespace(data=b"", next=0, eof=True)

    logs = numbers


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    found = Host()
    monkeypatch.setattr(local, "current", lambda: found)
    ready = environment.Readiness(True, False, 100, "")
    monkeypatch.setattr(environment, "ensure", lambda name: ready)
    monkeypatch.setattr(environment, "path", lambda name: Path("/nowhere"))
    monkeypatch.setattr(launch, "run_spec", lambda *_any: None)
    # However long this process is stopped: nothing is charged, cut off or left to another worker.
    monkeypatch.setattr(turns, "SHIFT", 86_400.0)
    monkeypatch.setattr(reconcile, "LOOK_SECONDS", 86_400.0)
    return found


@pytest.fixture
def owner(db: None) -> Person:
    found = people.root("statements")
    people.bucket(found, "data")
    people.put(found, "data", "code/train.py", b"print('hello')\n")
    make.agency(found.user.account, make.statement("Allow", "obs:*:*"))
    return found


@pytest.fixture
def submit(owner: Person, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Submits a job over the API; its id."""
    monkeypatch.setattr(uses, "EVERY", dt.timedelta(days=1))  # a token's use is noted once
    token = people.token(owner, dt.timedelta(hours=1))
    client = Client(headers={"authorization": f"Bearer {token}"})

    def send(name: str) -> str:
        outputs = [{"name": "out", "bucket": "data", "prefix": f"out/{name}/"}]
        answer = client.post(
            "/api/v1/training-jobs",
            json.dumps({**JOB, "name": name, "outputs": outputs}),
            content_type="application/json",
            headers={"Idempotency-Key": name},
        )
        assert answer.status_code == 201, answer.content
        return str(answer.json()["id"])

    return send


def asked(act: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connection) as found:
        act()
    sql = [one["sql"][:100] for one in found.captured_queries]
    return [one for one in sql if "SAVEPOINT" not in one]


def test_a_submission_is_checked_once_under_the_lock(submit: Callable[[str], str]) -> None:
    submit("first")  # what stays prepared is prepared
    found = asked(lambda: submit("second"))
    assert len(found) == SUBMISSION, "\n".join(found)
    lock = next(n for n, sql in enumerate(found) if sql.startswith('SELECT "accounts_account"'))
    agency = [n for n, sql in enumerate(found) if sql.startswith('SELECT "accounts_agency"')]
    assert len(agency) == 1 and agency[0] > lock


def test_what_is_wrong_as_written_is_refused_without_a_question(owner: Person) -> None:
    def refused() -> None:
        with pytest.raises(ValidationFailed):
            services.create(owner.actor, {**JOB, "name": "one", "boot_file": "../train"})

    assert asked(refused) == []


def test_statements_of_looks(submit: Callable[[str], str], host: Host) -> None:
    def looked(pk: str, phase: str) -> list[str]:
        OutboxMessage.objects.all().delete()
        job = TrainingJob.objects.unscoped("test").get(pk=pk)
        OutboxMessage.objects.create(
            account=str(job.account_id), resource_type="training.trainingjob", resource_id=pk
        )
        found = asked(turns.work)
        job.refresh_from_db()
        assert job.phase == phase, job.message
        return found

    def life(name: str) -> list[list[str]]:
        pk = submit(name)
        host.state = {"phase": "running"}
        begun = [looked(pk, "Running"), looked(pk, "Running")]
        host.state = {"phase": "exited", "outcome": "succeeded", "exit_code": 0}
        return [*begun, looked(pk, "Completed")]

    life("first")
    found = life("second")
    shown = "\n\n".join("\n".join(one) for one in found)
    assert [len(one) for one in found] == [START, RUNNING, END], shown
