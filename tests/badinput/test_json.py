"""Bodies of the API that are no JSON, too much JSON, or JSON that two readers read differently."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import transaction

from tests.badinput.uniform import refusal
from tests.doors.world import World

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
JSON = "application/json"
POLICY = b'{"name": "p2", "document": {"Version": "1.1", "Statement": [%s]}}'
ALLOW = b'"Effect": "Allow", "Action": ["obs:bucket:HeadBucket"]'

BODIES: dict[str, tuple[bytes, str, int, str]] = {
    "nothing at all": (b"", JSON, 400, "VALIDATION_FAILED"),
    "blank": (b"  \n ", JSON, 400, "BAD_JSON"),
    "cut": (b'{"name": "a', JSON, 400, "BAD_JSON"),
    "trailing comma": (b'{"name": "a",}', JSON, 400, "BAD_JSON"),
    "two documents": (b'{"name": "a"}{"name": "b"}', JSON, 400, "BAD_JSON"),
    "a list": (b"[]", JSON, 400, "VALIDATION_FAILED"),
    "a text": (b'"name"', JSON, 400, "VALIDATION_FAILED"),
    "a number": (b"7", JSON, 400, "VALIDATION_FAILED"),
    "null": (b"null", JSON, 400, "VALIDATION_FAILED"),
    "NaN": (b'{"name": NaN}', JSON, 400, "BAD_JSON"),
    "infinity": (b'{"name": -Infinity}', JSON, 400, "BAD_JSON"),
    "endless number": (b'{"name": %s}' % (b"9" * 10_000), JSON, 400, "BAD_JSON"),
    "repeated name": (b'{"name": "a", "name": "b"}', JSON, 400, "BAD_JSON"),
    "more members than 20,000": (b'{"name": [%s1]}' % (b"1," * 20_000), JSON, 400, "BAD_JSON"),
    "a number beyond all numbers": (b'{"name": 1e999}', JSON, 400, "BAD_JSON"),
    "10,000 levels of lists": (b"[" * 10_000 + b"]" * 10_000, JSON, 400, "BAD_JSON"),
    "10,000 levels, not closed": (b'{"a":' * 10_000, JSON, 400, "BAD_JSON"),
    "40 levels": (b'{"name":' + b"[" * 40 + b"]" * 40 + b"}", JSON, 400, "BAD_JSON"),
    "not UTF-8": (b'{"name": "\xff\xfe"}', JSON, 400, "BAD_JSON"),
    "an overlong slash": (b'{"name": "\xc0\xaf"}', JSON, 400, "BAD_JSON"),
    "a byte order mark": (b'\xef\xbb\xbf{"name": "a"}', JSON, 400, "BAD_JSON"),
    "UTF-16": ('{"name": "a"}'.encode("utf-16"), JSON, 400, "BAD_JSON"),
    "a charset not ours": (b'{"name": "a"}', JSON + "; charset=latin-1", 415, ""),
    "5 MB": (b'{"name": "%s"}' % (b"x" * 5_000_000), JSON, 413, "BODY_TOO_LARGE"),
    "a form": (b"name=a", "application/x-www-form-urlencoded", 415, ""),
    "a multipart form": (b"--x--", "multipart/form-data; boundary=x", 415, ""),
    "XML": (b"<name>a</name>", "application/xml", 415, ""),
    "no type": (b'{"name": "a"}', "", 415, ""),
    "an odd type": (b'{"name": "a"}', "\xff/;;=", 415, ""),
    "NUL in a name": (b'{"na\\u0000me": "a"}', JSON, 400, "VALIDATION_FAILED"),
    "NUL in a text": (b'{"name": "a\\u0000b"}', JSON, 400, "VALIDATION_FAILED"),
    "an escape sequence": (b'{"name": "\\u001b[31mred"}', JSON, 400, "VALIDATION_FAILED"),
    "half a surrogate pair": (b'{"name": "\\udc00"}', JSON, 400, "VALIDATION_FAILED"),
}


def post(world: World, data: bytes, kind: str, path: str = "/api/v1/groups") -> Any:
    with transaction.atomic():
        answer = world.client("root", api=True).generic("POST", path, data, content_type=kind)
        transaction.set_rollback(True)
    return answer


@pytest.mark.parametrize("name", BODIES)
def test_bad_bodies(world: World, name: str) -> None:
    data, kind, status, code = BODIES[name]
    body = refusal(post(world, data, kind), status)
    assert not code or body["error_code"] == code, body
    assert body.get("hint") or body.get("problems"), body


def test_every_unstorable_text_is_told_at_once(world: World) -> None:
    data = b'{"name": "a\\u0000", "tags": {"x": ["\\ud800", "fine"]}, "description": "\\u0007"}'
    body = refusal(post(world, data, JSON), 400)
    assert [p["field"] for p in body["problems"]] == ["name", "tags.x[0]", "description"]
    assert all(p["next"] for p in body["problems"])


@pytest.mark.parametrize(
    "statement",
    [
        b'{%s, "Effect": "Deny"}' % ALLOW,
        b'{%s, "Action": ["*"]}' % ALLOW,
        b'{%s}], "Statement": [{"Effect": "Allow", "Action": ["*"]}' % ALLOW,
    ],
)
def test_a_policy_with_repeated_keys_is_refused(world: World, statement: bytes) -> None:
    """Sent as an object and as text: neither reader chooses one of two."""
    whole = POLICY % statement
    body = refusal(post(world, whole, JSON, "/api/v1/policies"), 400)
    assert "more than once" in body["error_msg"]
    document = whole.partition(b'"document": ')[2][:-1]
    text = json.dumps({"name": "p2", "document": document.decode()}).encode()
    again = refusal(post(world, text, JSON, "/api/v1/policies"), 400)
    assert again["problems"], again


def test_verbs_without_input_take_none(world: World) -> None:
    """A verb that ignores its body would hide a mistake."""
    path = f"/api/v1/models/{world.ids['models']}/deprecate"
    body = refusal(post(world, b'{"force": true}', JSON, path), 400)
    assert body["problems"][0]["field"] == "force"
    refusal(post(world, b"{", JSON, path), 400)
    assert post(world, b"{}", JSON, path).status_code == 200
    assert post(world, b"", JSON, path).status_code == 200


def test_unknown_and_wrong_fields_are_told_together(world: World) -> None:
    data = b'{"nam": "x", "tags": [], "descripton": "y"}'
    body = refusal(post(world, data, JSON), 400)
    assert {p["field"] for p in body["problems"]} == {"name", "nam", "tags", "descripton"}


def test_a_body_in_pieces_is_told_to_send_its_length(world: World) -> None:
    answer = world.client("root", api=True).post(
        "/api/v1/groups", headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH=""
    )
    assert refusal(answer, 411)["error_code"] == "LENGTH_REQUIRED"


def test_a_get_with_a_body_ignores_it(world: World) -> None:
    client = world.client("root", api=True)
    answer = client.generic("GET", "/api/v1/groups", b"{broken", content_type=JSON)
    assert answer.status_code == 200


ODD = {
    "PUT": "/api/v1/groups",
    "DELETE": "/api/v1/groups",
    "PATCH": "/api/v1/me",
    "OPTIONS": "/api/v1/groups",
    "TRACE": "/api/v1/groups",
    "PROPFIND": "/api/v1/groups",
    "DISPATCH": "/api/v1/groups",
}


@pytest.mark.parametrize("method", ODD)
@pytest.mark.parametrize("who", ["root", "anonymous", "fresh"])
def test_methods_that_do_not_exist(world: World, method: str, who: str) -> None:
    answer = world.client(who, api=True).generic(method, ODD[method])
    assert refusal(answer, 405)["error_code"] == "METHOD_NOT_ALLOWED"
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/", "/api/v1", "/api/v1/", "/api/v2/me", "/api/v1/groups/", "/api/v1/no-such",
        "/api/v1/groups/1", "/api/v1/groups/x/y/z", "/api/v1/../admin", "/api/v1/%2e%2e/me",
        "/api/v1/policy-attachments/99999999999999999999999999", "/api/v1/groups/%F0%9F%A6%84",
        "/api/v1/engines/../prepare",
    ],
)  # fmt: skip
def test_addresses_that_do_not_exist(world: World, path: str) -> None:
    for who in ("root", "anonymous"):
        assert refusal(world.client(who, api=True).get(path), 404, 405)
