"""Users, groups, policies, agencies, accounts: services, API and pages."""

from __future__ import annotations

import json

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts import facts
from accounts.account import services as accounts
from accounts.account.models import Account, Project
from accounts.agency import services as agencies
from accounts.agency.models import Agency
from accounts.group import services as groups
from accounts.policy import services as policies
from accounts.policy.models import PolicyAttachment, PolicyVersion
from accounts.policy.system import system_policies
from accounts.user import services as users
from accounts.user.models import User
from core import services as core_services
from core.access import decide
from core.errors import AccessDenied, Conflict, NotFound, ValidationFailed
from tests.accounts import make
from tests.accounts.make import statement

pytestmark = pytest.mark.django_db


def document(*statements):
    return {"Version": "1.1", "Statement": list(statements)}


@pytest.fixture
def owner():
    return make.account()


@pytest.fixture
def root(owner):
    return make.actor(make.root_of(owner))


@pytest.fixture
def admin(owner):
    """A user who looks after users and policies and holds nothing else."""
    user = make.user(owner, "admin")
    make.attach(user, statement("Allow", "iam:*:*"))
    return make.actor(user)


class TestPolicies:
    def test_every_problem_at_once_and_nothing_saved(self, root):
        bad = document(
            statement("Allow", "modelarts:trainJob:fly", "obs:object:GetObject"),
            statement("Perhaps", "modelarts:model:get"),
        )
        with pytest.raises(ValidationFailed) as caught:
            policies.create(root, {"name": "bad", "document": bad})
        assert len(caught.value.problems) >= 3
        assert all(p.field == "document" for p in caught.value.problems)
        assert "fly" in " ".join(p.text for p in caught.value.problems)

    def test_stored_in_normal_spelling_with_versions_that_never_change(self, root):
        made = policies.create(
            root, {"name": "p", "document": document(statement("deny", "modelarts:model:get"))}
        )
        assert made.document["Statement"][0]["Effect"] == "Deny"
        made = policies.update(
            root, made, {"document": document(statement("Allow", "modelarts:model:get"))}
        )
        assert made.revision == 2
        made = policies.restore(root, made, 1)
        kept = list(made.versions.order_by("number"))
        assert [v.number for v in kept] == [1, 2, 3]
        assert kept[2].document == kept[0].document
        with pytest.raises(TypeError):
            kept[0].save()
        with pytest.raises(NotFound):
            policies.restore(root, made, 9)

    def test_attach_change_detach_each_hold_at_once(self, owner, root):
        li = make.user(owner)
        actor = make.actor(li)
        made = policies.create(
            root, {"name": "p", "document": document(statement("Allow", "modelarts:model:get"))}
        )
        row = policies.attach(root, made, li)
        assert decide(actor, "modelarts:model:get").allowed
        policies.update(
            root, made, {"document": document(statement("Allow", "modelarts:model:list"))}
        )
        assert not decide(actor, "modelarts:model:get").allowed
        assert decide(actor, "modelarts:model:list").allowed
        policies.detach(root, row)
        assert not decide(actor, "modelarts:model:list").allowed

    def test_system_policies_attach_by_name_and_full_excludes_common(self, owner, root):
        li = make.user(owner)
        policies.attach(root, "ModelArts CommonOperations", li)
        actor = make.actor(li)
        assert decide(
            actor, "modelarts:trainJob:create", context={"modelarts:poolType": "public"}
        ).allowed
        assert not decide(actor, "modelarts:pool:delete").allowed
        with pytest.raises(Conflict) as caught:
            policies.attach(root, "ModelArts FullAccess", li)
        assert caught.value.code == "EXCLUSIVE_POLICIES"
        with pytest.raises(Conflict):
            policies.attach(root, "ModelArts CommonOperations", li)

    def test_every_system_policy_is_readable_and_does_what_its_name_says(self):
        for policy in system_policies().values():
            assert policy.compiled.document.statements
            assert not policy.compiled.document.notes, policy.name
        owner = make.account()
        li = make.user(owner)
        policies.attach(make.actor(make.root_of(owner)), "Tenant Administrator", li)
        actor = make.actor(li)
        assert decide(actor, "obs:bucket:CreateBucket").allowed
        assert decide(actor, "resource_share:unit:create").allowed
        assert not decide(actor, "iam:users:createUser").allowed

    def test_nothing_of_another_account_can_be_named(self, root):
        other = make.account()
        foreign = make.policy(other, statement("Allow", "modelarts:*:*"))
        stranger = make.user(other)
        mine = make.user(make.root_of(Account.objects.get(pk=root.account_id)).account)
        for policy, principal in (
            (foreign, mine),
            (foreign.pk, mine),
            ("OBS Administrator", stranger),
        ):
            with pytest.raises((NotFound, AccessDenied)):
                policies.attach(root, policy, principal)

    def test_the_main_account_takes_no_policies(self, owner, root):
        with pytest.raises(Conflict):
            policies.attach(root, "OBS Administrator", make.root_of(owner))

    def test_the_table_refuses_half_an_attachment(self, owner):
        with pytest.raises(IntegrityError), transaction.atomic():
            PolicyAttachment.objects.create(account=owner, system="OBS Administrator")
        with pytest.raises(IntegrityError), transaction.atomic():
            PolicyAttachment.objects.create(account=owner, user=make.user(owner))

    def test_deleting_a_policy_leaves_no_right_behind(self, owner, root):
        li = make.user(owner)
        made = make.policy(owner, statement("Allow", "modelarts:model:get"))
        policies.attach(root, made, li)
        assert decide(make.actor(li), "modelarts:model:get").allowed
        policies.delete(root, made)
        assert not decide(make.actor(li), "modelarts:model:get").allowed
        assert not PolicyAttachment.objects.filter(user=li).exists()
        assert not PolicyVersion.objects.filter(policy_id=made.pk).exists()


