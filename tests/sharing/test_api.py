"""The sharing API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from core.actor import Actor
from sharing.unit.models import ShareUnit
from tests.sharing.conftest import KIND, Tenant, bearer, invitation_of, item, model_of, share

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


class Caller:
    """An API client with one person's token."""

    def __init__(self, actor: Actor) -> None:
        self.headers = bearer(actor)
        self.client = Client()

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = self.client.generic(
            method,
            f"/api/v1/{path}",
            json.dumps(body) if body is not None else "",
            content_type="application/json",
            headers={**self.headers, **headers},
        )
        answer.body = json.loads(answer.content) if answer.content else None
        return answer


def test_one_call_makes_a_unit(owner, consumer: Tenant, model) -> None:
    call = Caller(owner.root)
    body = {
        "name": "api",
        "resources": [item(model)],
        "permissions": {KIND: "ModelRead"},
        "principals": [consumer.id],
    }
    made = call("POST", "share-units", body, **{"Idempotency-Key": "k1"})
    assert made.status_code == 201, made.body
    assert made.body["resources"][0]["id"] == str(model.pk)
    assert made.body["permissions"] == [{"type": KIND, "name": "ModelRead", "version": 1}]
    (principal,) = made.body["principals"]
    assert principal["account_id"] == consumer.id and principal["state"] == "ASSOCIATING"
    assert principal["external"] is True
    same = call("POST", "share-units", body, **{"Idempotency-Key": "k1"})
    assert same.status_code == 201 and same.body["id"] == made.body["id"]
    other = call("POST", "share-units", {**body, "name": "b"}, **{"Idempotency-Key": "k1"})
    assert other.status_code in (400, 409, 422)
    assert ShareUnit.objects.unscoped("test").count() == 1
    listed = call("GET", "share-units")
    assert [u["id"] for u in listed.body["items"]] == [made.body["id"]]
    wrong = call("POST", "share-units", {**body, "name": "b", "principals": ["1", owner.id]})
    assert wrong.status_code == 400 and "id of an account" in json.dumps(wrong.body)


def test_change_impact_and_delete(owner, consumer: Tenant, model) -> None:
    second, call = model_of(owner, "second"), Caller(owner.root)
    unit = share(owner, [model], [consumer])
    url = f"share-units/{unit.pk}"
    change = {"add_resources": [item(second)], "remove_resources": [item(model)]}
    assert call("PATCH", url, change).status_code == 428
    etag = call("GET", url)["ETag"]
    done = call("PATCH", url, change, **{"If-Match": etag})
    assert done.status_code == 200, done.body
    states = {r["id"]: r["state"] for r in done.body["resources"]}
    assert states == {str(model.pk): "DISASSOCIATED", str(second.pk): "ASSOCIATED"}
    assert call("PATCH", url, change, **{"If-Match": etag}).status_code == 412
    Caller(consumer.root)("POST", f"share-invitations/{invitation_of(unit, consumer).pk}/accept")
    (loss,) = call("GET", f"{url}/impact").body["items"]
    assert loss["account_id"] == consumer.id and len(loss["rights"]) == 4
    assert call("DELETE", url).status_code == 204
    assert call("DELETE", url).status_code == 409
    assert call("GET", url).body["phase"] == "DELETED"


def test_answers(owner, consumer, stranger: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    call = Caller(consumer.root)
    (row,) = call("GET", "share-invitations").body["items"]
    assert row["phase"] == "PENDING" and row["contents"] == []
    url = f"share-invitations/{row['id']}"
    one = call("GET", url).body
    assert one["owner_account_id"] == owner.id
    (content,) = one["contents"]
    assert content["resources"] == [{"id": str(model.pk), "name": "digits 0.0.1"}]
    assert "modelarts:model:deploy" in [r["action"] for r in content["permission"]["may"]]
    assert call("GET", f"models/{model.pk}").status_code == 404
    for _twice in range(2):
        answer = call("POST", f"{url}/accept")
        assert answer.status_code == 200 and answer.body["phase"] == "ACCEPTED"
    assert call("GET", f"models/{model.pk}").status_code == 200
    refused = call("POST", f"{url}/reject", {"reason": "late"})
    assert refused.status_code == 409 and "ACCEPTED" in json.dumps(refused.body)
    assert call("POST", f"{url}/leave").status_code == 200
    assert call("POST", f"{url}/accept").status_code == 409
    assert call("GET", f"models/{model.pk}").status_code == 404
    for actor in (owner.root, stranger.root):
        foreign = Caller(actor)
        assert foreign("GET", url).status_code == 404
        assert foreign("POST", f"{url}/accept").status_code == 404
    assert Caller(stranger.root)("GET", f"share-units/{unit.pk}/impact").status_code == 404


def test_permissions_on_offer(owner: Tenant) -> None:
    call = Caller(owner.root)
    found = call("GET", f"share-permissions?type={KIND}").body["items"]
    assert [p["name"] for p in found] == ["ModelRead", "ModelUse", "ModelUseAndFineTune"]
    assert [p["name"] for p in found if p["default"]] == ["ModelUse"]
    nobody = Caller(owner.user("nobody"))
    assert nobody("GET", "share-permissions").status_code == 403


def test_a_page_of_units_asks_a_constant_number_of_queries(
    owner, consumer: Tenant, model, django_assert_max_num_queries
) -> None:
    call = Caller(owner.root)
    for _n in range(12):
        share(owner, [model], [consumer])
    with django_assert_max_num_queries(16):
        assert len(call("GET", "share-units").body["items"]) == 12
    mine = Caller(consumer.root)
    with django_assert_max_num_queries(16):
        assert len(mine("GET", "share-invitations").body["items"]) == 12
