"""Browsers: CSRF, cookies, headers, redirects, and what ends a session."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.urls import reverse

from accounts.account.models import Account
from accounts.signin import services as signin
from ops.log import LineFormatter
from tests.accounts import make
from tests.doors.knock import doors
from tests.doors.world import World

pytestmark = pytest.mark.django_db

EVIL = (
    "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
    "https:evil.example", "http:///evil.example", "javascript:alert(1)", "java\tscript:alert(1)",
    "data:text/html,x", "///evil.example", "/\t/evil.example", "/%09/evil.example@x\n",
    " //evil.example", "https://127.0.0.1@evil.example", "//evil.example/%2f..", "/\r\nX-Evil: 1",
)  # fmt: skip


@pytest.fixture
def account(db: None) -> Account:
    return make.account("doorkeeper")


def token_of(client: Client, path: str = "/sign-in") -> str:
    found = re.search(
        r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(path).content.decode()
    )
    assert found
    return found[1]


def sign_in(client: Client, account: Account, **extra: Any) -> Any:
    return client.post(
        "/sign-in",
        {
            "account": account.name,
            "password": make.PASSWORD,
            "csrfmiddlewaretoken": token_of(client),
            **extra,
        },
    )


# -- CSRF --------------------------------------------------------------------------------------


def test_every_unsafe_page_wants_the_csrf_token(world: World) -> None:
    """All of them, found by walking the routes; nothing happens without the token."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies = world.client("root", api=False).cookies
    tried = 0
    for door in doors(world):
        if door.api or door.method == "get":
            continue
        body = {"csrfmiddlewaretoken": "x" * 64} if tried % 3 == 1 else {}
        headers = {"X-CSRFToken": "y" * 64} if tried % 3 == 2 else {}
        response = client.post(door.path, body, headers=headers)
        assert response.status_code == 403, door.name
        assert b"out of date" in response.content, door.name
        tried += 1
    assert tried > 80


def test_the_api_wants_it_from_a_browser_and_not_from_a_bearer(world: World) -> None:
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.cookies = world.client("root", api=False).cookies
    tried = 0
    for door in doors(world):
        if not door.api or door.method == "get" or "/auth/" in door.path or "setup" in door.path:
            continue
        response = browser.generic(door.method.upper(), door.path, "{}", "application/json")
        assert response.status_code == 403, (door.name, response.content)
        assert "CSRF" in response.json()["error_msg"], door.name
        tried += 1
    assert tried > 40
    bearer = Client(
        enforce_csrf_checks=True, headers={"Authorization": f"Bearer {world.bearers['root']}"}
    )
    made = bearer.post("/api/v1/groups", {"name": "team2"}, content_type="application/json")
    assert made.status_code == 201


def test_a_bearer_does_not_borrow_the_session(world: World) -> None:
    """A wrong bearer beside a good session is nobody; a bearer opens no page."""
    client = Client()
    client.cookies = world.client("root", api=False).cookies
    assert client.get("/api/v1/me").status_code == 200
    for value in ("Bearer my_x", "Bearer", "Basic cm9vdDpyb290", "bearer " + "x" * 60, "Token a"):
        assert client.get("/api/v1/me", headers={"Authorization": value}).status_code == 401
    only = Client(headers={"Authorization": f"Bearer {world.bearers['root']}"})
    assert only.get("/buckets").status_code == 302


# -- cookies and sessions ------------------------------------------------------------------------


def test_the_session_changes_at_sign_in_and_at_a_new_password(account: Account) -> None:
    client = Client(enforce_csrf_checks=True)
    token_of(client)
    before = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert sign_in(client, account).status_code == 302
    signed_in = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert signed_in != before
    stolen = Client()
    stolen.cookies[settings.SESSION_COOKIE_NAME] = before
    assert stolen.get("/").status_code == 302
    stolen.cookies[settings.SESSION_COOKIE_NAME] = signed_in
    assert stolen.get("/").status_code == 200
    new = "four words that nobody guesses"
    body = {
        "old": make.PASSWORD, "new": new, "again": new,
        "csrfmiddlewaretoken": token_of(client, "/password"),
    }  # fmt: skip
    assert client.post("/password", body).status_code == 302
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != signed_in
    assert client.get("/").status_code == 200
    assert stolen.get("/").status_code == 302


