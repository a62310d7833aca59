"""A page asked for again leaves no object behind in the process that drew it."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections import Counter

import pytest
from django.conf import settings
from django.test import Client, RequestFactory
from django.test.client import ClientHandler

from registry.model.models import Model
from tests.storage import people

ROUNDS = 12


def named(thing: object) -> str:
    """The type of an object; of a weak reference also what it refers to."""
    name = type(thing).__qualname__
    return f"{name} to {type(thing()).__qualname__}" if type(thing) is weakref.ref else name


@pytest.mark.django_db
def test_pages_asked_for_again_leave_nothing_behind() -> None:
    owner = people.root("memoryowner")
    row = Model.objects.create(
        account_id=owner.user.account_id,
        region="cn-north-1",
        name="m",
        phase="Published",
        engine="e",
    )
    client = Client()
    people.sign_in(client, owner)
    addresses = ("/", "/models", f"/models/{row.pk}", f"/models/{row.pk}/files", "/search?q=m")
    addresses += ("/training-jobs", "/datasets", "/services", "/models?q=nothing")
    handler = ClientHandler(enforce_csrf_checks=False)
    handler.load_middleware()
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    def ask(rounds: int) -> Counter[str]:
        # Without Django's test client: every one of its requests leaves entries in its signals.
        for _round in range(rounds):
            for address in addresses:
                request = RequestFactory().get(address, HTTP_COOKIE=cookie)
                assert handler.get_response(request).status_code == 200
        del request
        gc.collect()
        return Counter(map(named, gc.get_objects()))

    ask(3)
    counts = [ask(ROUNDS) for _time in range(4)]
    # What is left behind grows every time; a cache filled once, by whatever thread, does not.
    grown = [after - before for before, after in itertools.pairwise(counts)]
    left = grown[0] & grown[1] & grown[2]
    # References to what is gone already: receivers that tests before this one left in signals.
    del left["ReferenceType to NoneType"]
    assert {name: count for name, count in left.items() if count >= ROUNDS} == {}
