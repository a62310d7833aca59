"""Condition keys that the platform supplies: a Deny that names one acts."""

from __future__ import annotations

import dataclasses
import json

import pytest
from django.test import Client

from accounts import services as accounts
from accounts.account.models import Project
from accounts.ambient import COLUMNS, ambient
from accounts.engine import default_catalog
from accounts.facts import facts_of
from accounts.policy import services as policies
from accounts.principal import principal_of
from accounts.token import services as tokens
from accounts.user import services as users
from core import access
from core.access import decide
from core.errors import AccessDenied
from storage.bucket import queries
from storage.bucket import services as buckets
from storage.bucket.models import Bucket
from tests.accounts import make
from tests.accounts.make import statement

pytestmark = pytest.mark.django_db
GET = "obs:object:GetObject"


@pytest.fixture
def owner():
    return make.account()


@pytest.fixture
def li(owner):
    user = make.user(owner, "li", tags={"team": "red"})
    make.attach(user, statement("Allow", "obs:*:*"))
    return user


def signed_in(user):
    browser = Client()
    words = {"account": user.account.name, "user": user.name, "password": make.PASSWORD}
    browser.post("/sign-in", words, secure=True)
    return browser


def denied_if(user, condition, action="obs:*:*"):
    return make.attach(user, statement("Deny", action, Condition=condition))


def test_every_key_that_the_catalogue_calls_always_is_in_every_request(li):
    denied_if(li, {"StringEquals": {"g:ProjectId": ["none"]}})
    actor = make.actor(li)
    principal = principal_of(actor, facts_of(li.account_id))
    given = ambient(principal, actor, GET, access.as_target(actor, None))
    always = {k.name for k in default_catalog().keys.values() if k.always}
    assert always <= {name for name, value in given.items() if value is not None}
    supplied = {k.name for k in default_catalog().keys.values() if k.supplied}
    plain = {name for name in given if "Tag/" not in name}
    assert plain <= supplied
    absent = {name for name in supplied - plain if name.startswith("g:") and "Tag" not in name}
    assert absent == set()


@pytest.mark.parametrize(
    ("condition", "more"),
    [
        ({"Bool": {"g:SecureTransport": ["false"]}}, {"secure": False}),
        ({"Bool": {"obs:SecureTransport": ["false"]}}, {"secure": False}),
        ({"StringLike": {"g:Referer": ["https://evil/*"]}}, {"referer": "https://evil/x"}),
        ({"StringEquals": {"g:ProjectName": ["cn-east-1"]}}, {"region": "cn-east-1"}),
        ({"StringEquals": {"g:EnterpriseProjectId": ["0"]}}, None),
        ({"StringEquals": {"g:WorkspaceId": ["0"]}}, None),
        ({"Bool": {"g:MFAPresent": ["false"]}}, None),
        ({"StringEquals": {"g:PrincipalTag/team": ["red"]}}, None),
        ({"StringNotEquals": {"g:PrincipalTag/cost": ["1"]}}, None),
        ({"StringLike": {"g:PrincipalUrn": ["iam::*:user:li"]}}, None),
        ({"Bool": {"g:PrincipalIsRootUser": ["false"]}}, None),
    ],
)
def test_a_deny_acts_and_only_where_its_key_fits(li, condition, more):
    denied_if(li, condition)
    assert decide(make.actor(li, **(more or {})), GET).step == "explicit_deny"
    if more is not None:
        assert decide(make.actor(li), GET).allowed


def test_the_project_of_the_request(li):
    made = {r: accounts.project_id(li.account_id, r) for r in ("cn-north-1", "cn-east-1")}
    assert Project.objects.filter(account=li.account_id).count() == 2
    denied_if(li, {"StringEquals": {"g:ProjectId": [made["cn-east-1"]]}})
    assert decide(make.actor(li), GET).allowed
    assert not decide(make.actor(li, region="cn-east-1"), GET).allowed
    assert list(Bucket.objects.for_action(make.actor(li), "list")) == []


def test_lists_follow_the_project_of_their_rows(owner, li):
    for region in ("cn-north-1", "cn-east-1"):
        root = make.actor(make.root_of(owner), region=region)
        buckets.create(root, {"name": f"in-{region}"})
    denied_if(li, {"StringEquals": {"g:ProjectName": ["cn-east-1"]}})
    seen = Bucket.objects.for_action(make.actor(li), "list")
    assert [b.name for b in seen] == ["in-cn-north-1"]


@pytest.mark.parametrize("column", ["workspace_id", "enterprise_project_id"])
def test_a_deny_by_workspace_reaches_lists_and_contents(owner, li, column):
    root = make.actor(make.root_of(owner))
    for name in ("here-one", "there-one"):
        buckets.create(root, {"name": name})
    there = Bucket.objects.unscoped("test").filter(name="there-one")
    there.update(**{column: "w-1"})
    denied_if(li, {"StringEquals": {COLUMNS[column]: ["w-1"]}})
    actor = make.actor(li)
    assert [b.name for b in Bucket.objects.for_action(actor, "list")] == ["here-one"]
    assert not decide(actor, "obs:bucket:HeadBucket", there.get()).allowed
    assert not decide(actor, GET, queries.target(actor, "there-one", "a")).allowed
    assert decide(actor, GET, queries.target(actor, "here-one", "a")).allowed


def test_another_tag_on_the_user_holds_on_the_next_request(owner, li):
    denied_if(li, {"StringEquals": {"g:PrincipalTag/team": ["blue"]}})
    actor = make.actor(li)
    assert decide(actor, GET).allowed
    users.update(make.actor(make.root_of(owner)), li, {"tags": {"team": "blue"}})
    assert not decide(actor, GET).allowed