def test_signing_out_ends_the_session_on_the_server(account: Account) -> None:
    client = Client()
    sign_in(client, account)
    copy = Client()
    copy.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert copy.get("/").status_code == 200
    assert client.get("/sign-out").status_code == 405
    client.post("/sign-out")
    assert copy.get("/").status_code == 302


def test_cookies_are_closed(account: Account) -> None:
    client = Client()
    sign_in(client, account)
    for name in (settings.SESSION_COOKIE_NAME, signin.DEVICE_COOKIE):
        cookie = client.cookies[name]
        assert cookie["httponly"] and cookie["samesite"] == "Lax" and not cookie["domain"]
    assert "csrftoken" not in client.cookies  # it lives in the session


@override_settings(
    BEHIND_TLS=True,
    SESSION_COOKIE_NAME="__Host-modelyard",
    SESSION_COOKIE_SECURE=True,
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    SECURE_HSTS_SECONDS=31_536_000,
)
def test_behind_tls_cookies_are_secure_and_hsts_is_sent(account: Account) -> None:
    client = Client(headers={"X-Forwarded-Proto": "https"})
    answer = sign_in(client, account)
    assert answer.status_code == 302
    for name in ("__Host-modelyard", signin.DEVICE_COOKIE):
        cookie = client.cookies[name]
        assert cookie["secure"] and cookie["httponly"] and cookie["path"] == "/"
        assert not cookie["domain"]
    assert "max-age=31536000" in answer["Strict-Transport-Security"]


def test_settings_for_tls_belong_together() -> None:
    """What the overrides above assume is what the settings do with a https address."""
    text = (settings.BASE_DIR / "console/settings/__init__.py").read_text()
    for line in (
        'SESSION_COOKIE_NAME = "__Host-modelyard" if BEHIND_TLS',
        "SESSION_COOKIE_SECURE = BEHIND_TLS",
        "SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS",
    ):
        assert line in text


# -- headers -------------------------------------------------------------------------------------


def assert_safe(response: Any, where: str) -> None:
    policy = response["Content-Security-Policy"]
    assert ("unsafe-" not in policy and "frame-ancestors 'none'" in policy) or "sandbox" in policy
    assert "default-src" in policy and "*" not in policy, where
    assert response["X-Content-Type-Options"] == "nosniff", where
    assert response["X-Frame-Options"] == "DENY", where
    assert response["Referrer-Policy"] == "same-origin", where
    assert response["Cross-Origin-Opener-Policy"] == "same-origin", where
    assert response["X-Request-Id"], where
    assert "Server" not in response and "X-Powered-By" not in response, where


def test_every_answer_has_safe_headers(world: World) -> None:
    """Pages, API, downloads, streams, static files, errors of every kind."""
    paths = {door.path for door in doors(world) if door.method == "get"}
    extra = ("/no/such/page", "/api/v1/none", "/static/none.css", "/buckets/not-a-uuid")
    for who, every in (("root", 1), ("anonymous", 8), ("other_root", 8)):
        for path in (*sorted(paths)[::every], *extra):
            response = world.client(who, api=path.startswith("/api/")).get(path)
            if getattr(response, "streaming", False):
                b"".join(response.streaming_content)
            assert_safe(response, f"{path} for {who}")
            if not path.startswith("/static/"):
                cache = response["Cache-Control"]
                assert "no-store" in cache or ("private" in cache and "no-cache" in cache), path
    refused = Client().get("/sign-in", headers={"Host": "evil.example"})
    assert refused.status_code == 400
    assert_safe(refused, "a refused host")
    static = Client().get("/static/css/app.css")
    assert_safe(static, "a static file")


