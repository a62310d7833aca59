"""Hostile text in every column, and every page that shows it: in HTML, and in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connections, transaction
from playwright.sync_api import Page, Request, Route, sync_playwright

from tests import chromium
from tests.doors import poison
from tests.doors.knock import doors, knock
from tests.doors.world import World

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


@pytest.fixture(scope="module")
def poisoned(world: World) -> Iterator[World]:
    with transaction.atomic():
        assert poison.poison(world) > 100
        yield world
        transaction.set_rollback(True)


class Reader(HTMLParser):
    """Collects what hostile text would have made, and where text was shown as text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.broken: list[str] = []
        self.shown = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _value in attrs]
        if tag == poison.MARK or "onxss" in names or "onerror" in names:
            self.broken.append(self.get_starttag_text() or tag)
        for name, value in attrs:
            self.shown += poison.MARK in (value or "")
            if name.startswith("on") or (
                name in ("href", "src", "action") and (value or "").strip().startswith("javascript")
            ):
                self.broken.append(f"{name}={value}")

    def handle_data(self, data: str) -> None:
        self.shown += poison.MARK in data


def paths(world: World) -> list[str]:
    return sorted({door.path for door in doors(world) if door.method == "get" and not door.api})


def test_every_page_shows_hostile_text_as_text(poisoned: World) -> None:
    """Also forms that come back, searches, lists under a filter and what a consumer is shown."""
    shown = 0
    guests = (
        ("root", paths(poisoned)),
        ("accepted", paths(poisoned)),
        (
            "pending",
            ["/", "/share-invitations", f"/share-invitations/{poisoned.ids['share-invitations']}"],
        ),
    )
    extra = [
        f"/{page}?q={quoted}&sort={quoted}&page={quoted}&scope={quoted}&next={quoted}&result={quoted}"
        for page in ("search", "audit", "models", "buckets", "users", "sign-in")
        for quoted in ("%22%27%3E%3Cxss-a%20onxss%3D1%3E",)
    ]  # fmt: skip
    for who, found in (*guests, ("root", extra), ("anonymous", extra)):
        for path in found:
            for headers in ({}, {"HX-Request": "true"}):
                if headers and "?" not in path and path.count("/") != 1:
                    continue  # only lists answer htmx with a fragment
                response = poisoned.client(who, api=False).get(path, headers=headers)
                assert response.status_code != 500, (who, path)
                if "html" not in response["Content-Type"] or response.streaming:
                    continue
                reader = Reader()
                reader.feed(response.content.decode())
                assert not reader.broken, (who, path, reader.broken[:2])
                shown += bool(reader.shown)
    assert shown > 60, "the pages do not show what was planted: the test proves nothing"


def test_forms_that_come_back_show_it_as_text(poisoned: World) -> None:
    for door in doors(poisoned):
        if door.api or door.method != "post":
            continue
        names = (
            "name",
            "description",
            "typed",
            "tag_key",
            "prefix",
            "boot_file",
            "reason",
            "user",
            "account",
            "document",
            "number",
            "region",
            "policy",
            "principals",
            "resources",
        )
        body = {**dict.fromkeys(names, poison.SHORT), "password": "x", "setup_token": "x"}
        response = knock(poisoned, "root", door, body=body)
        assert response.status_code != 500, door.name
        if "html" in response["Content-Type"]:
            reader = Reader()
            reader.feed(response.body.decode())
            assert not reader.broken, (door.name, reader.broken[:2])


def test_the_api_sends_it_as_json_that_no_browser_renders(poisoned: World) -> None:
    for door in doors(poisoned):
        if door.api and door.method == "get":
            response = knock(poisoned, "root", door)
            assert response.status_code != 500, door.name
            kind = response["Content-Type"].partition(";")[0]
            if kind.endswith("json"):
                json.loads(response.body)
            else:
                assert response["Content-Disposition"].startswith("attachment"), door.name


# -- in Chromium ---------------------------------------------------------------------------------

WATCH = """
window.__seen = [];
document.addEventListener('securitypolicyviolation',
  e => window.__seen.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample));
"""


@pytest.mark.browser
def test_no_page_runs_it_in_a_browser(poisoned: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages come from Django through Playwright's router, with their own headers: scripts, charts
    and fragments run as for a user, on rows that nobody else sees."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    ids = poisoned.ids
    wanted = [
        "/", "/search?q=xss", "/audit", "/security", "/patterns",
        *(f"/{slug}" for slug in ("buckets", "models", "services", "training-jobs", "users")),
        *(f"/{slug}/{pk}" for slug, pk in ids.items() if slug in poisoned.objects
          and slug != "share-invitations"),
        f"/training-jobs/{ids['training-jobs']}/metrics",
        f"/training-jobs/{ids['training-jobs']}/logs",
        f"/training-jobs/{ids['training-jobs']}/activity",
        f"/services/{ids['services']}/monitoring", f"/services/{ids['services']}/predict",
        f"/buckets/{ids['buckets']}/objects", f"/models/{ids['models']}/tags",
        f"/models/{ids['models']}/access", f"/share-units/{ids['share-units']}/principals",
        "/training-jobs/new", "/share-units/new", "/services/new",
    ]  # fmt: skip
    problems: list[str] = []
    held = connections["default"]
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        page = chromium.context(browser, base_url="http://127.0.0.1:8000").new_page()
        page.add_init_script(WATCH)
        page.on("dialog", lambda dialog: problems.append(f"dialog on {page.url}"))
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))

        def router(route: Route, request: Request) -> None:
            connections["default"] = held  # Playwright's loop would open another one
            answer(poisoned, route, request)

        page.route("**/*", router)
        for path in wanted:
            visit(page, path, problems)
        browser.close()
    assert not problems, "\n".join(problems)


def visit(page: Page, path: str, problems: list[str]) -> None:
    response = page.goto(path, wait_until="load")
    assert response is not None and response.status == 200, path
    if page.locator("canvas").count():
        page.locator("canvas").first.hover(force=True)  # tooltips are drawn from names
    seen = page.evaluate("window.__seen")
    made = page.evaluate(f"document.querySelectorAll('{poison.MARK}, [onxss], [onerror]').length")
    problems += [f"{path}: {text}" for text in seen]
    if made:
        problems.append(f"{path}: {made} elements made of text")


def answer(world: World, route: Route, request: Request) -> None:
    """One request of the browser, answered by Django; streams of live pages are left out."""
    url = urlsplit(request.url)
    if url.hostname != "127.0.0.1" or url.path.endswith("/live"):
        route.abort()
        return
    static = Path(__file__).resolve().parents[2] / url.path.lstrip("/")
    if url.path.startswith("/static/") and static.is_file():
        route.fulfill(path=static)
        return
    names = ("hx-request", "hx-boosted", "hx-target", "hx-current-url", "accept")
    headers = {k: v for k, v in request.headers.items() if k in names}
    target = f"{url.path}?{url.query}" if url.query else url.path
    client: Any = world.client("root", api=False)
    made = client.get(target, headers=headers)
    body = b"".join(made.streaming_content) if made.streaming else made.content
    route.fulfill(status=made.status_code, headers=dict(made.headers), body=body)