class TestTagsOfTheRequest:
    @pytest.fixture
    def red_only(self, li):
        rule = {"StringNotEquals": {"g:RequestTag/team": ["red"]}}
        denied_if(li, rule, "obs:bucket:CreateBucket")
        return make.actor(li)

    def test_a_demanded_tag(self, red_only):
        # It is not known yet which tags the form will carry.
        assert decide(red_only, "obs:bucket:CreateBucket").allowed
        assert buckets.create(red_only, {"name": "one-red", "tags": {"team": "red"}})
        for tags in ({}, {"team": "blue"}, {"Team": "x"}):
            with pytest.raises(AccessDenied):
                buckets.create(red_only, {"name": "one-other", "tags": tags})

    def test_a_forbidden_key(self, li):
        denied_if(li, {"ForAnyValue:StringEquals": {"g:TagKeys": ["secret"]}})
        actor = make.actor(li)
        made = buckets.create(actor, {"name": "plain-one", "tags": {"team": "red"}})
        for key in ("secret", "Secret", "SECRET"):  # one name: so conditions on tags read it
            with pytest.raises(AccessDenied):
                buckets.create(actor, {"name": "secret-one", "tags": {"team": "red", key: "x"}})
        with pytest.raises(AccessDenied):
            buckets.update(actor, made, {"tags": {"secret": "x"}})
        assert buckets.update(actor, made, {"description": "no tag is named"})

    def test_a_key_that_is_taken_away_is_named_too(self, owner, li):
        root = make.actor(make.root_of(owner))
        made = buckets.create(root, {"name": "kept-tag", "tags": {"secret": "x"}})
        denied_if(li, {"ForAnyValue:StringEquals": {"g:TagKeys": ["secret"]}})
        with pytest.raises(AccessDenied):
            buckets.update(make.actor(li), made, {"tags": {}})

    def test_an_allow_that_demands_tags_allows_asking_and_not_making(self, owner):
        wu = make.user(owner)
        rule = {"StringEquals": {"g:RequestTag/team": ["red"]}}
        make.attach(wu, statement("Allow", "obs:bucket:*", Condition=rule))
        actor = make.actor(wu)
        assert decide(actor, "obs:bucket:CreateBucket").allowed
        assert not decide(actor, "obs:bucket:HeadBucket").allowed  # no tag is named by reading
        assert buckets.create(actor, {"name": "red-again", "tags": {"team": "red"}})
        with pytest.raises(AccessDenied):
            buckets.create(actor, {"name": "not-red"})


class TestWhereItComesFrom:
    def test_pages_and_api(self, li):
        denied_if(li, {"Bool": {"g:SecureTransport": ["false"]}})
        _token, text = tokens.create(make.actor(li), "script")
        head = {"Authorization": f"Bearer {text}"}
        browser = signed_in(li)
        assert browser.get("/buckets").status_code == 403
        assert browser.get("/buckets", secure=True).status_code == 200
        assert Client().get("/api/v1/buckets", headers=head).status_code == 403
        assert Client().get("/api/v1/buckets", headers=head, secure=True).status_code == 200

    def test_background_work_crosses_no_network(self, owner, li):
        denied_if(li, {"Bool": {"g:SecureTransport": ["false"]}})
        agency = make.agency(owner, statement("Allow", "obs:*:*"))
        plain = make.actor(li, secure=False, source_ip="192.0.2.1")
        assert not decide(plain, GET).allowed
        assert decide(accounts.in_background(plain, agency), GET).allowed
        assert decide(accounts.on_behalf(li, agency), GET).allowed
        text = accounts.issue_credential(li, agency, "training.trainingjob:1", 3600)
        for address, allowed in (("127.0.0.1", True), ("192.0.2.1", False)):
            runner = accounts.authenticate_bearer(f"Bearer {text}", source_ip=address, secure=False)
            assert decide(runner, GET).allowed is allowed

    def test_conditions_of_a_background_request_are_told_before(self, owner, li):
        denied_if(li, {"Bool": {"g:ViaService": ["true"]}})
        agency = make.agency(owner, statement("Allow", "obs:*:*"))
        assert decide(make.actor(li), GET).allowed
        behalf = accounts.in_background(make.actor(li), agency)
        assert decide(behalf, GET).step == "explicit_deny"


def test_the_api_answers_with_the_warnings_of_the_page(owner):
    root = make.root_of(owner)
    browser = signed_in(root)
    rule = statement("Deny", "obs:*:*", Condition={"Bool": {"g:MFAPresent": ["false"]}})
    document = {"Version": "1.1", "Statement": [statement("Allow", "obs:*:*"), rule]}
    body = json.dumps({"name": "mfa", "document": document})
    made = browser.post("/api/v1/policies", body, content_type="application/json")
    assert [w["code"] for w in made.json()["warnings"]] == ["constant_key"]
    page = browser.get(f"/policies/{made.json()['id']}").content.decode()
    assert "is always" in page
    listed = browser.get("/api/v1/policies").json()["items"]
    assert "warnings" not in listed[0]
    assert [str(w.code) for w in policies.warnings(document)] == ["constant_key"]


def test_an_actor_is_told_apart_by_its_transport(li):
    denied_if(li, {"Bool": {"g:SecureTransport": ["false"]}})
    actor = make.actor(li, secure=True)
    assert decide(actor, GET).allowed
    assert not decide(dataclasses.replace(actor, secure=False), GET).allowed
