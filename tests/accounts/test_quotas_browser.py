"""The form of limits in Chromium: what was typed stays in sight, the first wrong field has the
focus."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.accounts import make
from tests.console.test_ui_browser import browser, complaints, page  # noqa: F401
from tests.storage import people

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HUGE = str(10**30)


def test_a_wrong_limit_is_seen_whole_on_a_narrow_screen(
    page: Any,  # noqa: F811
    live_server: Any,
) -> None:
    operator = people.Person(make.root_of(make.account("operates", operator=True)))
    account = people.root("limited").user.account_id
    client = Client()
    people.sign_in(client, operator)
    page.context.add_cookies(
        [{"name": n, "value": c.value, "url": live_server.url} for n, c in client.cookies.items()]
    )
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"/accounts/{account}/quotas")
    page.fill("[name=limit-groups]", HUGE)
    page.fill("[name=limit-users]", "abc")
    page.locator(".card-footer button").click()
    wrong = page.locator(".is-invalid")
    wrong.first.wait_for()
    assert page.evaluate("document.activeElement.name") == "limit-users"
    assert [field.input_value() for field in wrong.all()] == ["abc", HUGE]
    assert wrong.last.evaluate("e => e.scrollWidth <= e.clientWidth"), "cut off"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
