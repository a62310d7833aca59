"""What is reserved to the owner's account: the one decision says so, whatever a share contains."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Q

from core import access, grants, services
from core.errors import AccessDenied
from core.models import AuditRecord
from tests.contract.test_resources import own
from tests.storage import people
from training.job.models import TrainingJob

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
STOP = "modelarts:trainJobVersion:stop"
GET = "modelarts:trainJob:get"


class Everything:
    """A share that contains what no share should: reading the job and stopping it."""

    def operations(self, actor: Any, target: Any) -> dict[str, str]:
        return {GET: "unit", STOP: "unit"} if isinstance(target, TrainingJob) else {}

    def shared_walk(self, actor: Any, action: str, model: Any) -> None:
        return None

    def shared_filter(self, actor: Any, action: str, model: Any) -> Q | None:
        return Q() if model is TrainingJob and action == GET else None


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> TrainingJob:
    monkeypatch.setattr(grants, "providers", lambda: (Everything(),))
    owner = people.root("owns")
    return TrainingJob.objects.create(
        **own(owner, phase="Running", code_bucket="d", boot_file="t.py", engine="e"),
        created_by=owner.user,
    )


def test_the_decision_knows_what_no_share_opens(job: TrainingJob) -> None:
    consumer = people.root("consumes")
    assert access.decide(consumer.actor, STOP, job).allowed, "the share alone would open it"
    refused = access.decide(consumer.actor, STOP, access.about(consumer.actor, job, own_only=True))
    assert not refused.allowed and refused.step == "share"
    assert refused.trace[-1].outcome == "deny" and "owner's account" in refused.reason
    owner = people.Person(job.created_by).actor
    assert access.decide(owner, STOP, access.about(owner, job, own_only=True)).allowed


def test_the_verb_its_page_and_its_button_follow_the_decision(
    job: TrainingJob, client: Any
) -> None:
    consumer = people.root("consumes")
    with pytest.raises(AccessDenied) as refused:
        services.perform(consumer.actor, job, "stop", {})
    assert refused.value.decision.step == "share" and refused.value.target == job
    people.sign_in(client, consumer)
    page = client.get(f"/training-jobs/{job.pk}")
    assert page.status_code == 200 and "/do/stop" not in page.content.decode()
    path = f"/training-jobs/{job.pk}/do/stop"
    assert (client.get(path).status_code, client.post(path).status_code) == (403, 403)
    row = AuditRecord.objects.filter(event="accessDenied").latest("id")
    assert row.resource_id == str(job.pk) and "owner's account" in row.message
