"""The tags of a bucket count for what is in it: listing, reading, writing, deleting."""

from __future__ import annotations

import io
from typing import Any

import pytest

from accounts.engine import default_catalog
from core.errors import AccessDenied
from storage.bucket import services as buckets
from storage.object import listing
from storage.object import services as objects
from tests.accounts import make
from tests.accounts.make import statement

pytestmark = pytest.mark.django_db
BLUE = {"StringEquals": {"g:ResourceTag/team": ["blue"]}}


@pytest.fixture
def owner() -> Any:
    found = make.account()
    root = make.actor(make.root_of(found))
    for name, team in (("blue-one", "blue"), ("red-one", "red")):
        buckets.create(root, {"name": name, "tags": {"team": team}})
        for key in ("a", "b/c"):
            put(root, name, key)
    return found


def put(actor: Any, bucket: str, key: str) -> None:
    objects.put_object(actor, bucket, key, io.BytesIO(b"x"), size=1)


def acts(actor: Any, bucket: str) -> dict[str, bool]:
    """Which acts on a bucket's contents go through."""

    def tried(act: Any) -> bool:
        try:
            act()
        except AccessDenied:
            return False
        return True

    return {
        "list": tried(lambda: listing.list_objects(actor, bucket)),
        "get": tried(lambda: listing.get_object(actor, bucket, "a")),
        "put": tried(lambda: put(actor, bucket, "new")),
        "delete": tried(lambda: objects.delete_object(actor, bucket, "b/c")),
    }


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_tag_reaches_every_act_on_the_contents(owner: Any, effect: str) -> None:
    li = make.user(owner)
    if effect == "Deny":
        make.attach(li, statement("Allow", "obs:*:*"))
    make.attach(li, statement(effect, "obs:*:*", Condition=BLUE))
    actor = make.actor(li)
    assert set(acts(actor, "blue-one").values()) == {effect == "Allow"}
    assert set(acts(actor, "red-one").values()) == {effect == "Deny"}


def test_rows_of_a_listing_and_many_at_once(owner: Any) -> None:
    """Listing is allowed, reading and deleting only in buckets without the tag."""
    li = make.user(owner)
    make.attach(li, statement("Allow", "obs:*:*"))
    make.attach(li, statement("Deny", "obs:object:GetObject", Condition=BLUE))
    actor = make.actor(li)
    seen = {
        b: [o.key for o in listing.list_objects(actor, b).items] for b in ("blue-one", "red-one")
    }
    assert seen == {"blue-one": [], "red-one": ["a", "b/c"]}
    make.attach(
        li,
        statement(
            "Deny",
            "obs:object:DeleteObject",
            Condition={"StringEquals": {"g:ResourceTag/team": ["red"]}},
        ),
    )
    done = objects.delete_prefix(actor, "red-one", "b/")
    assert (done.deleted, done.kept_count) == (0, 1)


def test_paths_and_tags_together(owner: Any) -> None:
    li = make.user(owner)
    make.attach(li, statement("Allow", "obs:bucket:ListBucket"))
    where = ["obs:*:*:object:*/b/*"]
    make.attach(li, statement("Allow", "obs:object:GetObject", Resource=where, Condition=BLUE))
    actor = make.actor(li)
    assert [o.key for o in listing.list_objects(actor, "blue-one").items] == ["b/c"]
    assert listing.list_objects(actor, "red-one").items == []


def test_a_bucket_tagged_while_bytes_come_is_asked_about_as_it_is_then(owner: Any) -> None:
    li = make.user(owner)
    make.attach(li, statement("Allow", "obs:*:*"))
    make.attach(li, statement("Deny", "obs:object:PutObject", Condition=BLUE))
    root = make.actor(make.root_of(owner))

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            bucket = listing.queries.own_bucket(root, "red-one")
            if bucket.tags != {"team": "blue"}:
                buckets.update(root, bucket, {"tags": {"team": "blue"}})
            return super().read(size)

    with pytest.raises(AccessDenied):
        objects.put_object(make.actor(li), "red-one", "late", Slow(b"x"), size=1)


def test_the_catalogue_knows_the_key() -> None:
    assert default_catalog().key("g:ResourceTag/team") is not None
