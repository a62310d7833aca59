"""The Predict tab in Chromium: an answer that broke off says so, and what was chosen stays."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import expect

from tests.console.test_ui_browser import browser, complaints, page  # noqa: F401
from tests.serving.make import in_place_of_the_gateway, running
from tests.serving.test_predict_page import Gateway
from tests.storage import people

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_answer_that_broke_off_is_said_and_nothing_is_lost(
    page: Any,  # noqa: F811
    live_server: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = people.root("predictor")
    service = running(owner.user.account_id)
    client = Client()
    people.sign_in(client, owner)
    page.context.add_cookies(
        [{"name": n, "value": c.value, "url": live_server.url} for n, c in client.cookies.items()]
    )
    page.set_viewport_size({"width": 360, "height": 800})
    monkeypatch.setattr(Gateway, "length", 4000)
    with in_place_of_the_gateway(Gateway, settings):
        page.goto(f"/services/{service.pk}/predict")
        page.locator("[data-predict-mode=json]").click()
        page.locator("[data-predict-json]").fill('{"value": 1}')
        page.locator("[data-predict-send]").click()
        said = page.locator(".predict-out")
        expect(said).to_contain_text("The answer of the model is not whole.")
        expect(said).to_contain_text("after 24 of 4,000 bytes")
        expect(said).to_contain_text("its log may say why")
    assert page.locator("[data-predict-json]").input_value() == '{"value": 1}'
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
