"""Users, groups, policies, agencies, accounts: services."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

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

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


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
            statement("Allow", "modelarts:trainJob:gets", "obs:object:GetObject"),
            statement("Perhaps", "modelarts:model:get"),
        )
        with pytest.raises(ValidationFailed) as caught:
            policies.create(root, {"name": "bad", "document": bad})
        assert len(caught.value.problems) >= 3
        assert all(p.field == "document" for p in caught.value.problems)
        assert "gets" in " ".join(p.text for p in caught.value.problems)

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


class TestGivesOnlyWhatIsHeld:
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
