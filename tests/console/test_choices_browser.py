"""A choice among many in Chromium: searched by keyboard, and without JavaScript by its name."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from console.choices import LISTED
from registry.model.models import Model
from tests import chromium
from tests.console.test_choices import models
from tests.console.test_ui_browser import browser, complaints, page  # noqa: F401
from tests.storage import people

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def made() -> list[Model]:
    return models(people.root("picker"), LISTED + 5)


def sign_in(page: Page, model: Model, url: str) -> None:  # noqa: F811
    from accounts.user.models import User

    owner = User.objects.unscoped("test").get(account_id=model.account_id, is_root=True)
    client = Client()
    people.sign_in(client, people.Person(owner))
    page.context.add_cookies(
        [{"name": name, "value": c.value, "url": url} for name, c in client.cookies.items()]
    )


def test_the_keyboard_finds_and_chooses(
    page: Page,  # noqa: F811
    complaints: list[str],  # noqa: F811
    live_server: Any,
    made: list[Model],
) -> None:
    sign_in(page, made[0], live_server.url)
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"/services/new?model={made[0].pk}")
    box, sent = page.get_by_role("combobox", name="Model"), page.locator("[name=model]")
    expect(box).to_have_value("line 0.0.0 · e")
    expect(sent).to_have_value(str(made[0].pk))
    box.fill("0.0.3")
    expect(page.locator(".choose-status")).to_have_text("11 found.")
    expect(box).to_have_attribute("aria-expanded", "true")
    box.press("ArrowDown")
    box.press("ArrowDown")
    active = box.get_attribute("aria-activedescendant")
    chosen = page.locator(f"#{active}")
    expect(chosen).to_have_attribute("aria-selected", "true")
    text, value = chosen.text_content(), chosen.get_attribute("data-value")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box.press("Enter")
    expect(box).to_have_value(text or "")
    expect(sent).to_have_value(value or "")
    expect(box).to_have_attribute("aria-expanded", "false")
    box.fill("nothing like it")
    expect(page.locator(".choose-status")).to_have_text("Nothing matches.")
    expect(sent).to_have_value("nothing like it")
    assert complaints == []


def test_without_javascript_the_name_is_enough(
    browser: Any,  # noqa: F811
    live_server: Any,
    made: list[Model],
) -> None:
    context = chromium.context(browser, base_url=live_server.url, java_script_enabled=False)
    try:
        plain = context.new_page()
        sign_in(plain, made[0], live_server.url)
        plain.goto("/services/new")
        plain.fill("[name=model]", "line 0.0.1")
        plain.fill("[name=name]", "not allowed")
        plain.locator("main form button[type=submit]").click()
        expect(plain.locator("[name=model]")).to_have_value(str(made[1].pk))
        expect(plain.locator(".problem-summary a")).to_have_count(1)
    finally:
        context.close()
