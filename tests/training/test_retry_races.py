"""A retried upload against a new job that writes to the same place: one of them wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from compute import local
from core import services as core_services
from core import states
from core.errors import Conflict
from tests.contract.test_resources import own
from tests.sharing.test_races import failed, together
from tests.storage import people
from tests.training.test_retry_upload import OUTPUTS, Host, job_of
from training.job import launch, services
from training.job.models import Attempt, OutputClaim, TrainingJob

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite",
        reason="SQLite lets one writer in at a time (transactions begin IMMEDIATE), so threads "
        "never meet",
    ),
]


def new_job(owner: people.Person) -> TrainingJob:
    fields = own(owner)
    job = TrainingJob(
        name=fields["name"],
        code_bucket="data",
        code_prefix="code/",
        boot_file="train.py",
        engine="python_3.11-sklearn-cpu",
        flavor="modelyard.cpu.1u",
        outputs=OUTPUTS,
    )
    states.start(job, TrainingJob.Phase.CREATING)
    return job


def create(owner: people.Person, job: TrainingJob) -> Any:
    context = services.decision_context({"pool": "public"})
    return core_services.create(
        owner.actor, job, context=context, after_save=services._write_beside
    )


def test_one_of_them_gets_the_output_path(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host()
    monkeypatch.setattr(local, "current", lambda: host)
    monkeypatch.setattr(launch, "credential", lambda job, attempt: Path("credential"))
    for turn in range(6):
        owner = people.root(f"turns{turn}")
        old = job_of(owner, reason="UPLOAD_FAILED", ended_at=timezone.now())
        attempt = Attempt.objects.create(job=old, number=1, ended_at=old.ended_at)
        host.ends(attempt.pk, outcome="failed", reason_code="UPLOAD_FAILED", seq=7)
        new = new_job(owner)
        results = together(
            lambda o=owner, j=old: core_services.perform(o.actor, j, "retry-upload", {}),
            lambda o=owner, j=new: create(o, j),
        )
        (lost,) = failed(results)
        assert isinstance(lost, Conflict) and lost.code == "OUTPUT_BUSY"
        assert OutputClaim.objects.filter(account_id=old.account_id).count() == 1