class TestNobodyGivesWhatHeLacks:
    def test_attaching(self, owner, admin):
        li = make.user(owner)
        for target in (li, User.objects.unscoped("test").get(pk=admin.user_id)):
            with pytest.raises(AccessDenied) as caught:
                policies.attach(admin, "OBS Administrator", target)
            assert caught.value.decision.step == "delegation"
        policies.attach(admin, "Security Administrator", li)

    def test_editing_a_policy_in_use(self, owner, admin, root):
        made = policies.create(
            root, {"name": "p", "document": document(statement("Allow", "iam:users:getUser"))}
        )
        policies.attach(root, made, make.user(owner))
        wider = document(statement("Allow", "obs:bucket:ListBucket"))
        with pytest.raises(AccessDenied):
            policies.update(admin, made, {"document": wider})

    def test_joining_a_stronger_group(self, owner, admin):
        strong = make.group(owner)
        make.attach(strong, statement("Allow", "obs:object:GetObject"))
        himself = User.objects.unscoped("test").get(pk=admin.user_id)
        with pytest.raises(AccessDenied):
            groups.add_member(admin, strong, himself)

    def test_resetting_the_password_of_somebody_stronger(self, owner, admin):
        strong = make.user(owner)
        make.attach(strong, statement("Allow", "obs:object:GetObject"))
        for user in (strong, make.root_of(owner)):
            with pytest.raises(AccessDenied):
                core_services.perform(admin, user, "reset-password", {})
            assert user.check_password(make.PASSWORD)

    def test_lifting_a_deny_from_oneself(self, owner, admin):
        himself = User.objects.unscoped("test").get(pk=admin.user_id)
        fence = make.group(owner, himself)
        row = make.attach(fence, statement("Deny", "obs:bucket:DeleteBucket"))
        for attempt in (
            lambda: policies.detach(admin, row),
            lambda: policies.delete(admin, row.policy),
            lambda: groups.remove_member(admin, fence, himself),
            lambda: groups.delete(admin, fence),
        ):
            with pytest.raises(AccessDenied):
                attempt()


class TestUsers:
    def test_nobody_chooses_anothers_password(self, root, owner):
        li = users.create(root, {"name": "li"})
        assert li.must_change_password
        assert li.password_expires_at > timezone.now()
        assert li.check_password(li.initial_password)
        again = core_services.perform(root, li, "reset-password", {})
        assert again.initial_password != li.initial_password

    def test_names_are_unique_in_one_account_in_any_case(self, root, owner):
        users.create(root, {"name": "li"})
        for name in ("li", "LI", owner.name):
            with pytest.raises(ValidationFailed):
                users.create(root, {"name": name})
        users.create(make.actor(make.root_of(make.account())), {"name": "li"})

    def test_the_root_user_and_oneself_stay(self, owner, root, admin):
        with pytest.raises(Conflict):
            users.delete(root, make.root_of(owner))
        with pytest.raises(Conflict):
            core_services.perform(root, make.root_of(owner), "disable", {})
        himself = User.objects.unscoped("test").get(pk=admin.user_id)
        with pytest.raises(Conflict):
            users.delete(admin, himself)

    def test_leaving_a_group_and_being_disabled_hold_at_once(self, owner, root):
        li = make.user(owner)
        team = make.group(owner)
        make.attach(team, statement("Allow", "modelarts:model:get"))
        actor = make.actor(li)
        groups.add_member(root, team, li)
        assert decide(actor, "modelarts:model:get").allowed
        groups.remove_member(root, team, li)
        assert not decide(actor, "modelarts:model:get").allowed
        groups.add_member(root, team, li)
        core_services.perform(root, li, "disable", {})
        assert decide(actor, "modelarts:model:get").step == "account"
        core_services.perform(root, li, "enable", {})
        assert decide(actor, "modelarts:model:get").allowed


