"""A policy that asks for the pool's kind stops nobody who uses a pool it allows (vector V3)."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client

from core import access
from registry.model.models import Model
from serving.service.models import Service
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person
from training.job.models import TrainingJob

REGION = "cn-north-1"
NO_DEDICATED = {
    "Effect": "Deny",
    "Action": ["modelarts:*:create"],
    "Condition": {"StringEquals": {"modelarts:poolType": ["dedicated"]}},
}
NO_PUBLIC = {
    "Effect": "Deny",
    "Action": ["modelarts:*:create"],
    "Condition": {"StringEquals": {"modelarts:poolType": ["public"]}},
}


@pytest.fixture
def owner(db: None) -> Person:
    made = people.root("poolowner")
    make.agency(made.user.account, people.statement("Allow", "modelarts:*:*"))
    return made


def own(owner: Person, **fields: Any) -> dict[str, Any]:
    return {"account_id": owner.user.account_id, "region": REGION, "name": "thing", **fields}


def deploy(owner: Person, who: Person) -> Any:
    model = Model.objects.create(**own(owner, phase="Published", engine="python_3.11-sklearn-cpu"))
    client = Client()
    body = json.dumps({"name": "svc", "model": str(model.pk)})
    token = people.token(who, dt.timedelta(hours=1))
    return client.post(
        "/api/v1/services",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )


def developer(owner: Person, deny: dict[str, Any]) -> Person:
    return people.user(owner, "dev", [people.statement("Allow", "modelarts:*:*"), deny])


def test_a_service_in_an_allowed_pool_is_made(owner: Person) -> None:
    answer = deploy(owner, developer(owner, NO_DEDICATED))
    assert answer.status_code == 201, answer.content


def test_a_service_in_a_denied_pool_is_refused(owner: Person) -> None:
    answer = deploy(owner, developer(owner, NO_PUBLIC))
    assert answer.status_code == 403
    assert answer.json()["explanation"]["step"] == "explicit_deny"
    assert not Service.objects.unscoped("test").exists()


def test_rerun_is_decided_by_the_jobs_own_pool(owner: Person) -> None:
    job = TrainingJob.objects.create(
        **own(
            owner,
            phase="Completed",
            code_bucket="data",
            code_prefix="code/",
            boot_file="train.py",
            engine="python_3.11-sklearn-cpu",
            flavor="modelyard.cpu.1u",
        )
    )
    allowed = developer(owner, NO_DEDICATED)
    assert access.decide(allowed.actor, "modelarts:trainJob:create", job).allowed
    denied = people.user(owner, "denied", [people.statement("Allow", "modelarts:*:*"), NO_PUBLIC])
    decision = access.decide(denied.actor, "modelarts:trainJob:create", job)
    assert (decision.allowed, decision.step) == (False, "explicit_deny")
