"""Users, groups, policies, agencies, accounts: API and pages."""

from __future__ import annotations

import json

import pytest
from django.db import transaction
from django.test import Client

from accounts import facts
from accounts.account.models import Account
from accounts.policy.models import PolicyAttachment, PolicyVersion
from accounts.user.models import User
from core.access import decide
from tests.accounts import make
from tests.accounts.make import statement

pytestmark = pytest.mark.django_db


def document(*statements):
    return {"Version": "1.1", "Statement": list(statements)}


@pytest.fixture
def owner():
    return make.account()


class TestApi:
    @pytest.fixture
    def api(self, owner):
        client = Client()
        client.post("/sign-in", {"account": owner.name, "password": make.PASSWORD})

        def call(method, path, body=None, **headers):
            return getattr(client, method)(
                f"/api/v1/{path}",
                json.dumps(body) if body is not None else None,
                content_type="application/json",
                headers=headers,
            )

        return call

    def test_the_whole_way(self, api):
        made = api("post", "users", {"name": "li"})
        assert made.status_code == 201, made.content
        li = made.json()
        assert len(li["initial_password"]) >= 15
        assert "initial_password" not in api("get", f"users/{li['id']}").json()
        group = api("post", "groups", {"name": "team"}).json()
        assert api("post", f"groups/{group['id']}/members", {"user": li["id"]}).status_code == 204
        policy = api(
            "post",
            "policies",
            {"name": "read", "document": document(statement("Allow", "modelarts:model:get"))},
        )
        assert policy.status_code == 201, policy.content
        row = api("post", "policy-attachments", {"policy": "read", "group": group["id"]})
        assert row.status_code == 201, row.content
        actor = make.actor(User.objects.unscoped("test").select_related("account").get(pk=li["id"]))
        with transaction.atomic():
            User.objects.unscoped("test").filter(pk=li["id"]).update(must_change_password=False)
            facts.bump(actor.account_id)
        assert decide(actor, "modelarts:model:get").allowed
        listed = api("get", f"policy-attachments?group={group['id']}").json()["items"]
        assert [a["policy"] for a in listed] == ["read"]
        assert api("delete", f"policy-attachments/{row.json()['id']}").status_code == 204
        assert not decide(actor, "modelarts:model:get").allowed
        assert api("delete", f"groups/{group['id']}/members/{li['id']}").status_code == 204
        assert api("delete", f"users/{li['id']}").status_code == 204

    def test_problems_of_a_policy_come_together(self, api):
        bad = document(statement("Allow", "modelarts:model:gets", "obs:object:GetObjekt"))
        answer = api("post", "policies", {"name": "bad", "document": bad})
        assert answer.status_code == 400
        assert len(answer.json()["problems"]) >= 2

    def test_agencies(self, api):
        made = api("post", "agencies", {"duration": "ONEDAY", "policies": ["OBS OperateAccess"]})
        assert made.status_code == 201, made.content
        assert made.json()["policies"] == ["OBS OperateAccess"]
        assert made.json()["state"] == "active"
        ended = api("post", f"agencies/{made.json()['id']}/revoke")
        assert ended.json()["state"] == "revoked"

    def test_accounts_are_the_operators(self, api):
        assert api("get", "accounts").status_code == 403
        assert api("post", "accounts", {"name": "other"}).status_code == 403

    def test_anothers_things_read_like_nothing(self, api):
        other = make.account()
        body = []
        for key in (make.user(other).pk, "00000000-0000-4000-8000-000000000000"):
            answer = api("get", f"users/{key}")
            assert answer.status_code == 404
            body.append({k: v for k, v in answer.json().items() if k != "request_id"})
        assert body[0] == body[1]


