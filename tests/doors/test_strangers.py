"""What another account owns answers like what does not exist: status, body, headers and work done.

Time is judged by the number of queries: a clock on a busy machine proves nothing either way.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.doors.knock import Door, doors, knock
from tests.doors.world import World

pytestmark = pytest.mark.django_db

#: everybody who has rights in his own account and none here
OUTSIDERS = ("other_root", "pending", "expired")
#: what differs between any two answers: CSRF tokens, request ids, decision ids, keys of forms
_NOISE = re.compile(r"\b(?:[A-Za-z0-9]{64}|[0-9a-f-]{36}|[0-9a-f]{32}|[0-9a-f]{16})\b")


def plain(response: Any, *ids: str) -> tuple[int, str, list[str]]:
    """What a caller can compare: status, the body without ids of this request, header names."""
    body = response.body.decode("utf-8", "replace")
    for text in ids:
        body = body.replace(text, "ID").replace(text.replace("-", ""), "ID")
    headers = sorted(
        f"{k}: {'' if k in ('X-Request-Id', 'Set-Cookie', 'Content-Length') else v}"
        for k, v in response.headers.items()
    )
    for text in ids:
        headers = [line.replace(text, "ID") for line in headers]
    return response.status_code, _NOISE.sub("", body), headers


def same(first: Any, second: Any, where: str) -> None:
    """Fails with the lines that differ."""
    assert (first[0], first[2]) == (second[0], second[2]), where
    lines = zip(first[1].splitlines(), second[1].splitlines(), strict=False)
    assert first[1] == second[1], f"{where}: {[pair for pair in lines if pair[0] != pair[1]][:3]}"


def of_objects(world: World) -> list[Door]:
    """Doors whose address names an object of the owner."""
    skip = {"token", "session", "attachment", "account"}
    ids = {value for key, value in world.ids.items() if key not in skip}
    return [d for d in doors(world) if any(f"/{pk}" in d.path for pk in ids)]


@pytest.mark.parametrize("who", OUTSIDERS)
def test_foreign_ids_read_like_random_ones(world: World, who: str) -> None:
    known = 0
    for door in of_objects(world):
        if door.slug == "share-invitations" and who == "pending":
            continue  # it is his own
        real = world.ids[door.slug]
        other = str(uuid.uuid4())
        knock(world, who, door, door.path.replace(real, other))  # caches are warm now
        with CaptureQueriesContext(connection) as first:
            mine = knock(world, who, door)
        with CaptureQueriesContext(connection) as second:
            nobodys = knock(world, who, door, door.path.replace(real, other))
        assert mine.status_code == 404, f"{door.name} for {who}"
        same(plain(mine, real, other), plain(nobodys, real, other), door.name)
        assert len(first) == len(second), f"{door.name}: more work for what is there"
        known += 1
    assert known > 200


def test_ids_that_are_no_uuid_of_a_type_read_the_same_too(world: World) -> None:
    """A model's id asked as a service's, a job's as a user's: no type tells on another."""
    for door in of_objects(world):
        if door.method == "get" and door.api:
            for slug in ("models", "services", "users"):
                if slug != door.slug:
                    path = door.path.replace(world.ids[door.slug], world.ids[slug])
                    assert knock(world, "other_root", door, path).status_code == 404, door.name


Body = Callable[[World, str], Any]
JOB = {
    "name": "another", "code_bucket": "mine", "code_prefix": "code", "boot_file": "train.py",
    "engine": "python_3.11-sklearn-cpu", "inputs": [],
    "outputs": [{"name": "train_url", "bucket": "mine", "prefix": "o"}],
}  # fmt: skip
#: (door, slug whose id is smuggled or "bucket" for a name, body made with that id)
SMUGGLED: list[tuple[str, str, Body]] = [
    ("POST /api/v1/services", "models", lambda w, x: {"name": "a", "model": x}),
    ("POST /api/v1/models", "training-jobs", lambda w, x: {"name": "a", "training_job": x}),
    ("POST /api/v1/models", "bucket", lambda w, x: {"name": "a", "bucket": x, "prefix": "pkg"}),
    ("POST /api/v1/datasets", "bucket", lambda w, x: {
        "name": "another", "format": "files", "bucket": x, "prefix": "in"}),
    ("POST /api/v1/dataset-versions", "datasets", lambda w, x: {
        "dataset": x, "bucket": "data", "prefix": "in"}),
    ("POST /api/v1/training-jobs", "dataset-versions", lambda w, x: {
        **JOB, "inputs": [{"name": "data_url", "dataset_version": x}]}),
    ("POST /api/v1/training-jobs", "bucket", lambda w, x: {
        **JOB, "inputs": [{"name": "data_url", "bucket": x, "prefix": "in"}]}),
    ("POST /api/v1/training-jobs", "bucket", lambda w, x: {**JOB, "code_bucket": x}),
    ("POST /api/v1/training-jobs", "bucket", lambda w, x: {
        **JOB, "outputs": [{"name": "train_url", "bucket": x, "prefix": "o"}]}),
    ("POST /api/v1/share-units", "models", lambda w, x: {
        "name": "a", "resources": [{"type": "registry.model", "id": x}],
        "principals": [w.people["accepted"].user.account_id]}),
    ("POST /api/v1/share-units", "datasets", lambda w, x: {
        "name": "a", "resources": [{"type": "datasets.dataset", "id": x}],
        "principals": [w.people["accepted"].user.account_id]}),
    ("POST /api/v1/policy-attachments", "users", lambda w, x: {
        "policy": "Tenant Guest", "user": x}),
    ("POST /api/v1/policy-attachments", "groups", lambda w, x: {
        "policy": "Tenant Guest", "group": x}),
    ("POST /api/v1/policy-attachments", "agencies", lambda w, x: {
        "policy": "Tenant Guest", "agency": x}),
    ("POST /api/v1/policy-attachments", "policies", lambda w, x: {
        "policy": x, "user": str(w.people["other_root"].user.pk)}),
    ("POST /api/v1/agencies", "users", lambda w, x: {"name": "another", "grantee": x}),
    ("POST /api/v1/agencies", "policies", lambda w, x: {"name": "another", "policies": [x]}),
    ("POST /api/v1/users", "groups", lambda w, x: {"name": "another", "groups": [x]}),
    ("POST /services/new", "models", lambda w, x: {"name": "a", "model": x}),
    ("POST /models/new", "training-jobs", lambda w, x: {"name": "a", "training_job": x}),
    ("POST /dataset-versions/new", "datasets", lambda w, x: {"dataset": x, "bucket": "data"}),
    ("POST /share-units/new", "models", lambda w, x: {
        "name": "a", "resources": f"registry.model:{x}",
        "principals": w.people["accepted"].user.account_id}),
    ("POST /agencies/new", "users", lambda w, x: {"name": "another", "grantee": x}),
    ("POST /users/new", "groups", lambda w, x: {"name": "another", "groups": x}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "slug", "body"),
    SMUGGLED,
    ids=[f"{name} {slug} {at}" for at, (name, slug, _body) in enumerate(SMUGGLED)],
)
def test_foreign_ids_in_bodies_read_like_random_ones(
    world: World, name: str, slug: str, body: Body
) -> None:
    door = next(d for d in doors(world) if d.name == name)
    real = "data" if slug == "bucket" else world.ids[slug]
    other = "nada" if slug == "bucket" else str(uuid.uuid4())
    answers = []
    for text in (real, other):
        given = body(world, text)
        response = knock(world, "other_root", door, body=given)
        assert response.status_code >= 400, f"{name}: {response.body[:300]!r}"
        answers.append(plain(response, real, other))
    first, second = answers
    if slug == "bucket":
        first, second = (
            (s, b.replace("data", "B").replace("nada", "B"), h) for s, b, h in (first, second)
        )
    same(first, second, name)


def test_foreign_ids_in_queries_read_like_random_ones(world: World) -> None:
    for path, slug in (
        ("/api/v1/policy-attachments?user={}", "users"),
        ("/api/v1/policy-attachments?agency={}", "agencies"),
        ("/api/v1/audit-records?resource_id={}", "models"),
        ("/services/new?model={}", "models"),
        ("/models/new?training_job={}", "training-jobs"),
        ("/dataset-versions/new?dataset={}", "datasets"),
        ("/share-units/new?resources=registry.model:{}", "models"),
        ("/search?q={}", "models"),
    ):
        real, other = world.ids[slug], str(uuid.uuid4())
        client = world.client("other_root", api=path.startswith("/api/"))
        answers = []
        for text in (real, other):
            response = client.get(path.format(text))
            response.body = response.content
            answers.append(plain(response, real, other))
        same(*answers, path)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Modelyard-Region": "nowhere\tat all"},
        {"X-Modelyard-Account": "1234567890"},
        {"X-Original-URL": "/accounts"},
        {"X-Rewrite-URL": "/accounts"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"Forwarded": "for=127.0.0.1;host=evil.example"},
    ],
    ids=lambda h: next(iter(h)),
)
def test_headers_open_nothing(world: World, headers: dict[str, str]) -> None:
    for path, wanted in (
        (f"/api/v1/models/{world.ids['models']}", 404),
        (f"/models/{world.ids['models']}", 404),
        ("/accounts", 403),
        ("/setup", 404),
    ):
        client = world.client("other_root", api=path.startswith("/api/"))
        response = client.get(path, headers=headers)
        assert response.status_code == wanted, (path, headers)
        shown = response.content.decode() + str(dict(response.headers))
        assert "evil.example" not in shown
    with transaction.atomic():
        root = world.client("root", api=True)
        root.post(f"/api/v1/models/{world.ids['models']}", headers=headers)
        assert root.get(f"/api/v1/models/{world.ids['models']}").status_code == 200
        transaction.set_rollback(True)


def test_a_foreign_host_name_is_refused_without_a_word(world: World) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "a@b", "localhost:80@evil.example"):
        for path in ("/sign-in", "/api/v1/me", "/setup", "/static/none.css"):
            response = world.client("anonymous", api=True).get(path, headers={"Host": host})
            assert response.status_code in (400, 404), (host, path)
            assert "evil.example" not in response.content.decode()
            assert "evil.example" not in json.dumps(dict(response.headers))
