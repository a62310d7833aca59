"""Ways around a Deny, and promises about rights and shares, tried from outside over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.token import services as tokens
from tests.accounts import make
from tests.accounts.make import statement

pytestmark = pytest.mark.django_db
EVERYTHING = "obs:*:*"


class Caller:
    """Somebody with an API token; ``call`` answers (status, body, ETag)."""

    def __init__(self, user: Any) -> None:
        self.user = user
        _token, text = tokens.create(make.actor(user), "script")
        self.head = {"Authorization": f"Bearer {text}"}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = Client().generic(
            method,
            f"/api/v1/{path}",
            b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers={**self.head, **headers},
        )
        told = json.loads(answer.content) if answer.content else {}
        return answer.status_code, told, answer.get("ETag", "*")

    def status(self, method: str, path: str, body: Any = None, **headers: str) -> int:
        return int(self.call(method, path, body, **headers)[0])

    def made(self, path: str, body: Any) -> Any:
        code, told, _etag = self.call("POST", path, body)
        assert code == 201, told
        return told

    def change(self, path: str, body: Any) -> Any:
        return self.call("PATCH", path, body, **{"If-Match": self.call("GET", path)[2]})


@pytest.fixture
def account() -> Any:
    return make.account()


@pytest.fixture
def owner(account: Any) -> Caller:
    return Caller(make.root_of(account))


@pytest.fixture
def helper(account: Any) -> Caller:
    """A user who looks after groups and policies, and holds nothing else."""
    user = make.user(account, "helper")
    rights = ("iam:groups:*", "iam:policies:*", "iam:users:listUsers", "iam:users:getUser")
    make.attach(user, statement("Allow", *rights))
    return Caller(user)


@pytest.fixture
def other(account: Any) -> Caller:
    user = make.user(account, "other")
    make.attach(user, statement("Allow", EVERYTHING))
    return Caller(user)


def test_another_name_lifts_no_deny(account: Any, helper: Caller) -> None:
    named = {"StringEquals": {"g:UserName": ["helper"]}}
    make.attach(helper.user, statement("Allow", EVERYTHING, "iam:users:updateUser"))
    make.attach(make.group(account, helper.user), statement("Deny", EVERYTHING, Condition=named))
    path = f"users/{helper.user.pk}"
    assert helper.status("GET", "buckets") == 403
    assert helper.change(path, {"name": "free"})[0] == 403
    assert helper.status("GET", "buckets") == 403


@pytest.mark.parametrize("way", ["member", "detach", "delete policy", "narrow", "delete group"])
def test_who_does_not_hold_it_lifts_no_deny_of_others(
    account: Any, owner: Caller, helper: Caller, other: Caller, way: str
) -> None:
    group = make.group(account, other.user)
    row = make.attach(group, statement("Deny", EVERYTHING))
    narrower = {
        "Version": "1.1",
        "Statement": [statement("Deny", "obs:bucket:DeleteBucket")],
    }
    asked: dict[str, tuple[str, str, Any]] = {
        "member": ("DELETE", f"groups/{group.pk}/members/{other.user.pk}", None),
        "detach": ("DELETE", f"policy-attachments/{row.pk}", None),
        "delete policy": ("DELETE", f"policies/{row.policy_id}", None),
        "narrow": ("PATCH", f"policies/{row.policy_id}", {"document": narrower}),
        "delete group": ("DELETE", f"groups/{group.pk}", None),
    }
    method, path, body = asked[way]
    assert other.status("GET", "buckets") == 403
    assert helper.status(method, path, body, **{"If-Match": "*"}) == 403
    assert other.status("GET", "buckets") == 403
    assert owner.status(method, path, body, **{"If-Match": "*"}) in (200, 204)
    assert other.status("GET", "buckets") == 200


@pytest.mark.parametrize(
    ("condition", "method", "path", "body"),
    [
        ({"Bool": {"g:SecureTransport": ["false"]}}, "GET", "buckets", None),
        ({"StringEquals": {"g:ProjectName": ["cn-north-1"]}}, "GET", "buckets", None),
        (
            {"ForAnyValue:StringEquals": {"g:TagKeys": ["secret"]}},
            "POST",
            "buckets",
            {"name": "tagged-one", "tags": {"secret": "x"}},
        ),
        (
            {"StringNotEquals": {"g:RequestTag/team": ["red"]}},
            "POST",
            "buckets",
            {"name": "tagged-two", "tags": {"team": "blue"}},
        ),
    ],
)
def test_a_deny_acts_on_requests(
    other: Caller, condition: Any, method: str, path: str, body: Any
) -> None:
    make.attach(other.user, statement("Deny", EVERYTHING, Condition=condition))
    assert other.status(method, path, body) == 403


def test_the_demanded_tag_opens(other: Caller) -> None:
    rule = {"StringNotEquals": {"g:RequestTag/team": ["red"]}}
    make.attach(other.user, statement("Deny", "obs:bucket:CreateBucket", Condition=rule))
    assert other.status("POST", "buckets", {"name": "red-one", "tags": {"team": "red"}}) == 201


def test_a_buckets_tag_opens_what_is_in_it(account: Any, owner: Caller) -> None:
    owner.made("buckets", {"name": "blue-one", "tags": {"team": "blue"}})
    owner.made("buckets", {"name": "red-one", "tags": {"team": "red"}})
    user = make.user(account)
    blue = {"StringEquals": {"g:ResourceTag/team": ["blue"]}}
    make.attach(user, statement("Allow", EVERYTHING, Condition=blue))
    caller = Caller(user)
    assert caller.status("GET", "buckets/blue-one") == 200
    assert caller.status("GET", "buckets/blue-one/objects") == 200
    assert caller.status("GET", "buckets/red-one/objects") == 403


def test_system_policies(owner: Caller, other: Caller) -> None:
    listed = owner.call("GET", "system-policies")[1]["items"]
    assert {s["Effect"] for p in listed for s in p["document"]["Statement"]} == {"Allow"}
    mine = {"Version": "1.1", "Statement": [statement("Allow", "resource_share:unit:list")]}
    made = owner.call("POST", "policies", {"name": "ResourceShareFullAccess", "document": mine})
    assert (made[0], made[1]["problems"][0]["code"]) == (400, "SYSTEM_POLICY")
    both = {"user": str(other.user.pk)}
    owner.made("policy-attachments", {"policy": "ModelArts FullAccess", **both})
    code, told, _etag = owner.call(
        "POST", "policy-attachments", {"policy": "ModelArts CommonOperations", **both}
    )
    assert (code, told["error_code"]) == (409, "EXCLUSIVE_POLICIES")


def test_tokens_of_a_disabled_user(owner: Caller, other: Caller) -> None:
    assert other.status("GET", "me") == 200
    for verb in ("disable", "enable"):
        assert owner.status("POST", f"users/{other.user.pk}/{verb}") == 200
        assert other.status("GET", "me") == 401


def test_filters_that_do_not_exist(owner: Caller, other: Caller) -> None:
    code, told, _etag = owner.call("GET", f"users?group={other.user.pk}")
    assert (code, told["problems"][0]["code"]) == (400, "UNKNOWN_PARAMETER")


class TestShares:
    @pytest.fixture
    def shared(self, owner: Caller) -> tuple[str, str, Caller]:
        """A dataset shared with another account under DatasetRead, accepted there."""
        consumer = Caller(make.root_of(make.account()))
        dataset = owner.made("datasets", {"name": "shared", "format": "files"})["id"]
        unit = owner.made(
            "share-units",
            {
                "name": "unit",
                "resources": [{"type": "datasets.dataset", "id": dataset}],
                "principals": [consumer.user.account_id],
                "permissions": {"datasets.dataset": "DatasetRead"},
            },
        )["id"]
        [invitation] = consumer.call("GET", "share-invitations")[1]["items"]
        consumer.status("POST", f"share-invitations/{invitation['id']}/accept")
        return dataset, unit, consumer

    def test_the_permission_survives_remove_and_add(self, owner: Caller, shared: Any) -> None:
        dataset, unit, _consumer = shared
        one = [{"type": "datasets.dataset", "id": dataset}]
        owner.change(f"share-units/{unit}", {"remove_resources": one})
        code, told, _etag = owner.change(f"share-units/{unit}", {"add_resources": one})
        assert code >= 400 or told["permissions"][0]["name"] == "DatasetRead"

    @pytest.mark.parametrize("name", ["DatasetUse", "NoSuchPermission"])
    def test_no_other_permission_while_in_use(self, owner: Caller, shared: Any, name: str) -> None:
        _dataset, unit, _consumer = shared
        body = {"permissions": {"datasets.dataset": name}}
        assert 400 <= owner.change(f"share-units/{unit}", body)[0] < 500

    def test_what_is_shared_is_not_deleted(self, owner: Caller, shared: Any) -> None:
        dataset, _unit, consumer = shared
        assert consumer.status("GET", f"datasets/{dataset}") == 200
        assert owner.status("DELETE", f"datasets/{dataset}") == 409