class TestAgencies:
    def test_only_the_main_account(self, owner, admin, root):
        with pytest.raises(AccessDenied):
            agencies.create(admin, {})
        made = agencies.create(root, {"policies": ["OBS OperateAccess"]})
        assert made.name.startswith(f"modelarts_agency_{owner.name}_")
        with pytest.raises(AccessDenied):
            policies.attach(admin, "Security Administrator", made)
        behalf = root.with_request(agency_id=made.pk)
        with pytest.raises(AccessDenied):
            agencies.create(behalf, {})

    def test_durations(self, root):
        day = agencies.create(root, {"duration": "ONEDAY"})
        assert (day.expires_at - timezone.now()).days == 0
        week = agencies.create(root, {"duration": "DAYS", "days": 7})
        assert 6 <= (week.expires_at - timezone.now()).days <= 7
        assert agencies.create(root, {}).expires_at is None
        for wrong in ({"duration": "DAYS"}, {"duration": "DAYS", "days": 366}, {"days": 3}):
            with pytest.raises(ValidationFailed):
                agencies.create(root, wrong)

    def test_an_unknown_policy_makes_no_agency(self, root):
        with pytest.raises(NotFound):
            agencies.create(root, {"name": "x", "policies": ["No such policy"]})
        assert not Agency.objects.unscoped("test").exists()

    def test_another_accounts_user_is_no_grantee(self, root):
        with pytest.raises(NotFound):
            agencies.create(root, {"grantee": make.user(make.account())})


class TestAccounts:
    def test_the_operator_makes_accounts_and_sees_nothing_in_them(self):
        operator = make.actor(make.root_of(make.account(operator=True)))
        made, password = accounts.create_account(operator, "newcomer")
        assert made.pk.isdigit()
        assert len(made.pk) == 10
        assert Project.objects.filter(account=made).count() == 2
        fresh = make.root_of(made)
        assert fresh.must_change_password
        assert fresh.check_password(password)
        assert not decide(operator, "iam:users:getUser", fresh).allowed
        with pytest.raises(NotFound):
            core_services.visible(User, operator, pk=fresh.pk)

    def test_suspending_holds_at_once_and_not_for_the_operator(self):
        home = make.account(operator=True)
        operator = make.actor(make.root_of(home))
        tenant = make.account()
        guest = make.actor(make.root_of(tenant))
        assert decide(guest, "modelarts:model:get").allowed
        accounts.set_active(operator, tenant.pk, False)
        assert decide(guest, "modelarts:model:get").step == "account"
        with pytest.raises(Conflict):
            accounts.set_active(operator, home.pk, False)

    def test_strict_mode_is_the_accounts_own(self, root, owner):
        accounts.set_strict_mode(root, False)
        li = make.actor(make.user(owner))
        assert decide(li, "modelarts:model:get").allowed
        with pytest.raises(AccessDenied):
            accounts.set_strict_mode(li, True)

    @pytest.mark.parametrize("name", ["abc", "1abc", "a b c", "a" * 65, "acme\n", "名称名称"])
    def test_names(self, name):
        with pytest.raises(ValidationFailed):
            accounts.make(name)

    def test_one_operator(self):
        make.account(operator=True)
        with pytest.raises(ValidationFailed, match="operator already"):
            make.account(operator=True)


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
        bad = document(statement("Allow", "modelarts:no:such", "obs:no:such"))
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
        text = json.dumps(document(statement("Allow", "modelarts:no:such")))
        answer = client.post("/policies/new", {"name": "bad", "document": text})
        assert answer.status_code == 400
        page = answer.content.decode()
        assert "modelarts:no:such" in page
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
