"""Uploads and downloads that take long: what ended meanwhile gives nothing more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts import facts
from accounts.policy.models import PolicyAttachment
from accounts.token import services as tokens
from accounts.user.models import User
from console import watched
from storage.blob.models import Blob
from storage.object.models import StoredObject
from tests.held import Held
from tests.storage import people

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


@pytest.fixture
def owner() -> people.Person:
    return people.root("late-owner")


@pytest.fixture
def alice(owner: people.Person) -> people.Person:
    people.bucket(owner, "team1")
    return people.user(owner, "alice", [people.statement("Allow", "obs:*:*")])


def revoke(person: people.Person) -> None:
    tokens.revoke_all(person.user)


def detach(person: people.Person) -> None:
    with transaction.atomic():
        PolicyAttachment.objects.filter(user=person.user).delete()
        facts.bump(person.user.account_id)


def disable(person: people.Person) -> None:
    with transaction.atomic():
        User.objects.unscoped("test").filter(pk=person.user.pk).update(is_active=False)
        facts.bump(person.user.account_id)


ENDS: list[tuple[Callable[[people.Person], None], int]] = [
    (revoke, 401),
    (detach, 403),
    (disable, 403),
]


@pytest.mark.parametrize(("end", "status"), ENDS)
def test_an_upload_has_the_rights_of_its_end(alice, end, status):
    text = people.token(alice, dt.timedelta(days=1))
    before = Blob.objects.count()
    answer = Client().generic(
        "PUT",
        "/api/v1/buckets/team1/objects/a.bin",
        b"x",
        headers={"Authorization": f"Bearer {text}"},
        **{"wsgi.input": Held(b"bytes", lambda: end(alice)), "CONTENT_LENGTH": "5"},
    )
    assert answer.status_code == status, answer.content
    assert not StoredObject.objects.unscoped("test").exists()
    assert Blob.objects.count() == before


@pytest.mark.parametrize("end", [end for end, _status in ENDS])
def test_a_download_is_cut_when_the_right_ends(alice, end, monkeypatch):
    people.put(alice, "team1", "a.bin", b"x" * 300_000)
    monkeypatch.setattr("storage.object.transfer.CHUNK", 100_000)
    monkeypatch.setattr(watched, "LOOK_EVERY", 0.0)
    text = people.token(alice, dt.timedelta(days=1))
    answer = Client().get(
        "/api/v1/buckets/team1/objects/a.bin", headers={"Authorization": f"Bearer {text}"}
    )
    pieces: Any = iter(answer.streaming_content)
    assert len(next(pieces)) == 100_000
    end(alice)
    with pytest.raises(ConnectionResetError):
        next(pieces)


def test_a_download_ends_whole_where_nothing_ended(alice, monkeypatch):
    people.put(alice, "team1", "a.bin", b"x" * 300_000)
    monkeypatch.setattr(watched, "LOOK_EVERY", 0.0)
    text = people.token(alice, dt.timedelta(days=1))
    answer = Client().get(
        "/api/v1/buckets/team1/objects/a.bin", headers={"Authorization": f"Bearer {text}"}
    )
    assert len(b"".join(answer.streaming_content)) == 300_000
