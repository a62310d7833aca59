"""Who gets a create form: also somebody whose policies cover some names and some pools only."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.storage import people
from tests.storage.people import statement

pytestmark = pytest.mark.django_db

SOME_BUCKETS = statement(
    "Allow", "obs:bucket:CreateBucket", resources=["obs:*:*:bucket:digits*"]
)  # fmt: skip
LIST = statement("Allow", "obs:bucket:ListAllMyBuckets")


@pytest.fixture
def client() -> Client:
    return Client()


def test_rights_on_some_names_open_the_form_and_hold_when_it_is_sent(client: Client) -> None:
    owner = people.root("some-names")
    people.sign_in(client, people.user(owner, "li", [SOME_BUCKETS, LIST]))
    assert client.get("/buckets/new").status_code == 200
    assert b'href="/buckets/new"' in client.get("/buckets").content
    assert client.post("/buckets/new", {"name": "digits-1"}).status_code == 302
    assert client.post("/buckets/new", {"name": "letters"}).status_code == 403


def test_without_any_right_there_is_neither_button_nor_form(client: Client) -> None:
    owner = people.root("no-names")
    people.sign_in(client, people.user(owner, "li", [LIST]))
    assert b'href="/buckets/new"' not in client.get("/buckets").content
    assert client.get("/buckets/new").status_code == 403


def test_a_right_under_a_condition_opens_the_form_of_a_training_job(client: Client) -> None:
    owner = people.root("one-pool")
    allowed = statement("Allow", "modelarts:trainJob:create")
    allowed["Condition"] = {"StringEquals": {"modelarts:poolType": ["public"]}}
    people.sign_in(
        client, people.user(owner, "li", [allowed, statement("Allow", "modelarts:trainJob:list")])
    )
    assert client.get("/training-jobs/new").status_code == 200
    assert b'href="/training-jobs/new"' in client.get("/training-jobs").content