class TestPages:
    @pytest.fixture
    def client(self, owner):
        client = Client()
        client.post("/sign-in", {"account": owner.name, "password": make.PASSWORD})
        return client

    def test_every_page_of_the_section_opens(self, client, owner):
        li = make.user(owner)
        row = make.attach(li, statement("Allow", "modelarts:model:get"))
        things = {
            "users": li,
            "groups": make.group(owner, li),
            "policies": row.policy,
            "agencies": make.agency(owner),
        }
        PolicyVersion.objects.create(policy=row.policy, number=1, document=row.policy.document)
        paths = ["/security", "/password", "/system-policies"]
        for slug, obj in things.items():
            paths += [f"/{slug}", f"/{slug}/new", f"/{slug}/{obj.pk}", f"/{slug}/{obj.pk}/edit"]
            paths.append(f"/{slug}/{obj.pk}/delete")
        for slug in ("users", "groups", "agencies"):
            paths.append(f"/{slug}/{things[slug].pk}/policies")
        paths.append(f"/groups/{things['groups'].pk}/members")
        paths += [f"/policies/{row.policy.pk}/{tab}" for tab in ("versions", "principals")]
        wrong = {p: s for p in paths if (s := client.get(p).status_code) != 200}
        assert wrong == {}

    def test_members_come_and_go_by_the_forms_of_the_tab(self, client, owner):
        li, group = make.user(owner, "li"), make.group(owner)
        tab = client.get(f"/groups/{group.pk}/members").context
        assert client.post(tab["add_url"], {"add": str(li.pk)}).status_code == 302
        assert [u.name for u in client.get(f"/groups/{group.pk}/members").context["members"]] == [
            "li"
        ]
        text = client.get(f"/groups/{group.pk}/members").content.decode()
        assert f'action="{tab["remove_url"]}"' in text and f'name="user" value="{li.pk}"' in text
        assert client.post(tab["remove_url"], {"user": str(li.pk)}).status_code == 302
        assert not client.get(f"/groups/{group.pk}/members").context["members"]
        assert client.post(tab["add_url"], {"add": "nonsense"}, follow=True).status_code == 200
        assert not client.get(f"/groups/{group.pk}/members").context["members"]
        assert client.post(tab["remove_url"], {"user": "nonsense"}).status_code == 404

    def test_who_may_read_a_group_adds_nobody(self, owner):
        reader, li, group = make.user(owner), make.user(owner), make.group(owner)
        make.attach(reader, statement("Allow", "iam:groups:getGroup", "iam:users:getUser"))
        client = Client()
        client.post(
            "/sign-in", {"account": owner.name, "user": reader.name, "password": make.PASSWORD}
        )
        for page in ("add-member", "remove-member"):
            path = f"/groups/{group.pk}/x/{page}"
            body = {"user": str(li.pk), "add": str(li.pk)}
            assert client.post(path, body).status_code == 403

    def test_a_new_users_password_is_shown_once(self, client):
        answer = client.post("/users/new", {"name": "li", "once": "k1"})
        assert answer.status_code == 201
        li = User.objects.unscoped("test").get(name="li")
        password = answer.context["password"]
        assert li.check_password(password)
        assert password in answer.content.decode()
        assert client.post("/users/new", {"name": "li", "once": "k1"}).status_code == 302
        assert password not in client.get(f"/users/{li.pk}").content.decode()

    def test_the_editor_lists_what_is_wrong_and_keeps_the_text(self, client):
        text = json.dumps(document(statement("Allow", "modelarts:model:gets")))
        answer = client.post("/policies/new", {"name": "bad", "document": text})
        assert answer.status_code == 400
        page = answer.content.decode()
        assert "modelarts:model:gets" in page
        good = json.dumps(document(statement("Allow", "modelarts:model:get")))
        assert client.post("/policies/new", {"name": "good", "document": good}).status_code == 302

    def test_attach_and_detach(self, client, owner):
        li = make.user(owner)
        client.post(f"/users/{li.pk}/x/attach", {"policy": "OBS OperateAccess"})
        row = PolicyAttachment.objects.get(user=li)
        assert row.system == "OBS OperateAccess"
        client.post(f"/users/{li.pk}/x/detach", {"attachment": row.pk})
        assert not PolicyAttachment.objects.filter(user=li).exists()

    def test_an_agency_by_form(self, client):
        answer = client.post(
            "/agencies/new", {"duration": "FOREVER", "policies": ["OBS OperateAccess"]}
        )
        assert answer.status_code == 302, answer.content.decode()[:3000]

    def test_a_user_without_rights_is_refused_with_the_reason(self, owner):
        make.user(owner, "li")
        client = Client()
        client.post("/sign-in", {"account": owner.name, "user": "li", "password": make.PASSWORD})
        answer = client.get("/users")
        assert answer.status_code == 403
        assert "Allow iam:users:listUsers" in answer.content.decode()

    def test_the_operators_page_shows_a_new_password_once(self):
        home = make.account(operator=True)
        client = Client()
        client.post("/sign-in", {"account": home.name, "password": make.PASSWORD})
        answer = client.post("/accounts", {"name": "tenant"})
        assert answer.status_code == 201
        assert make.root_of(Account.objects.get(name="tenant")).check_password(
            answer.context["password"]
        )
        assert answer.context["password"] not in client.get("/accounts").content.decode()
