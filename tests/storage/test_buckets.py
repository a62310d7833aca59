"""Buckets: names, pages, purge, what uses them, and what a delete must not break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client

from accounts import facts
from core.errors import Conflict, ValidationFailed
from core.models import AuditRecord
from storage.bucket import services as buckets
from storage.bucket import use
from storage.bucket.models import Bucket
from storage.object import services as objects
from storage.object.models import StoredObject
from tests.storage import people
from tests.storage.people import Person, statement
from tests.training import jobs

pytestmark = pytest.mark.postgresql

Api = Callable[[Person], Client]


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "A-bucket",
        "a_b_c",
        "-abc",
        "abc-",
        "a..b",
        "a.-b",
        "192.168.1.1",
        "x" * 64,
        "é-bucket",
    ],
)
def test_bad_names_are_refused(alice: Person, api: Api, name: str) -> None:
    answer = api(alice).post("/api/v1/buckets", {"name": name}, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["problems"][0]["field"] == "name"


def test_names_are_unique_in_an_account_only(alice: Person, mallory: Person) -> None:
    people.bucket(alice, "team1")
    people.bucket(mallory, "team1")
    with pytest.raises(ValidationFailed) as refused:
        people.bucket(alice, "team1")
    assert "already" in refused.value.message


def test_by_name_and_by_id(alice: Person, api: Api) -> None:
    made = people.bucket(alice)
    client = api(alice)
    by_name = client.get("/api/v1/buckets/team1").json()
    assert by_name == client.get(f"/api/v1/buckets/{made.pk}").json()
    etag = client.get("/api/v1/buckets/team1")["ETag"]
    changed = client.patch(
        "/api/v1/buckets/team1",
        {"description": "pictures"},
        content_type="application/json",
        headers={"If-Match": etag},
    )
    assert (changed.status_code, changed.json()["description"]) == (200, "pictures")
    renamed = client.patch(
        "/api/v1/buckets/team1",
        {"name": "other"},
        content_type="application/json",
        headers={"If-Match": changed["ETag"]},
    )
    assert renamed.status_code == 400


def test_only_an_empty_bucket_goes_and_purge_empties_it(
    alice: Person, api: Api, var_dir: Path, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    people.bucket(alice)
    for number in range(5):
        people.put(alice, "team1", f"d/{number}", b"1")
    client = api(alice)
    refused = client.delete("/api/v1/buckets/team1")
    assert (refused.status_code, refused.json()["error_code"]) == (409, "BUCKET_NOT_EMPTY")
    assert refused.json()["objects"] == 5
    with django_capture_on_commit_callbacks(execute=True):
        assert (
            client.post("/api/v1/buckets/team1/purge", content_type="application/json").status_code
            == 200
        )
    assert [p for p in (var_dir / "objects").rglob("*") if p.is_file()] == []
    assert client.delete("/api/v1/buckets/team1").status_code == 204
    assert client.get("/api/v1/buckets/team1").status_code == 404
    events = AuditRecord.objects.values_list("event", flat=True)
    assert {"createBucket", "putObject", "deleteObject", "purgeBucket", "deleteBucket"} <= set(
        events
    )


def test_purge_is_all_or_nothing(alice: Person, reader: Callable[..., Person]) -> None:
    made = people.bucket(alice)
    for key in ("a", "keep/b"):
        people.put(alice, "team1", key, b"1")
    bob = reader(
        statement("Allow", "obs:bucket:*", "obs:object:*"),
        statement("Deny", "obs:object:DeleteObject", resources=["obs:*:*:object:team1/keep/*"]),
    )
    from core import services

    with pytest.raises(Conflict) as refused:
        services.perform(bob.actor, made, "purge", {})
    assert refused.value.code == "NOT_PURGED"
    assert StoredObject.objects.unscoped("test").count() == 2


@pytest.mark.parametrize(
    ("prefix", "covered"),
    [
        ("", {"in/a", "inner", "in", "x"}),
        ("in/", {"in/a"}),
        ("in", {"in/a", "in"}),
        ("in/a", {"in/a"}),
        ("i", set()),
    ],
)
def test_what_a_use_covers(prefix: str, covered: set[str]) -> None:
    assert {key for key in ("in/a", "inner", "in", "x") if use.covers(prefix, key)} == covered


def test_what_is_in_use_is_not_deleted_and_is_named(alice: Person) -> None:
    people.bucket(alice)
    jobs.job(alice, "reads-team1", inputs=[{"name": "data", "bucket": "team1", "prefix": "in/"}])
    for key in ("in/a", "inner", "out/b"):
        people.put(alice, "team1", key, b"1")
    with pytest.raises(Conflict) as refused:
        objects.delete_object(alice.actor, "team1", "in/a")
    assert refused.value.code == "IN_USE"
    assert "reads-team1" in refused.value.message
    objects.delete_object(alice.actor, "team1", "inner")
    done = objects.delete_prefix(alice.actor, "team1", "")
    assert (done.deleted, [k["error_code"] for k in done.kept]) == (1, ["IN_USE"])
    people.put(alice, "team1", "in/a", b"2")  # replacing is no delete
    client = Client()
    people.sign_in(client, alice)
    made = Bucket.objects.unscoped("test").get(name="team1")
    page = client.get(f"/buckets/{made.pk}/used-by")
    assert b"reads-team1" in page.content
    assert b"In use right now" in client.get(f"/buckets/{made.pk}/delete").content


def test_deleting_many_costs_as_many_statements_as_one(alice: Person) -> None:
    """On SQLite nobody else writes meanwhile; the trail has a row for each all the same."""
    people.bucket(alice)
    counts = []
    for number in (1, 40):
        for key in range(number):
            people.put(alice, "team1", f"{number}/{key}", b"1")
        asked = 0

        def count(execute: Any, *given: Any) -> Any:
            nonlocal asked
            asked += 1
            return execute(*given)

        before = AuditRecord.objects.filter(event="deleteObject").count()
        with facts.remembered(), connection.execute_wrapper(count):
            done = objects.delete_prefix(alice.actor, "team1", f"{number}/")
        told = AuditRecord.objects.filter(event="deleteObject").count() - before
        assert done.deleted == told == number
        counts.append(asked)
    assert counts[1] <= counts[0] + 2, counts


def test_pages_walk_folders_and_delete(alice: Person) -> None:
    made = people.bucket(alice)
    for key in ("a/b/1", "a/2", "a/<script>.txt", "top", "z & z/1"):
        people.put(alice, "team1", key, b"1")
    client = Client()
    people.sign_in(client, alice)
    base = f"/buckets/{made.pk}"
    assert client.get("/buckets").status_code == 200
    assert b"curl" in client.get(base).content
    top = client.get(f"{base}/objects").content.decode()
    assert "prefix=a%2F" in top
    assert "prefix=z+%26+z%2F" in top
    assert "/api/v1/buckets/team1/objects/top" in top
    inside = client.get(f"{base}/objects?prefix=a/").content.decode()
    assert "<script>.txt" not in inside
    assert "&lt;script&gt;.txt" in inside
    assert "/api/v1/buckets/team1/objects/a/2" in inside
    assert client.get(f"{base}/objects?prefix=../").status_code == 200
    gone = client.post(f"{base}/x/remove", {"key": ["a/2", "nothing"], "prefix": "a/"})
    assert gone.status_code == 302
    assert gone["Location"].endswith("?prefix=a%2F")
    assert not StoredObject.objects.unscoped("test").filter(key="a/2").exists()


def test_keys_that_may_not_be_removed_are_told(alice: Person) -> None:
    made = people.bucket(alice)
    for key in ("a", "b"):
        people.put(alice, "team1", key, b"1")
    may_look = people.statement("Allow", "obs:bucket:*", "obs:object:GetObject")
    client, page = Client(), f"/buckets/{made.pk}/x/remove"
    people.sign_in(client, people.user(alice, "looks", [may_look]))
    assert client.post(page, {"key": ["a", "b"]}).status_code == 302
    told = [
        str(message) for message in get_messages(client.get(f"/buckets/{made.pk}").wsgi_request)
    ]
    assert [text[:3] for text in told] == ["a: ", "b: "]
    assert client.post(page, {"key": "a"}).status_code == 403
    people.sign_in(client, alice)
    for bad in ("../x", "", "a//b"):
        assert client.post(page, {"key": bad}).status_code == 400
        assert client.post(page, {"key": ["a", bad]}).status_code == 400
    assert StoredObject.objects.unscoped("test").count() == 2


def test_empty_bucket_says_what_to_do(alice: Person) -> None:
    made = people.bucket(alice)
    client = Client()
    people.sign_in(client, alice)
    page = client.get(f"/buckets/{made.pk}/objects").content.decode()
    assert "Nothing here yet" in page
    assert 'data-put-url="/api/v1/buckets/team1/objects/{key}"' in page
    assert client.get(f"/buckets/{made.pk}/used-by").status_code == 200


def test_folder_pages_are_cut_and_continue(alice: Person) -> None:
    from storage.object import listing

    people.bucket(alice)
    keys = [f"d{n:02d}/{i}" for n in range(6) for i in range(3)] + ["d00", "d05x", "zz"]
    for key in keys:
        people.put(alice, "team1", key, b"1")
    seen: list[str] = []
    marker = ""
    while True:
        page = listing.list_objects(alice.actor, "team1", delimiter="/", limit=2, marker=marker)
        seen += sorted([*page.prefixes, *(row.key for row in page.items)])
        if page.next_marker is None:
            break
        marker = page.next_marker
    assert seen == sorted({f"d{n:02d}/" for n in range(6)} | {"d00", "d05x", "zz"})
    flat: list[str] = []
    marker = ""
    while True:
        page = listing.list_objects(alice.actor, "team1", limit=4, marker=marker)
        flat += [row.key for row in page.items]
        if page.next_marker is None:
            break
        marker = page.next_marker
    assert flat == sorted(keys)


def test_folders_larger_than_a_batch_are_stepped_over(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage.object import listing

    monkeypatch.setattr(listing, "_BATCH", 3)
    people.bucket(alice)
    for key in [f"big/{n}" for n in range(10)] + ["a", "bih", "c/1"]:
        people.put(alice, "team1", key, b"1")
    page = listing.list_objects(alice.actor, "team1", delimiter="/")
    assert (page.prefixes, [r.key for r in page.items]) == (["big/", "c/"], ["a", "bih"])


def test_quota(alice: Person) -> None:
    from core.errors import QuotaExceeded
    from core.models import Quota

    Quota.objects.create(account_id=alice.actor.account_id, key="buckets", limit=1)
    people.bucket(alice, "one-bucket")
    with pytest.raises(QuotaExceeded):
        people.bucket(alice, "two-bucket")
    with pytest.raises(ValidationFailed):
        buckets.update(alice.actor, Bucket.objects.unscoped("test").get(), {"name": "another"})
