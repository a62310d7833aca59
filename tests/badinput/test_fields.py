"""Every field of every body of the API: missing, too long, of the wrong type, unstorable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.badinput.uniform import refusal
from tests.doors import knock
from tests.doors.knock import BODIES, Door
from tests.doors.world import World

#: JSON texts, because some of them no encoder would write
WRONG = {
    "null": "null",
    "true": "true",
    "number": "7",
    "huge number": "1" + "0" * 40,
    "fraction": "-1.5e300",
    "empty text": '""',
    "blank": '"  "',
    "long text": json.dumps("x" * 70_000),
    "control characters": '"a\\u0007\\u001b[31m\\u000b"',
    "nul": '"a\\u0000b"',
    "half a pair": '"a\\ud800"',
    "not a name": '"../../etc/passwd"',
    "markup": '"<script>alert(1)</script>{{7*7}}"',
    "list": "[]",
    "deep list": "[[[[]]]]",
    "list of odd things": '[null, 1, {}, "x"]',
    "object": "{}",
    "odd object": '{"": null, "a": {"b": []}}',
    "random id": '"7b0c5f0e-6f2b-4c8f-9b1a-0f5f7c1f7a11"',
}
PATCHES: dict[str, dict[str, Any]] = {
    "training-jobs": {"description": "x", "tags": {"a": "b"}, "priority": 2},
    "users": {"name": "x", "description": "x", "tags": {"a": "b"}, "email": "a@example.org"},
    "agencies": {"description": "x", "duration": "DAYS", "days": 3, "grantee": None},
    "policies": {
        "document": {
            "Version": "1.1",
            "Statement": [{"Effect": "Allow", "Action": ["obs:bucket:HeadBucket"]}],
        }
    },
    "share-units": {
        "name": "x", "valid_until": "2031-01-01T00:00:00Z", "add_resources": [],
        "remove_resources": [], "permissions": {}, "add_principals": [], "remove_principals": [],
    },
}  # fmt: skip
EXTRA = {  # optional fields that the doors' bodies leave out
    "post api/v1/datasets": {"classes": 10, "bucket": "data", "prefix": "in"},
    "post api/v1/services": {"flavor": "modelyard.cpu.1u", "pool": "public", "replicas": 1},
    "post api/v1/training-jobs": {
        "flavor": "modelyard.cpu.1u", "pool": "public", "hyperparameters": {"lr": "1"},
        "environment": {"A": "b"}, "max_duration": 60, "priority": 1,
    },
    "post api/v1/models": {"model_version": "0.0.2"},
    "post api/v1/users": {"email": "a@example.org", "groups": []},
    "post api/v1/agencies": {"duration": "DAYS", "days": 3, "grantee": None, "policies": []},
    "post api/v1/share-units": {
        "permissions": {}, "valid_until": "2031-01-01T00:00:00Z", "region": "cn-north-1",
    },
    "post api/v1/tokens": {"days": 3},
}  # fmt: skip
BESIDE = {"code_prefix": ["boot_file"], "bucket": ["boot_file"]}  # found to be wrong together
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def bodies(world: World) -> Iterator[tuple[Door, dict[str, Any]]]:
    """Every door of the API that reads a body, with one that passes."""
    for door in knock.doors(world):
        key = f"{door.method} {door.route}"
        if not door.api or door.method not in ("post", "patch"):
            continue
        if key in BODIES:
            body = BODIES[key](world) | EXTRA.get(key, {})
            if "name" in body and door.slug not in ("accounts", "tokens"):
                body |= {"description": "x", "tags": {"a": "b"}}
            yield door, body
        elif door.method == "patch":
            yield door, PATCHES.get(door.slug, {"description": "x", "tags": {"a": "b"}})


def send(world: World, door: Door, text: str) -> Any:
    headers = {"If-Match": "*"} if door.method == "patch" else {}
    with knock.transaction.atomic():
        answer = world.client("root", api=True).generic(
            door.method.upper(), door.path, text, content_type="application/json", headers=headers
        )
        knock.transaction.set_rollback(True)
    return answer


def with_field(body: dict[str, Any], name: str, text: str) -> str:
    rest = {k: v for k, v in body.items() if k != name}
    inside = json.dumps(rest)[1:-1]
    return "{" + ", ".join(part for part in (inside, f"{json.dumps(name)}: {text}") if part) + "}"


def test_wrong_values_are_refused_and_named(world: World) -> None:
    """A refusal names the field; nothing is an error of ours."""
    told, seen = [], 0
    for door, body in bodies(world):
        for name in body:
            for kind, text in WRONG.items():
                seen += 1
                answer = send(world, door, with_field(body, name, text))
                where = (door.name, name, kind, answer.status_code, answer.content[:300])
                if answer.status_code >= 500:
                    told.append(where)
                elif answer.status_code == 400:
                    fields = {p["field"] for p in refusal(answer).get("problems", ())}
                    if not any(f.startswith((name, *BESIDE.get(name, ()))) for f in fields):
                        told.append(where)
                elif answer.status_code >= 400:
                    refusal(answer, 403, 404, 409)
    assert not told, "\n".join(map(str, told))
    assert seen > 1000
