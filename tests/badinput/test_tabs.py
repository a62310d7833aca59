"""Tabs that were left open: the object is gone, or the person has signed out meanwhile."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from console import screens
from core import registry
from tests.badinput.uniform import page
from tests.doors.world import World
from tests.storage import people

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def addresses(slug: str, pk: str) -> list[str]:
    spec = registry.spec_by_slug(slug)
    tabs = [tab.name for tab in screens.of(spec).tabs]
    return [f"/{slug}/{pk}", *(f"/{slug}/{pk}/{t}" for t in (*tabs, "activity", "tags", "access"))]


@pytest.mark.parametrize(
    "slug", ["buckets", "datasets", "models", "services", "training-jobs", "groups", "policies"]
)
def test_back_after_delete(world: World, slug: str) -> None:
    """Every tab of what is gone is 404, and each of its forms, sent again, changes nothing."""
    client, spec = world.client("root", api=False), registry.spec_by_slug(slug)
    obj = world.objects[slug]
    with transaction.atomic():
        spec.model._base_manager.filter(pk=obj.pk).update(name="gone-soon")
        copy = spec.model._base_manager.get(pk=obj.pk)
        copy.pk, copy.name = None, "soon-gone"
        copy.id = type(copy)._meta.pk.get_default()
        copy._state.adding = True
        copy.save(force_insert=True)
        form = {"typed": str(copy)}
        gone = client.post(f"/{slug}/{copy.pk}/delete", form, follow=True)
        assert gone.redirect_chain == [(f"/{slug}", 302)]
        assert "was deleted" in gone.content.decode()
        for path in addresses(slug, str(copy.pk)):
            assert "soon-gone" not in page(client.get(path), 404)
        again: list[tuple[str, dict[str, Any]]] = [
            ("delete", form),
            ("tags/save", {"tag_key": "a", "tag_value": "b"}),
            *((f"do/{verb.name}", {}) for verb in spec.verbs),
        ]
        if screens.of(spec).form and "update" in spec.actions:
            again.append(("edit", {"name": "new", "version": "1"}))
        for path, data in again:
            page(client.post(f"/{slug}/{copy.pk}/{path}", data), 404)
        assert not spec.model._base_manager.filter(pk=copy.pk).exists()
        transaction.set_rollback(True)


@pytest.fixture
def strict(world: World) -> Client:
    """A browser whose forms carry the CSRF token, as real ones do."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    people.sign_in(client, world.people["root"])
    return client


def token_of(client: Client, path: str) -> str:
    found = re.search(
        r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(path).content.decode()
    )
    assert found
    return found[1]


def test_a_form_sent_after_signing_out_says_so_and_changes_nothing(
    world: World, strict: Client
) -> None:
    """What was typed is still in the browser; the page says that nothing was changed, and how to
    send it again. It never pretends, and it never goes to an empty form."""
    group = f"/groups/{world.ids['groups']}"
    token = token_of(strict, "/groups/new")
    assert strict.post("/sign-out", {"csrfmiddlewaretoken": token}).status_code == 302
    for path, form in (
        ("/groups/new", {"name": "typed-for-an-hour"}),
        (f"{group}/edit", {"name": "renamed"}),
        (f"{group}/delete", {"typed": "team"}),
        (f"{group}/tags/save", {"tag_key": "a", "tag_value": "b"}),
    ):
        text = page(strict.post(path, {**form, "csrfmiddlewaretoken": token}), 403)
        assert "nothing was changed" in text and "sign in" in text, path
    model = registry.spec_by_slug("groups").model
    names = set(model._base_manager.values_list("name", flat=True))
    assert "typed-for-an-hour" not in names and "team" in names


def test_a_form_of_another_sign_in_is_refused(world: World, strict: Client) -> None:
    token = token_of(strict, "/groups/new")
    other = Client(enforce_csrf_checks=True)
    people.sign_in(other, world.people["other_root"])
    form = {"name": "theirs", "csrfmiddlewaretoken": token}
    assert "nothing was changed" in page(other.post("/groups/new", form), 403)


def test_calls_of_a_page_after_signing_out(world: World) -> None:
    """Fragments lead to the sign-in page and back; uploads and streams are told in JSON."""
    client = Client()
    fragment = client.get("/groups", headers={"HX-Request": "true"})
    assert fragment.status_code == 401
    assert fragment["HX-Redirect"] == "/sign-in?next=%2Fgroups"
    whole = client.get("/groups?q=x&page=2")
    assert whole.status_code == 302
    assert whole["Location"] == "/sign-in?next=/groups%3Fq%3Dx%26page%3D2"
    upload = client.put("/api/v1/buckets/data/objects/x", b"bytes")
    assert upload.status_code == 401 and upload.json()["error_code"] == "NOT_AUTHENTICATED"


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_nowhere_else(world: World, target: str) -> None:
    client = Client()
    answer = client.get("/sign-in", {"next": target})
    assert answer.status_code == 200
    found = re.findall(r'(?:href|action)="([^"]+)"', answer.content.decode())
    assert not [link for link in found if "evil" in link or "javascript" in link]
