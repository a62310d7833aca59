"""The design system in Chromium: policy, narrow screens, themes, components, live pages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests import chromium
from tests.console import ui_urls

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.console.ui_urls"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright's event loop runs in this thread, which makes Django refuse the database.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        found = chromium.launch(playwright)
        yield found
        found.close()


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, live_server: Any, complaints: list[str]) -> Iterator[Page]:
    context = chromium.context(
        browser, base_url=live_server.url, viewport={"width": 1280, "height": 900}
    )
    made = context.new_page()
    made.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    ui_urls.RECEIVED.clear()
    ui_urls.DRAWN.clear()
    yield made
    context.close()


def test_every_component_obeys_the_policy(page: Page, complaints: list[str]) -> None:
    answer = page.goto("/open-patterns")
    assert answer is not None
    assert "style-src 'self'" in answer.headers["content-security-policy"]
    expect(page.locator("#loss canvas")).to_be_visible()
    expect(page.locator("#log [data-log-count]")).to_contain_text("57")
    page.locator("#loss canvas").hover(position={"x": 200, "y": 100})
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Dark").click()
    assert complaints == []


@pytest.mark.parametrize("path", ["/open-patterns", "/live-detail", "/nowhere"])
def test_nothing_scrolls_sideways_at_360_px(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(path)
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
    if path != "/nowhere":
        expect(page.locator("#sidebar")).not_to_be_visible()
        page.get_by_role("button", name="Open navigation").click()
        expect(page.get_by_role("link", name="Buckets")).to_be_visible()


def test_theme_is_kept_and_set_before_the_first_paint(page: Page) -> None:
    page.goto("/open-patterns")
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Dark").click()
    # domcontentloaded comes before modules run; only the script in the head can have set it.
    page.add_init_script(
        "document.addEventListener('readystatechange', () => {"
        "  window.early ??= document.documentElement.dataset.bsTheme }, {once: true})"
    )
    page.reload()
    assert page.evaluate("window.early") == "dark"
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Light").click()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "light"


def test_chart_has_a_table(page: Page) -> None:
    page.goto("/open-patterns")
    page.locator("#classes summary").click()
    expect(page.locator("#classes tbody tr")).to_have_count(10)
    expect(page.locator("#nothing [data-chart-note]")).to_contain_text("No metric yet")


def test_log_finds_text_and_pauses_while_reading(page: Page) -> None:
    page.goto("/open-patterns")
    log = page.locator("#log")
    expect(log.locator("[data-log-state]")).to_have_text("End of log")
    log.locator("[data-log-search]").fill("epoch 5/12")
    expect(log.locator("[data-log-hits]")).to_have_text("1/4")
    expect(log.locator("[data-log-follow]")).to_have_attribute("aria-pressed", "false")
    own = log.locator(".log-line.is-own")
    expect(own).to_have_count(2)
    expect(own.last).to_contain_text("Platform[modelyard] failed: USER_CODE")
    forged = log.locator(".log-line", has_text="a program printed this line")
    expect(forged).not_to_have_class(re.compile("is-own"))  # it looks the same and is not marked
    log.get_by_role("button", name="First error").click()
    expect(log.locator(".log-line.is-error").first).to_be_in_viewport()


def test_slash_goes_to_the_search_field(page: Page) -> None:
    page.goto("/open-patterns")
    page.keyboard.press("/")
    expect(page.locator("[data-search-focus]")).to_be_focused()
    page.keyboard.type("a/b")
    expect(page.locator("[data-search-focus]")).to_have_value("a/b")


def test_upload_sends_raw_bytes_with_digest_and_reports_refusals(
    page: Page, tmp_path: Path
) -> None:
    good, bad = tmp_path / "digits 1.bin", tmp_path / "refuse.bin"
    good.write_bytes(b"\x00\x01" * 5000)
    bad.write_bytes(b"x")
    page.goto("/open-patterns")
    page.get_by_label("Files to upload").set_input_files([good, bad])
    rows = page.locator("#drop .upload-item")
    expect(rows.nth(0)).to_contain_text("Stored")
    expect(rows.nth(1)).to_contain_text("The bucket is full.")
    expect(rows.nth(1).get_by_role("button")).to_have_text("Try again")
    sent = {one["key"]: one for one in ui_urls.RECEIVED}
    assert sent["digits 1.bin"]["size"] == 10_000
    assert sent["digits 1.bin"]["said"] == hashlib.sha256(good.read_bytes()).hexdigest()


def test_predict_previews_sends_and_ranks(page: Page) -> None:
    picture = Path(__file__).parent.parent.parent / "static" / "console" / "mark.svg"
    page.goto("/open-patterns")
    form = page.locator("#try")
    expect(form.locator("[data-predict-json]")).to_be_visible()  # there is an example: it begins so
    form.get_by_role("button", name="File").click()
    expect(form.get_by_role("button", name="Predict")).to_be_disabled()
    form.locator("input[type=file]").set_input_files(picture)
    expect(form.locator("[data-predict-preview]")).to_be_visible()
    form.get_by_role("button", name="Predict").click()
    expect(form.locator("[data-predict-top]")).to_contain_text("7")
    expect(form.locator(".predict-bars progress")).to_have_count(3)
    received = ui_urls.RECEIVED
    assert received == [{"field": "images", "size": picture.stat().st_size}]


def test_predict_sends_no_json_that_cannot_be_read(page: Page) -> None:
    page.goto("/open-patterns")
    form = page.locator("#try")
    form.locator("[data-predict-json]").fill('{"x": }')
    form.get_by_role("button", name="Predict").click()
    expect(form.locator("[data-predict-top]")).to_contain_text("nothing was sent")
    expect(form.locator("[data-predict-raw]")).not_to_be_visible()
    assert ui_urls.RECEIVED == []


@pytest.mark.parametrize("width", [1280, 1024, 800, 360])
def test_no_table_is_wider_than_its_card(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/open-patterns")
    wide = page.evaluate(
        """() => [...document.querySelectorAll(".table-wrap")]
          .filter((one) => one.scrollWidth > one.clientWidth + 1)
          .map((one) => `${one.scrollWidth} in ${one.clientWidth}`)"""
    )
    assert wide == []
    cut = page.evaluate(
        """() => [...document.querySelectorAll(".stages")]
          .filter((one) => one.scrollWidth > one.clientWidth + 1).length"""
    )
    assert cut == 0


def test_a_region_shows_that_it_has_the_focus(page: Page) -> None:
    page.goto("/open-patterns")
    region = page.locator("#region-top")
    region.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    outline = page.locator(".topbar .region-switch").evaluate(
        "(one) => getComputedStyle(one).outlineStyle"
    )
    assert outline == "solid"


def test_the_reason_of_a_greyed_button_is_in_sight_with_the_focus(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/open-patterns")
    button = page.locator(".action-off:has(> .action-tip)").first
    tip = button.locator(".action-tip")
    assert tip.bounding_box()["width"] <= 1  # type: ignore[index]
    button.focus()
    box = tip.bounding_box()
    assert box and box["width"] > 40 and box["x"] >= 0 and box["x"] + box["width"] <= 360


def test_secret_is_hidden_until_asked_for(page: Page) -> None:
    page.goto("/open-patterns")
    field = page.locator("[data-secret-value]")
    expect(field).to_have_attribute("type", "password")
    page.locator("[data-secret-reveal]").click()
    expect(field).to_have_attribute("type", "text")


def test_an_event_redraws_head_and_live_part_once(page: Page, complaints: list[str]) -> None:
    page.goto("/live-detail")
    expect(page.locator("h1")).to_contain_text("drawn 2")
    assert ui_urls.DRAWN == ["", "true"]
    assert page.locator("#tab-live").count() == 1
    assert page.locator("#detail-head").count() == 1
    assert complaints == []


LOOK_AGAIN = """
async () => {
  const app = document.querySelector("script[type=module]").src;
  (await import(new URL("refresh.js", app))).lookAgain();
}
"""


def test_what_changes_while_a_refresh_is_on_its_way_is_shown_after_it(
    page: Page, complaints: list[str]
) -> None:
    held: list[Route] = []

    def first_refresh(route: Route) -> None:
        if route.request.headers.get("hx-request") and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/live-detail", first_refresh)
    with page.expect_request(lambda request: "hx-request" in request.headers):
        page.goto("/live-detail")
    page.evaluate(LOOK_AGAIN)
    assert ui_urls.DRAWN == [""]
    held[0].continue_()
    expect(page.locator("h1")).to_contain_text("drawn 3")
    assert ui_urls.DRAWN == ["", "true", "true"]
    assert complaints == []


def test_a_refresh_that_fails_is_tried_again(page: Page) -> None:
    failed: list[Route] = []

    def first_refresh(route: Route) -> None:
        if route.request.headers.get("hx-request") and not failed:
            failed.append(route)
            route.fulfill(status=503, body="away")
        else:
            route.continue_()

    page.route("**/live-detail", first_refresh)
    page.goto("/live-detail")
    expect(page.locator("h1")).to_contain_text("drawn 2")
    assert len(failed) == 1


def test_a_mouse_that_rests_on_a_list_does_not_stop_it(page: Page) -> None:
    """The list is drawn again although the mouse stays where it is."""
    page.goto("/live-list")
    with page.expect_response(lambda answer: "hx-request" in answer.request.headers):
        page.locator("#object-table").hover()
        page.evaluate(LOOK_AGAIN)


def test_a_chart_survives_the_redraw_around_it(page: Page, complaints: list[str]) -> None:
    page.goto("/live-detail")
    expect(page.locator("h1")).to_contain_text("drawn 2")
    canvas = page.locator("#kept canvas")
    expect(canvas).to_be_visible()
    page.evaluate("document.querySelector('#kept canvas').dataset.mark = 'same'")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('live'))")
    expect(page.locator("h1")).to_contain_text("drawn 3")
    expect(canvas).to_have_attribute("data-mark", "same")
    expect(canvas).to_be_visible()
    assert complaints == []


def test_menus_work_from_the_keyboard(page: Page) -> None:
    page.goto("/live-detail")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.goto("/open-patterns")
    button = page.get_by_role("button", name="Actions for mnist-cnn-01")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Delete").last).to_be_attached()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