def test_a_crash_says_nothing_and_has_safe_headers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core import access

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("the secret reason: hunter2")

    monkeypatch.setattr(access, "authorize", broken)
    for path in ("/buckets", "/api/v1/buckets"):
        response = world.client("root", api=path.startswith("/api/")).get(path)
        assert response.status_code == 500
        text = response.content.decode()
        assert "hunter2" not in text and "Traceback" not in text and "RuntimeError" not in text
        assert_safe(response, path)


# -- redirects -----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", EVIL)
def test_no_redirect_leaves_the_house(account: Account, target: str) -> None:
    client = Client()
    for response in (
        client.get("/sign-in", {"next": target}),
        sign_in(client, account, next=target),
        client.get("/sign-in", {"next": target}),
        client.post("/region", {"region": "cn-north-1", "next": target}),
        client.post("/i18n/setlang/", {"language": "en", "next": target}),
    ):
        location = response.headers.get("Location", "/")
        assert re.match(r"/(?![/\\])", location), (target, location)
        assert "://" not in location and "script:" not in location
        assert "X-Evil" not in response.headers
        if response.status_code == 200:
            assert 'value="' + target.strip() not in response.content.decode()


def test_where_to_go_on_is_quoted() -> None:
    for path in ("/%0d%0aX-Evil:%201", "/search%0d%0aX-Evil: 1", "/buckets?x=%0d%0aX-Evil:1"):
        for headers in ({}, {"HX-Request": "true"}):
            response = Client().get(path, headers=headers)
            assert "X-Evil" not in response.headers
            for value in response.headers.values():
                assert "\n" not in value and "\r" not in value
    moved = Client().get("//evil.example/..")
    assert not moved.headers.get("Location", "").startswith("//")


def test_request_ids_of_callers_are_taken_only_where_harmless() -> None:
    for given in ("a b c d e f g h", "short", "x" * 65, "<script>alert(1)</script>", "abcdefgh\n"):
        answer = Client().get("/healthz", headers={"X-Request-Id": given})
        assert answer["X-Request-Id"] != given
        assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-Id"])
    assert Client().get("/healthz", headers={"X-Request-Id": "trace-0815"})["X-Request-Id"] == (
        "trace-0815"
    )


# -- the log -------------------------------------------------------------------------------------


def test_nobody_forges_a_line_of_the_log(account: Account) -> None:
    formatter = settings.LOGGING["formatters"]["line"]
    assert formatter["()"] == "ops.log.LineFormatter"
    made = LineFormatter(formatter["format"], style="{")
    forged = "x\n2026-01-01 00:00:00 INFO modelyard root signed in\r\x1b[2Jy\u2028z"
    try:
        raise ValueError(forged)
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("a", logging.INFO, "f", 1, "user %s", (forged,), info)
    first, *rest = made.format(record).split("\n")
    assert "\\n2026" in first and "\\x1b" in first and "\\u2028" in first
    assert rest and all(line.startswith("    ") for line in rest)
    assert "\x1b" not in "".join(rest) and "\r" not in "".join(rest)


def test_hostile_sign_ins_leave_one_plain_row_each(account: Account) -> None:
    from core.models import AuditRecord

    agent = "evil\x1b[31m\u2028agent" + "x" * 500
    Client().post(
        "/sign-in",
        {"account": account.name, "user": "a\x0bb", "password": "guess"},
        headers={"User-Agent": agent, "X-Request-Id": "a\tb"},
    )
    for row in AuditRecord.objects.all():
        text = json.dumps([row.actor_label, row.message, row.resource_name, row.request_id])
        assert not re.search(r"\\u00[01]|\\n|\\u2028|\\t", text), text


def test_addresses_of_signed_out_people_are_the_sign_in_page() -> None:
    assert reverse("accounts:sign-in") == settings.LOGIN_URL
