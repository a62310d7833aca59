"""What the head of a page and the page that asks before a deletion offer, by the object's state."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from core import references
from registry.model.models import Model
from serving.service.models import Instance, Service
from tests.accounts import make
from tests.serving import make as services
from tests.storage import people
from tests.training.test_retry_upload import job_of
from training.job.models import TrainingJob

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> people.Person:
    return people.root("acts")


@pytest.fixture
def browser(owner: people.Person) -> Client:
    made = Client()
    people.sign_in(made, owner)
    return made


def running(owner: people.Person) -> TrainingJob:
    made = job_of(owner)
    TrainingJob.objects.unscoped("test").filter(pk=made.pk).update(phase="Running")
    made.refresh_from_db()
    return made


def head(browser: Client, path: str) -> tuple[str, str]:
    """The buttons in the head of a page, and the entries behind More."""
    text = browser.get(path).content.decode()
    shown = text[text.index('<div class="page-actions">') : text.index('id="detail-lead"')]
    first, _more, behind = shown.partition('<div class="dropdown">')
    return first, behind


def test_what_is_not_possible_is_behind_more_with_its_reason(
    owner: people.Person, browser: Client
) -> None:
    first, behind = head(browser, f"/training-jobs/{running(owner).pk}")
    assert "Stop" in first and "disabled" not in first
    off = re.findall(r'disabled>.*?(\w+)</button>\s*<span class="action-why">(.*?)</span>', behind)
    assert ("Delete", "Stop it first.") in off
    assert ("Rerun", "Not possible while the status is Running.") in off


def test_no_button_is_better_than_one_that_does_nothing(
    owner: people.Person, browser: Client
) -> None:
    may = people.statement(
        "Allow", "modelarts:*:get", "modelarts:*:list", "modelarts:trainJob:create"
    )
    guest = people.user(owner, "guest", [may])
    people.sign_in(browser, guest)
    first, behind = head(browser, f"/training-jobs/{running(owner).pk}")
    assert "<button" not in first and "Rerun" in behind


@pytest.mark.parametrize("kind", ["training-jobs", "services"])
def test_what_runs_is_not_asked_to_be_deleted(
    owner: people.Person, browser: Client, kind: str
) -> None:
    jobs = kind == "training-jobs"
    made = running(owner) if jobs else services.running(owner.user.account_id)
    path = f"/{kind}/{made.pk}/delete"
    for answer in (browser.get(path), browser.post(path, {"typed": made.name})):
        text = answer.content.decode()
        assert f"“{made.name}” is Running. Stop it first." in text
        assert f'href="/{kind}/{made.pk}"' in text
        assert "Nothing else depends" not in text and 'name="typed"' not in text
        assert "data-confirm-button" not in text
    assert type(made).objects.unscoped("test").filter(pk=made.pk).exists()


def test_a_refused_deletion_keeps_what_was_typed(owner: people.Person, browser: Client) -> None:
    made = services.running(owner.user.account_id)
    Service.objects.unscoped("test").filter(pk=made.pk).update(phase="Failed", version=5)
    made.refresh_from_db()
    Instance.objects.filter(service=made).delete()
    path = f"/services/{made.pk}/delete"
    assert "Nothing else depends" in browser.get(path).content.decode()
    refused = browser.post(path, {"typed": made.name, "version": "1"})
    text = refused.content.decode()
    assert refused.status_code == 412 and f'required value="{made.name}"' in text
    assert "Nothing else depends" not in text


def test_a_deletion_lists_what_refers_to_it(owner: people.Person, browser: Client) -> None:
    made = job_of(owner)
    TrainingJob.objects.unscoped("test").filter(pk=made.pk).update(phase="Completed")
    path = f"/training-jobs/{made.pk}/delete"
    assert "Nothing else depends" in browser.get(path).content.decode()
    model = Model.objects.create(
        account_id=made.account_id, region=made.region, name="digits", phase="Published",
        engine="python", source={"training_job": str(made.pk)},
    )  # fmt: skip
    references.write(model)
    text = browser.get(path).content.decode()
    assert "Nothing else depends" not in text and f"/models/{model.pk}" in text


def test_a_deletion_lists_groups_of_a_user_and_members_of_a_group(
    owner: people.Person, browser: Client
) -> None:
    account = owner.user.account
    user, lone = make.user(account, "member"), make.user(account, "lone")
    group, empty = make.group(account, user, name="team"), make.group(account, name="none")
    for path, listed in (
        (f"/users/{user.pk}", "team"),
        (f"/groups/{group.pk}", "member"),
        (f"/users/{lone.pk}", ""),
        (f"/groups/{empty.pk}", ""),
    ):
        text = browser.get(f"{path}/delete").content.decode()
        items = re.findall(r"<li>(?:<a [^>]*>)?([^<]*)", text.partition("inventory-group")[2])
        assert ("Nothing else depends" in text) == (not listed)
        assert not listed or listed in items
