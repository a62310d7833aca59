"""ETags and Idempotency-Keys that are stale, malformed, reused or raced; forms sent twice."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import transaction

from accounts.group.models import Group
from accounts.user.models import User
from console import screens
from core import registry
from tests.badinput.uniform import page, refusal
from tests.doors.world import World

pytestmark = pytest.mark.postgresql

JSON = "application/json"


def patch(world: World, slug: str, etag: str | None, body: Any = None) -> Any:
    headers = {} if etag is None else {"If-Match": etag}
    body = {"description": "changed"} if body is None else body
    with transaction.atomic():
        answer = world.client("root", api=True).patch(
            f"/api/v1/{slug}/{world.ids[slug]}",
            json.dumps(body),
            content_type=JSON,
            headers=headers,
        )
        transaction.set_rollback(True)
    return answer


def changeable() -> list[str]:
    return [s.slug for s in registry.all_specs() if "update" in s.actions and screens.of(s).viewset]


@pytest.mark.django_db
def test_stale_and_malformed_etags(world: World) -> None:
    """Every type: none 428, stale or nonsense 412, nothing changed; the current one works."""
    for slug in changeable():
        before = world.client("root", api=True).get(f"/api/v1/{slug}/{world.ids[slug]}")
        assert refusal(patch(world, slug, None), 428)["hint"]
        for etag in (
            'W/"999"', '"0"', "x", 'W/""', '"', "W/", "-1", '"1', "٣", "1e3", '"1", "2"',
            'W/"99999999999999999999999999999999"', "*, *", "\x7f", "'1'",
        ):  # fmt: skip
            body = refusal(patch(world, slug, etag), 412)
            assert body["error_code"] == "PRECONDITION_FAILED", (slug, etag, body)
        after = world.client("root", api=True).get(f"/api/v1/{slug}/{world.ids[slug]}")
        assert after["ETag"] == before["ETag"] and after.json() == before.json()
        assert patch(world, slug, before["ETag"]).status_code == 200, slug


@pytest.mark.django_db
def test_a_delete_with_a_stale_etag_deletes_nothing(world: World) -> None:
    for spec in registry.all_specs():
        if "delete" not in spec.actions:
            continue
        path = f"/api/v1/{spec.slug}/{world.ids[spec.slug]}"
        for etag in ('W/"999"', "nonsense"):
            answer = world.client("root", api=True).delete(path, headers={"If-Match": etag})
            refusal(answer, 412, 409)
            assert world.client("root", api=True).get(path).status_code == 200


def keyed(world: World, key: str, body: Any, path: str = "/api/v1/groups") -> Any:
    return world.client("root", api=True).post(
        path, json.dumps(body), content_type=JSON, headers={"Idempotency-Key": key}
    )


@pytest.mark.django_db
def test_idempotency_keys(world: World) -> None:
    """Malformed 400; same key and body replays; another body or path is a conflict; a refused
    first request leaves the key free."""
    for key in ("a b", "x" * 101, "é", "\x7f", "\t"):
        body = refusal(keyed(world, key, {"name": "k0"}), 400)
        assert body["problems"][0]["field"] == "Idempotency-Key", key
    refusal(keyed(world, "k1", {"name": "not a name"}), 400)
    first = keyed(world, "k1", {"name": "k1"})
    assert first.status_code == 201
    again = keyed(world, "k1", {"name": "k1"})
    assert again.json() == first.json() and again["Idempotency-Replayed"] == "true"
    other = refusal(keyed(world, "k1", {"name": "k2"}), 409)
    assert other["error_code"] == "IDEMPOTENCY_MISMATCH" and other["hint"]
    refusal(keyed(world, "k1", {"name": "k1"}, "/api/v1/buckets"), 409)
    stranger = world.client("other_root", api=True).post(
        "/api/v1/groups", '{"name": "k9"}', content_type=JSON, headers={"Idempotency-Key": "k1"}
    )
    assert stranger.status_code == 201, "keys are each user's own"


@pytest.mark.django_db
def test_a_user_form_sent_twice_shows_its_password_once(world: World) -> None:
    client = world.client("root", api=False)
    form = {"name": "twice", "once": "0" * 32}
    first, second = client.post("/users/new", form), client.post("/users/new", form)
    user = User.objects.unscoped("test").get(name="twice")
    assert first.status_code == 201
    assert (second.status_code, second["Location"]) == (302, f"/users/{user.pk}")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "form", "made"),
    [
        ("/security", {"name": "twice", "days": "7"}, "made one token"),
        ("/accounts", {"name": "twice"}, "made one account"),
        ("/users/new", {"name": "twice-too"}, "made one user"),
    ],
)
def test_a_form_with_a_secret_sent_twice_says_so(
    world: World, url: str, form: dict[str, str], made: str
) -> None:
    """The second answer has no secret and leads to where the made thing is listed."""
    client = world.client("operator" if url == "/accounts" else "root", api=False)
    once = re.search(r'name="once" value="([^"]+)"', client.get(url).content.decode())
    assert once
    body = {**form, "once": once[1]}
    first, second = client.post(url, body), client.post(url, body, follow=True)
    assert first.status_code == 201 and "data-secret" in first.content.decode()
    text = second.content.decode()
    assert (
        second.status_code == 200
        and made in text
        and form["name"] in text
        and "data-secret" not in text
    )


@pytest.mark.django_db
def test_a_refused_form_can_be_corrected_and_sent_again(world: World) -> None:
    client = world.client("root", api=False)
    text = page(client.post("/groups/new", {"name": "team", "once": "1" * 32}), 400, 409)
    assert "already" in text and 'value="team"' in text
    done = client.post("/groups/new", {"name": "team-2", "once": "1" * 32})
    assert done.status_code == 302


@pytest.mark.django_db
def test_a_stale_edit_form_keeps_what_was_typed(world: World) -> None:
    client = world.client("root", api=False)
    url = f"/groups/{world.ids['groups']}/edit"
    version = Group.objects.unscoped("test").get(pk=world.ids["groups"]).version
    assert client.post(url, {"name": "team", "version": version}).status_code == 302
    answer = client.post(
        url, {"name": "team", "description": "typed for an hour", "version": version}
    )
    text = page(answer, 412)
    assert "typed for an hour" in text and "Reload" in text


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["x", "-1", "9" * 40, "1.5", "", "٣", "²"])
def test_versions_that_are_none(world: World, version: str) -> None:
    """A hidden field that somebody changed: refused or taken as none, never an error."""
    client = world.client("root", api=False)
    base = f"/groups/{world.ids['groups']}"
    with transaction.atomic():
        for path, form in (
            ("edit", {"name": "team"}),
            ("delete", {"typed": "team"}),
            ("tags/save", {"tag_key": "a", "tag_value": "b"}),
        ):
            answer = client.post(f"{base}/{path}", {**form, "version": version})
            assert answer.status_code < 500, (path, answer.content[:200])
        transaction.set_rollback(True)
