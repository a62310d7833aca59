"""The button that builds an engine is there exactly for who may build one."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.storage import people


@pytest.mark.django_db
def test_the_build_button_follows_the_decision() -> None:
    owner = people.root("engine-owner")
    look = people.statement("Allow", "modelarts:image:list")
    build = people.statement("Allow", "modelarts:image:create")
    builder = people.user(owner, "builder", [look, build])
    reader = people.user(owner, "reader", [look])
    for person, may in ((owner, True), (builder, True), (reader, False)):
        client = Client()
        people.sign_in(client, person)
        page = client.get("/engines")
        assert page.status_code == 200
        assert page.context["may_build"] is may, person.user.name
    client = Client()
    people.sign_in(client, reader)
    assert client.post("/engines/python_3.11-sklearn-cpu/build").status_code == 403
