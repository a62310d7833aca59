"""Every page that the navigation leads to: quiet, narrow enough, named, and usable by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.cast import OWNER, Cast
from tests.browser.people import Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}},
    "dark phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
}

NAMELESS = """() => {
  const seen = (one) => one.checkVisibility({ visibilityProperty: true });
  const text = (one) => (one?.innerText || one?.textContent || "").trim();
  const named = (ids) => ids.split(" ").map((id) => text(document.getElementById(id))).join("");
  const said = (one) => one.getAttribute("aria-label") || one.title
    || named(one.getAttribute("aria-labelledby") || "");
  const found = [];
  const tell = (rule, one) => found.push(`${rule}: ${one.outerHTML.slice(0, 160)}`);
  for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!said(one) && ![...(one.labels || [])].some((label) => text(label))) tell("no label", one);
  }
  for (const one of document.querySelectorAll("img")) {
    if (!one.hasAttribute("alt")) tell("no alt", one);
  }
  for (const one of document.querySelectorAll("button, a[href], summary")) {
    const picture = one.querySelector("img[alt]:not([alt=''])");
    if (!said(one) && !text(one) && !picture) tell("no name", one);
  }
  for (const one of document.querySelectorAll("th")) {
    if (!text(one)) tell("empty heading", one);
  }
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  if (twice.length) found.push(`ids used twice: ${twice.join(" ")}`);
  const heads = [...document.querySelectorAll("h1")].filter(seen);
  if (heads.length !== 1) found.push(`${heads.length} first headings`);
  if (!document.documentElement.lang) found.push("no language");
  if (!document.querySelector("main")) found.push("no main");
  return found;
}"""


@pytest.fixture(scope="module")
def addresses(cast: Cast) -> list[str]:
    """What the menu leads to; of every kind the first object, its tabs, and the form for more."""
    owner = cast.owner()
    owner.open("/")
    found: list[str] = links(owner, ".sidebar-link")
    for path in list(found):
        page = owner.open(path)
        found += links(owner, ".page-actions a[href$='/new']")
        first = page.locator(".data-table .cell-title a[href^='/']")
        if path.count("/") == 1 and path != "/audit" and first.count():
            address = first.first.get_attribute("href") or ""
            owner.open(address)
            found += [address, *links(owner, "#detail-tabs a"), *links(owner, "a[href$='/delete']")]
    return list(dict.fromkeys(found))


def links(person: Person, selector: str) -> list[str]:
    """Addresses of the links that match."""
    return [link.get_attribute("href") or "" for link in person.page.locator(selector).all()]


@pytest.fixture(params=sorted(LOOKS))
def visitor(cast: Cast, request: pytest.FixtureRequest) -> Iterator[Person]:
    """The owner once more, in a window of this look."""
    cast.owner()
    person = Person(cast.browser, cast.installation.url, **LOOKS[request.param])
    person.sign_in(OWNER, cast.passwords["owner"])
    yield person
    person.close()


def test_the_menu_leads_to_all_rooms(addresses: list[str]) -> None:
    for path in (
        "/buckets",
        "/datasets/new",
        "/training-jobs",
        "/services/new",
        "/audit",
        "/users",
    ):
        assert path in addresses


def test_pages_are_quiet_and_fit(visitor: Person, addresses: list[str]) -> None:
    """No error in the console (a blocked resource is one), no request that fails, no scrolling
    sideways."""
    failed: list[str] = []
    visitor.page.on("requestfailed", lambda one: failed.append(f"{one.failure} {one.url}"))
    too_wide = []
    for path in addresses:
        page = visitor.open(path)
        page.wait_for_load_state("load")
        have, may = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if have > may:
            too_wide.append(f"{path}: {have} px")
    assert too_wide == []
    assert visitor.complaints == []
    # The stream of a live page ends when the page is left.
    assert [one for one in failed if "ERR_ABORTED" not in one] == []


def test_everything_has_a_name(cast: Cast, addresses: list[str]) -> None:
    owner = cast.owner()
    found = {path: owner.open(path).evaluate(NAMELESS) for path in addresses}
    assert {path: rules for path, rules in found.items() if rules} == {}


def test_the_search_is_one_key_away_and_finds(cast: Cast) -> None:
    owner = cast.owner()
    page = owner.open("/buckets")
    page.keyboard.press("/")
    expect(page.locator("[data-search-focus]")).to_be_focused()
    page.keyboard.type(OWNER)
    page.keyboard.press("Enter")
    owner.heading("Results")
    expect(page.locator("main")).to_contain_text(OWNER)


def test_the_keyboard_reaches_the_main_action(cast: Cast) -> None:
    owner = cast.owner()
    page = owner.open("/buckets")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Create bucket").first).to_be_focused()
    page.keyboard.press("Enter")
    owner.heading("Create bucket")
    expect(page.locator("[name=name]")).to_be_visible()


def test_errors_say_what_to_do(cast: Cast) -> None:
    owner = cast.owner()
    answer = owner.page.goto("/buckets/00000000-0000-4000-8000-000000000000")
    assert answer is not None and answer.status == 404
    expect(owner.page.get_by_role("heading", level=1)).to_be_visible()
    owner.page.locator("main").get_by_role("link").first.click()
    assert re.fullmatch(r"/\w*", owner.path)
