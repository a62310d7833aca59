"""Another account's id anywhere in a request says exactly what a random id says."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from django.db import transaction

from tests.doors import knock
from tests.doors.knock import BODIES, Door
from tests.doors.world import World

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
RANDOM = str(uuid.UUID("5f3cde5c-6a0e-4b5a-8d11-2a6cfe1c7e01"))
_VOLATILE = re.compile(rb"[0-9a-f]{32}|[0-9A-Za-z]{64}")  # request ids, CSRF tokens


def blank(answer: Any, *ids: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body without what differs from request to request, or is the id."""
    body: bytes = answer.body
    for one in ids:
        body = body.replace(one.encode(), b"ID").replace(one.replace("-", "").encode(), b"ID")
    headers = {k: v for k, v in answer.headers.items() if k not in ("X-Request-Id",)}
    headers.pop("Content-Length", None)
    for key, value in headers.items():
        for one in ids:
            value = value.replace(one, "ID")
        headers[key] = value
    return answer.status_code, headers, _VOLATILE.sub(b"*", body)


def apart(one: tuple[int, Any, bytes], two: tuple[int, Any, bytes]) -> str:
    """Where the two begin to differ, "" where they do not."""
    if one[:2] != two[:2]:
        return f"{one[:2]} {two[:2]}"
    pairs = zip(one[2] + b"!", two[2] + b"!", strict=False)
    at = next((n for n, (a, b) in enumerate(pairs) if a != b), None)
    return "" if at is None else f"{one[2][at - 60 : at + 60]!r} {two[2][at - 60 : at + 60]!r}"


def of_objects(world: World) -> list[Door]:
    return [
        door for door in knock.doors(world)
        if (world.ids.get(door.slug, "?") in door.path or "/data/" in door.path)
    ]  # fmt: skip


def test_ids_in_the_address(world: World) -> None:
    """Every door of every object, page and API: the same status, headers and body."""
    wrong, seen = [], 0
    for door in of_objects(world):
        own = world.ids[door.slug] if world.ids[door.slug] in door.path else "data"
        other = RANDOM if own != "data" else "no-such-bucket"
        seen += 1
        theirs = knock.knock(world, "other_root", door)
        nobody = knock.knock(world, "other_root", door, door.path.replace(own, other, 1))
        if difference := apart(blank(theirs, own, other), blank(nobody, own, other)):
            wrong.append((door.name, theirs.status_code, nobody.status_code, difference))
        elif theirs.status_code < 400 and door.slug not in ("buckets",):
            wrong.append((door.name, theirs.status_code, "open"))
    assert not wrong, "\n".join(map(str, wrong))
    assert seen > 150


def post(world: World, path: str, body: Any, who: str = "other_root") -> Any:
    with transaction.atomic():
        answer = world.client(who, api=True).post(
            path, json.dumps(body), content_type="application/json"
        )
        answer.body = answer.content
        transaction.set_rollback(True)
    return answer


def walk(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], str]]:
    """Every text in a body with the way to it."""
    if isinstance(value, str):
        return [(path, value)]
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    if not isinstance(value, dict | list):
        return []
    return [found for key, one in parts for found in walk(one, (*path, key))]


def put(value: Any, path: tuple[Any, ...], text: str) -> Any:
    copy = json.loads(json.dumps(value))
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = text
    return copy


def test_ids_in_the_body(world: World) -> None:
    """Each id in each body of the doors, sent by the root of another account."""
    ids = {v: slug for slug, v in world.ids.items() if len(v) == 36}
    wrong, seen = [], 0
    for key, make in BODIES.items():
        method, _space, route = key.partition(" ")
        if method != "post" or "<" in route:
            continue
        body = make(world)
        for path, text in walk(body):
            if text not in ids and text not in ("data",):
                continue
            seen += 1
            other = RANDOM if text in ids else "no-such-bucket"
            theirs = post(world, f"/{route}", put(body, path, text))
            nobody = post(world, f"/{route}", put(body, path, other))
            if difference := apart(blank(theirs, text, other), blank(nobody, text, other)):
                wrong.append((key, path, difference))
            elif theirs.status_code < 400:
                wrong.append((key, path, theirs.status_code, "taken"))
    assert not wrong, "\n".join(map(str, wrong))
    assert seen >= 7


def test_accounts_and_users_as_members_and_grantees(world: World) -> None:
    """A user of another account can be put nowhere and be given nothing."""
    stranger = str(world.people["developer"].user.pk)
    for path, body in (
        ("/api/v1/agencies", {"name": "a", "grantee": stranger}),
        ("/api/v1/users", {"name": "u", "groups": [world.ids["groups"]]}),
        ("/api/v1/policy-attachments", {"policy": world.ids["policies"], "user": stranger}),
    ):
        text = next(t for _p, t in walk(body) if len(t) == 36)
        theirs = post(world, path, body)
        nobody = post(world, path, json.loads(json.dumps(body).replace(text, RANDOM)))
        assert theirs.status_code in (400, 404), (path, theirs.content)
        assert blank(theirs, text, RANDOM) == blank(nobody, text, RANDOM), path


def test_ids_in_the_query(world: World) -> None:
    client = world.client("other_root", api=True)
    ids = {slug: one for slug, one in world.ids.items() if len(one) == 36}
    for slug, one in ids.items():
        for path in (
            f"/api/v1/policy-attachments?user={one}",
            f"/api/v1/policy-attachments?group={one}",
            f"/api/v1/audit-records?resource_id={one}",
            f"/api/v1/dataset-versions?dataset={one}",
            f"/api/v1/training-jobs?q={one}",
            f"/api/v1/share-units?account={one}",
        ):
            theirs, nobody = client.get(path), client.get(path.replace(one, RANDOM))
            theirs.body, nobody.body = theirs.content, nobody.content
            assert blank(theirs, one, RANDOM) == blank(nobody, one, RANDOM), (slug, path)
    page = world.client("other_root", api=False)
    for one in ids.values():
        answer = page.get(f"/search?q={one}")
        assert f"/{one}" not in answer.content.decode()
        answer = page.get(f"/audit?q={one}")
        assert answer.status_code == 200


def test_ids_in_headers(world: World) -> None:
    """No header chooses another account or another caller."""
    client = world.client("other_root", api=True)
    path = f"/api/v1/models/{world.ids['models']}"
    plain = client.get(path)
    for name in ("X-Account-Id", "X-Project-Id", "X-User-Id", "X-Forwarded-User", "Remote-User",
                 "X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override"):  # fmt: skip
        value = world.owner.pk if "Account" in name else world.ids["models"]
        answer = client.get(path, headers={name: value})
        plain.body, answer.body = plain.content, answer.content
        assert blank(answer) == blank(plain), name
