"""The same request several times at the same moment makes one thing."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.account.models import Account
from accounts.group.models import Group
from accounts.token.models import ApiToken
from accounts.user.models import User
from tests.doors.world import bearer
from tests.storage import people

JSON = "application/json"
pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite",
        reason="SQLite lets one writer in at a time (transactions begin IMMEDIATE), so threads "
        "never meet; one after the other is in test_versions.py",
    ),
]


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """All at the same moment; their results in order."""
    barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int, act: Callable[[], Any]) -> None:
        try:
            barrier.wait(300)
            results[number] = act()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive()
    return results


def test_the_same_key_at_once_makes_one(transactional_db: None) -> None:
    token = bearer(people.root("acme"))

    def send() -> Any:
        return Client(headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}).post(
            "/api/v1/groups", '{"name": "crew"}', content_type=JSON
        )

    answers = at_once(*[send] * 4)
    assert Group.objects.unscoped("test").filter(name="crew").count() == 1
    assert [a.status_code for a in answers] == [201] * 4
    assert len({a.json()["id"] for a in answers}) == 1
    assert sum("Idempotency-Replayed" in a for a in answers) == 3


def test_a_form_clicked_four_times_makes_one(transactional_db: None) -> None:
    """Groups of one name may exist once; users too: every click lands where the first led."""
    person = people.root("acme")
    clients = [Client() for _n in range(4)]
    for client in clients:
        people.sign_in(client, person)
    text = clients[0].get("/groups/new").content.decode()
    once = re.search(r'name="once" value="([^"]+)"', text)
    assert once
    form = {"name": "crew", "once": once[1]}
    acts = [lambda client=client: client.post("/groups/new", form) for client in clients]
    answers = at_once(*acts)
    group = Group.objects.unscoped("test").get(name="crew")
    assert [(a.status_code, a.headers.get("Location")) for a in answers] == [
        (302, f"/groups/{group.pk}")
    ] * 4


def users(name: str) -> int:
    return User.objects.unscoped("test").filter(name=name).count()


@pytest.mark.parametrize(
    ("url", "form", "count"),
    [
        ("/security", {"name": "script", "days": "7"}, lambda: ApiToken.objects.count()),
        ("/accounts", {"name": "tenant"}, lambda: Account.objects.filter(name="tenant").count()),
        (
            "/users/new",
            {"name": "li"},
            lambda: users("li"),
        ),
    ],
)
def test_a_form_that_shows_a_secret_makes_one_and_shows_one(
    transactional_db: None, url: str, form: dict[str, str], count: Callable[[], int]
) -> None:
    person = people.root("acme")
    Account.objects.filter(pk=person.user.account_id).update(is_operator=True)
    clients = [Client() for _n in range(3)]
    for client in clients:
        people.sign_in(client, person)
    once = re.search(r'name="once" value="([^"]+)"', clients[0].get(url).content.decode())
    assert once
    body = {**form, "once": once[1]}
    answers = at_once(*[lambda client=client: client.post(url, body) for client in clients])
    assert count() == 1
    assert sorted(a.status_code for a in answers) == [201, 302, 302]
