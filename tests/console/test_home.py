"""The home page: steps for a new account, numbers, and nothing of others."""

from __future__ import annotations

import pytest
from django.test import Client

from core import shell
from tests.storage import people


@pytest.mark.django_db
class TestHome:
    def test_a_new_account_is_led_through_its_first_steps(self) -> None:
        owner = people.root("newcomer")
        client = Client()
        people.sign_in(client, owner)
        steps = client.get("/").context["getting_started"]
        assert [s.done for s in steps] == [False] * 5
        assert [s.order for s in steps] == sorted(s.order for s in steps)
        for step in steps:
            assert client.get(step.url).status_code == 200, step.url
        people.bucket(owner, "data")
        assert client.get("/").context["getting_started"][0].done is True

    def test_somebody_without_rights_sees_no_steps_and_no_numbers(self) -> None:
        owner = people.root("careful")
        nobody = people.user(owner, "nobody", [])
        client = Client()
        people.sign_in(client, nobody)
        page = client.get("/")
        assert page.status_code == 200
        assert page.context["getting_started"] == []
        assert page.context["tiles"] == []
        assert page.context["recent"] == []

    def test_steps_vanish_when_all_are_done(self, monkeypatch: pytest.MonkeyPatch) -> None:
        done = shell.FirstStep("a", "b", "/", "c", True, 1)
        monkeypatch.setattr(shell, "_steps", [lambda actor: [done]])
        assert shell.first_steps(people.root("older").actor) == []
