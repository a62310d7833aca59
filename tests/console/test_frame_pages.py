"""Pages of the frame: the trail in words, what Overview shows to whom, a form out of date."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from core import actor as actors
from core import states
from core.event_names import RENAMED
from core.models import AuditRecord
from tests.storage import people
from tests.training.test_retry_upload import job_of
from training.job.models import TrainingJob

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> people.Person:
    return people.root("framed")


def browser(person: people.Person, **more: bool) -> Client:
    made = Client(**more)
    people.sign_in(made, person)
    return made


def test_a_failure_is_no_green_ok_in_the_trail(owner: people.Person) -> None:
    made = job_of(owner)
    rows = TrainingJob.objects.unscoped("test").filter(pk=made.pk)
    rows.update(phase="Running")
    made.refresh_from_db()
    states.transition(made, "Failed", actor=actors.system("training"), reason="NODE_LOST")
    text = browser(owner).get("/audit?platform=1").content.decode()
    row = next(r for r in text.split("<tr>") if "stateChanged" in r)
    assert "Training job: new status" in row
    assert re.search(r'chip chip-red">.*?<span>Failed</span>', row)
    assert "OK" not in row and "chip-green" not in row


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        ("login", "", "Sign in"),
        ("createTrainJob", "training.trainingjob", "Create: Training job"),
        ("createModelArtsTrainJob", "training.trainingjob", "Create: Training job"),
        ("createModelArtsTrainVersion", "training.trainingjob", "Rerun: Training job"),
        ("deleteModelArtsTrainVersion", "training.trainingjob", "Delete: Training job"),
        ("stopModelArtsTrainVersion", "training.trainingjob", "Stop: Training job"),
        ("inviteResourceShare", "sharing.shareunit", "Invite resource share"),
        ("suspendAccount", "", "Suspend account"),
        ("phaseGone", "away.thing", "Phase gone"),
    ],
)
def test_events_are_written_in_words(
    owner: people.Person, event: str, kind: str, words: str
) -> None:
    AuditRecord.objects.create(
        account_id=owner.user.account_id, event=event, action="a:b:c", resource_type=kind,
        actor_kind="user", actor_label="who", via="console", result="ok",
    )  # fmt: skip
    text = browser(owner).get("/audit").content.decode()
    shown = RENAMED.get(event, event)
    assert words in text and f"<code>{shown}</code>" in text, "the name stays, for searching"
    for name in (event, shown):
        assert words in browser(owner).get("/audit", {"q": name}).content.decode()


def test_overview_shows_limits_to_who_may_read_them(owner: people.Person) -> None:
    guest = people.user(owner, "guest", [people.statement("Allow", "modelarts:*:*")])
    reader = people.user(owner, "reader", [people.statement("Allow", "iam:quotas:listQuotas")])
    shown = {
        who.user.name: "quota-list" in browser(who).get("/").content.decode()
        for who in (owner, guest, reader)
    }
    assert shown == {owner.user.name: True, "guest": False, "reader": True}


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://testserver/groups/new?a=1&b=2#x", "/groups/new?a=1&amp;b=2"),
        ("http://elsewhere.example/groups/new", ""),
        ("http://testserver//elsewhere.example/x", ""),
        ("http://testserver/\\elsewhere.example", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_a_form_out_of_date_leads_back_to_itself(
    owner: people.Person, referer: str, back: str
) -> None:
    client = browser(owner, enforce_csrf_checks=True)
    headers = {"Referer": referer} if referer else {}
    answer = client.post("/groups/new", {"name": "x"}, headers=headers)
    text = answer.content.decode()
    assert answer.status_code == 403
    assert "This page is out of date" in text and "You may not" not in text
    card = text.partition("error-links")[2].partition("</section>")[0]
    links = re.findall(r'<a class="btn[^"]*" href="([^"]*)"', card)
    assert links == ([back, "/"] if back else ["/"])
