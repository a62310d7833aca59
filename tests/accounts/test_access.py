"""The evaluation order: who is denied where, and what the answer says."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from accounts import facts
from accounts.account.models import Account
from accounts.agency.models import Agency
from accounts.policy.models import Policy
from accounts.user.models import User
from core.access import Target, decide
from core.actor import ANONYMOUS, system
from tests.accounts import make
from tests.accounts.make import statement

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def steps(decision):
    return [step.name for step in decision.trace]


def test_nobody_and_the_platform_hold_no_rights():
    for actor in (ANONYMOUS, system("reconciler")):
        decision = decide(actor, "modelarts:trainJob:list", Target("1234567890"))
        assert not decision.allowed
        assert decision.step == "authenticated"


def test_main_account_holds_every_right_at_home_and_none_abroad():
    home, abroad = make.account(), make.account()
    root = make.actor(make.root_of(home))
    assert decide(root, "modelarts:trainJob:delete", Target(home.pk)).step == "main_account"
    away = decide(root, "modelarts:trainJob:delete", Target(abroad.pk))
    assert not away.allowed
    assert away.step == "share"


def test_a_new_user_may_do_nothing_and_is_told_the_smallest_grant():
    owner = make.account()
    li = make.user(owner, "li")
    decision = decide(make.actor(li), "obs:object:GetObject", Target(owner.pk, "bkt/a/b"))
    assert decision.step == "identity"
    assert decision.missing == "Allow obs:object:GetObject on obs:*:*:object:bkt/a/b"
    assert "li" in decision.reason
    assert decision.missing in decision.reason


def test_rights_come_from_the_user_and_from_his_groups_and_name_their_statement():
    owner = make.account()
    li = make.user(owner)
    team = make.group(owner, li)
    make.attach(li, statement("Allow", "modelarts:dataset:*"))
    make.attach(team, statement("Allow", "modelarts:model:get"))
    actor = make.actor(li)
    assert decide(actor, "modelarts:dataset:createDataset").allowed
    got = decide(actor, "modelarts:model:get")
    assert got.allowed
    assert got.statement.endswith("statement 0")
    assert not decide(actor, "modelarts:model:delete").allowed


def test_a_deny_anywhere_wins_and_names_its_policy():
    owner = make.account()
    li = make.user(owner)
    team = make.group(owner, li)
    make.attach(li, statement("Allow", "modelarts:*:*"))
    row = make.attach(team, statement("deny", "modelarts:notebook:listAllNotebooks"))
    decision = decide(make.actor(li), "modelarts:notebook:listAllNotebooks")
    assert decision.step == "explicit_deny"
    assert row.policy.name in decision.statement
    assert decision.missing == ""


def test_disabled_user_suspended_account_and_temporary_password_are_steps_of_their_own():
    owner = make.account()
    li = make.user(owner)
    make.attach(li, statement("Allow", "modelarts:*:*"))
    actor = make.actor(li)
    for change, step in (
        ({"is_active": False}, "account"),
        ({"is_active": True, "must_change_password": True}, "password"),
    ):
        with transaction.atomic():
            User.objects.unscoped("test").filter(pk=li.pk).update(**change)
            facts.bump(owner.pk)
        assert decide(actor, "modelarts:model:get").step == step
    assert decide(actor, "iam:users:changeOwnPassword").allowed
    with transaction.atomic():
        Account.objects.filter(pk=owner.pk).update(is_active=False)
        facts.bump(owner.pk)
    assert decide(actor, "iam:users:changeOwnPassword").step == "account"


def test_the_actor_value_is_not_believed_where_the_rows_say_otherwise():
    owner = make.account()
    li = make.user(owner)
    liar = make.actor(li).with_request(is_root=True, is_operator=True)
    assert not decide(liar, "modelarts:model:get").allowed
    assert not decide(liar, "iam:accounts:createAccount").allowed
    other = make.account()
    stray = make.actor(li).with_request(account_id=other.pk)
    assert decide(stray, "modelarts:model:get", Target(other.pk)).step == "authenticated"


def test_v3_a_required_key_that_a_policy_asks_about_must_be_there():
    owner = make.account()
    li = make.user(owner)
    make.attach(
        li,
        statement("Allow", "modelarts:*:*"),
        statement(
            "Deny",
            "modelarts:trainJob:create",
            Condition={"StringEquals": {"modelarts:poolType": ["public"]}},
        ),
    )
    actor, action = make.actor(li), "modelarts:trainJob:create"
    assert not decide(actor, action, context={"modelarts:poolType": "public"}).allowed
    assert decide(actor, action, context={"modelarts:poolType": "dedicated"}).allowed
    assert decide(actor, action).step == "required_keys"


class TestV4OnBehalf:
    """Work of the platform needs the agency AND the user."""

    create = statement("Allow", "modelarts:trainJob:create")

    @pytest.fixture
    def li(self):
        return make.user(make.account(), "li")

    def test_the_users_deny_limits_the_agency(self, li):
        agency = make.agency(li.account, self.create)
        make.attach(
            li,
            statement("Allow", "modelarts:*:*"),
            statement(
                "Deny",
                "modelarts:trainJob:create",
                Condition={"StringEquals": {"modelarts:poolType": ["public"]}},
            ),
        )
        behalf = make.actor(li, agency_id=agency.pk, via="platform")
        context = {"modelarts:poolType": "public"}
        decision = decide(behalf, "modelarts:trainJob:create", context=context)
        assert decision.step == "explicit_deny"
        assert "on the user's behalf" in decision.reason
        context["modelarts:poolType"] = "dedicated"
        assert decide(behalf, "modelarts:trainJob:create", context=context).allowed

    def test_the_agency_limits_the_user_and_the_main_account(self, li):
        agency = make.agency(li.account, self.create)
        make.attach(li, statement("Allow", "modelarts:*:*"))
        for who in (li, make.root_of(li.account)):
            behalf = make.actor(who, agency_id=agency.pk)
            assert decide(behalf, "modelarts:trainJob:create").allowed
            decision = decide(behalf, "modelarts:trainJob:delete")
            assert decision.step == "agency"
            assert "lacks" in decision.reason

    def test_a_user_without_the_right_gains_none_by_an_agency(self, li):
        agency = make.agency(li.account, self.create)
        behalf = make.actor(li, agency_id=agency.pk)
        assert decide(behalf, "modelarts:trainJob:create").step == "identity"

    def test_an_agency_ends_at_its_second_without_any_job(self, li):
        agency = make.agency(
            li.account, self.create, expires_at=timezone.now() + dt.timedelta(hours=1)
        )
        make.attach(li, statement("Allow", "modelarts:*:*"))
        behalf = make.actor(li, agency_id=agency.pk)
        assert decide(behalf, "modelarts:trainJob:create").allowed
        # No bump: the clock alone must do it. The principal is read anew, as in another process.
        rows = Agency.objects.unscoped("test").filter(pk=agency.pk)
        rows.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
        with transaction.atomic():
            facts.bump(li.account_id)
        decision = decide(behalf, "modelarts:trainJob:create")
        assert decision.step == "agency"
        assert decision.reason.startswith("authorisation lost")

    def test_revoked_foreign_and_somebody_elses_agencies_carry_nothing(self, li):
        make.attach(li, statement("Allow", "modelarts:*:*"))
        revoked = make.agency(li.account, self.create, revoked_at=timezone.now())
        foreign = make.agency(make.account(), self.create)
        other = make.agency(li.account, self.create, grantee=make.user(li.account))
        for agency in (revoked, foreign, other):
            behalf = make.actor(li, agency_id=agency.pk)
            assert decide(behalf, "modelarts:trainJob:create").step == "agency"


class TestV9StrictSwitch:
    def test_non_strict_opens_modelarts_only(self):
        owner = make.account(strict=False)
        li = make.user(owner)
        actor = make.actor(li)
        assert decide(actor, "modelarts:notebook:list").allowed
        assert decide(actor, "modelarts:pool:delete").allowed
        assert not decide(actor, "obs:bucket:ListBucket").allowed
        assert not decide(actor, "iam:users:listUsers").allowed
        make.attach(li, statement("Deny", "modelarts:notebook:create"))
        assert not decide(actor, "modelarts:notebook:create").allowed
        assert decide(actor, "modelarts:notebook:list").allowed

    def test_the_switch_holds_on_the_next_decision(self):
        owner = make.account(strict=False)
        li = make.user(owner)
        actor = make.actor(li)
        assert decide(actor, "modelarts:notebook:list").allowed
        with transaction.atomic():
            Account.objects.filter(pk=owner.pk).update(strict_mode=True)
            facts.bump(owner.pk)
        assert not decide(actor, "modelarts:notebook:list").allowed
        make.attach(li, statement("Allow", "modelarts:notebook:list"))
        assert decide(actor, "modelarts:notebook:list").allowed
        assert not decide(actor, "modelarts:notebook:get").allowed


def test_v12_wildcards_cross_slashes_but_never_the_account():
    owner, other = make.account(), make.account()
    li = make.user(owner)
    make.attach(
        li,
        statement("Allow", "obs:object:GetObject", Resource=["obs:*:*:object:team1/*"]),
        statement("Deny", "obs:object:GetObject", Resource=["obs:*:*:object:team1/secret/*"]),
    )
    actor = make.actor(li)

    def may(path, account=owner):
        return decide(actor, "obs:object:GetObject", Target(account.pk, path)).allowed

    assert may("team1/a/b")
    for path in (
        "team10/a",
        "team1/secret/x",
        "team1/./secret/x",
        "team1/%73ecret/x",
        "team1//secret/x",
        "team1/a/../secret/x",
        "../team1/a",
    ):
        assert not may(path), path
    assert not may("team1/a/b", other)


def test_operator_actions_need_the_operators_main_account():
    operator = make.account(operator=True)
    admin = make.user(operator)
    make.attach(admin, statement("Allow", "iam:*:*"))
    ordinary = make.account()
    action = "iam:accounts:createAccount"
    assert decide(make.actor(make.root_of(operator)), action).allowed
    assert decide(make.actor(admin), action).step == "operator"
    assert decide(make.actor(make.root_of(ordinary)), action).step == "operator"


def test_everybody_looks_after_his_own_tokens_unless_denied():
    owner = make.account()
    li, wu = make.user(owner), make.user(owner)
    actor, action = make.actor(li), "iam:credentials:createCredential"
    assert decide(actor, action).allowed
    assert decide(actor, action, li).allowed
    assert not decide(actor, action, wu).allowed
    make.attach(li, statement("Deny", action))
    assert decide(actor, action).step == "explicit_deny"


class TestChangesHoldAtOnce:
    def test_every_writer_changes_the_epoch(self):
        owner = make.account()
        before = facts.facts_of(owner.pk).epoch
        with transaction.atomic():
            facts.bump(owner.pk)
        assert facts.facts_of(owner.pk).epoch != before

    def test_a_bump_outside_a_transaction_is_refused(self, transactional_db):
        with pytest.raises(transaction.TransactionManagementError):
            facts.bump("1234567890")

    def test_rights_of_a_rolled_back_change_are_never_seen_again(self):
        owner = make.account()
        li = make.user(owner)
        actor = make.actor(li)

        class Undo(Exception):
            pass

        with pytest.raises(Undo), transaction.atomic():
            make.attach(li, statement("Allow", "modelarts:model:get"))
            assert decide(actor, "modelarts:model:get").allowed
            raise Undo
        assert not decide(actor, "modelarts:model:get").allowed
        make.attach(li, statement("Allow", "modelarts:model:list"))
        assert not decide(actor, "modelarts:model:get").allowed

    def test_inside_one_request_a_change_of_ones_own_is_seen(self):
        owner = make.account()
        li = make.user(owner)
        actor = make.actor(li)
        with facts.remembered():
            assert not decide(actor, "modelarts:model:get").allowed
            make.attach(li, statement("Allow", "modelarts:model:get"))
            assert decide(actor, "modelarts:model:get").allowed

    def test_a_request_asks_for_the_account_once(self, django_assert_num_queries):
        owner = make.account()
        li = make.user(owner)
        actor = make.actor(li)
        decide(actor, "modelarts:model:get")
        with facts.remembered(), django_assert_num_queries(1):
            for _ in range(50):
                decide(actor, "modelarts:model:get")


def test_a_denial_has_an_id_of_its_own_and_a_full_trace():
    owner = make.account()
    actor = make.actor(make.user(owner))
    first, second = (decide(actor, "modelarts:model:get") for _ in range(2))
    assert first.id != second.id
    assert steps(first)[:3] == ["authenticated", "account", "required_keys"]
    assert steps(first)[-1] == first.step == "identity"


def test_an_unreadable_stored_deny_denies():
    owner = make.account()
    li = make.user(owner)
    make.attach(li, statement("Allow", "modelarts:*:*"))
    make.attach(li, {"Effect": "Deny", "NotAction": ["modelarts:model:get"]})
    assert not decide(make.actor(li), "modelarts:model:list").allowed


def test_a_policy_that_is_no_json_object_denies():
    owner = make.account()
    li = make.user(owner)
    row = make.attach(li, statement("Allow", "modelarts:*:*"))
    Policy.objects.unscoped("test").filter(pk=row.policy_id).update(document=["odd"])
    with transaction.atomic():
        facts.bump(owner.pk)
    assert not decide(make.actor(li), "modelarts:model:list").allowed
