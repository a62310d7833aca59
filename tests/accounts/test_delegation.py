"""Delegation is a closure: what a person cannot do alone they cannot do through others either."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts import facts
from accounts.account.models import Account
from accounts.agency import services as agencies
from accounts.group import services as groups
from accounts.policy import services as policies
from accounts.user import services as users
from accounts.user.models import User
from core import services as core_services
from core.access import decide
from core.actor import Actor
from core.errors import AccessDenied
from tests.accounts import make
from tests.accounts.make import statement
from tests.storage.people import Person, sign_in

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]

GET = "obs:object:GetObject"
PEOPLE = ("iam:users:*", "iam:groups:*", "iam:policies:*")


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "1.1", "Statement": list(statements)}


@pytest.fixture
def owner() -> Account:
    return make.account()


@pytest.fixture
def root(owner: Account) -> Actor:
    return make.actor(make.root_of(owner))


@pytest.fixture
def alice(owner: Account) -> User:
    """Looks after people and holds storage, but for what a fence takes away."""
    user = make.user(owner, "alice")
    make.attach(user, statement("Allow", *PEOPLE))
    make.attach(user, statement("Allow", "obs:*:*"))
    return user


def refused(step: str, act: Any, *args: Any) -> str:
    with pytest.raises(AccessDenied) as caught:
        act(*args)
    decision = caught.value.decision
    assert decision.step == step and decision.guarded, decision
    return decision.reason


class TestWhoLiftsADenyHoldsWhatItDenies:
    def test_a_puppet_cannot_detach_the_fence_of_its_maker(self, owner: Account, alice: User):
        fence = make.attach(alice, statement("Deny", "obs:*:*"))
        maker = make.actor(alice)
        made = policies.create(
            maker,
            {"name": "puppet", "document": document(statement("Allow", policies.DETACH))},
        )
        puppet = users.create(maker, {"name": "puppet"})
        policies.attach(maker, made, puppet)
        User.objects.unscoped("t").filter(pk=puppet.pk).update(must_change_password=False)
        with transaction.atomic():
            facts.bump(owner.pk)
        for who in (alice, puppet):
            reason = refused("delegation", policies.detach, make.actor(who), fence)
            assert "obs:" in reason
        assert not decide(maker, GET).allowed

    def test_nobody_takes_another_out_of_a_fencing_group(self, owner: Account, alice: User):
        clerk = make.user(owner, "clerk")
        make.attach(clerk, statement("Allow", "iam:groups:*"))
        fence = make.group(owner, alice)
        make.attach(fence, statement("Deny", "obs:*:*"))
        for who in (alice, clerk):
            actor = make.actor(who)
            refused("delegation", groups.remove_member, actor, fence, alice)
            refused("delegation", groups.delete, actor, fence)
            assert not decide(actor, groups.REMOVE, fence).allowed
            assert not decide(actor, "iam:groups:deleteGroup", fence).allowed

    def test_nobody_edits_deletes_or_goes_back_behind_a_fence(
        self, owner: Account, root: Actor, alice: User
    ):
        clerk = make.user(owner, "clerk")
        make.attach(clerk, statement("Allow", "iam:policies:*"))
        wide = document(statement("Deny", "obs:*:*"))
        made = policies.create(root, {"name": "fence", "document": document(
            statement("Deny", "resource_share:unit:list"))})  # fmt: skip
        made = policies.update(root, made, {"document": wide})
        policies.attach(root, made, alice)
        narrower = (
            document(statement("Deny", "resource_share:unit:list")),
            document(statement("Deny", "obs:*:*", Resource=["obs:*:*:object:a/*"])),
            document(statement("Deny", "obs:*:*", Condition={
                "StringEquals": {"g:UserName": ["nobody"]}})),
            document(statement("Deny", "obs:bucket:*")),
        )  # fmt: skip
        for who in (alice, clerk):
            actor = make.actor(who)
            for text in narrower:
                refused("delegation", policies.update, actor, made, {"document": text})
            refused("delegation", policies.restore, actor, made, 1)
            refused("delegation", policies.delete, actor, made)
            same = document(statement("Deny", "obs:*:*"), statement("Deny", "resource_share:*:*"))
            made = policies.update(actor, made, {"document": same})
            made = policies.update(root, made, {"document": wide})

    def test_a_narrowed_deny_stays_where_it_is_written_alike(self, owner: Account):
        clerk = make.user(owner, "clerk")
        make.attach(clerk, statement("Allow", "iam:policies:*"))
        actor = make.actor(clerk)
        at_home = {"IpAddress": {"g:SourceIp": ["10.0.0.0/8"]}}
        fence = statement("Deny", "obs:*:*", Resource=["obs:*:*:object:a/*"], Condition=at_home)
        made = make.attach(make.group(owner), fence).policy
        assert made is not None
        wider = [
            statement("Deny", "obs:*:*", Resource=["obs:*:*:object:a/*"]),
            statement("Deny", "obs:*:*", Condition=at_home),
            statement("Deny", "*:*:*"),
        ]
        for text in wider:
            policies.update(
                actor, made, {"document": document(text, statement("Deny", "resource_share:*:*"))}
            )
            type(made).objects.unscoped("t").filter(pk=made.pk).update(document=document(fence))
            made.refresh_from_db()

    def test_who_holds_it_lifts_it(self, owner: Account, alice: User):
        row = make.attach(make.user(owner), statement("Deny", "obs:*:*"))
        policies.detach(make.actor(alice), row)

    def test_an_allow_that_is_narrowed_lifts_nothing(self, owner: Account):
        keeper = make.user(owner, "keeper")
        make.attach(keeper, statement("Allow", "iam:policies:*"))
        make.attach(keeper, statement("Allow", "obs:*:*", Resource=["obs:*:*:object:a/*"]))
        row = make.attach(make.user(owner), statement(
            "Deny", "obs:*:*", Resource=["obs:*:*:object:a/*"]))  # fmt: skip
        refused("delegation", policies.detach, make.actor(keeper), row)

    def test_a_deny_that_cannot_be_read_is_a_deny_of_everything(self, owner: Account, alice: User):
        row = make.attach(make.user(owner), {"Effect": "Deny", "NotAction": ["obs:*:*"]})
        refused("delegation", policies.detach, make.actor(alice), row)


class TestActionsThatTheCatalogueLacks:
    """A later release may ask for them."""

    LATER = "modelarts:tomorrow:do"

    def test_who_gives_them_holds_them(self, owner: Account, alice: User):
        bob = make.user(owner)
        future = make.policy(owner, statement("Allow", self.LATER))
        refused("delegation", policies.attach, make.actor(alice), future, bob)
        row = make.attach(alice, statement("Allow", "modelarts:*:*"))
        policies.attach(make.actor(alice), future, bob)
        make.attach(alice, statement("Deny", "modelarts:tomorrow:*"))
        carol = make.user(owner)
        refused("delegation", policies.attach, make.actor(alice), future, carol)
        refused("delegation", core_services.perform, make.actor(alice), bob, "reset-password", {})
        assert row.policy is not None

    def test_who_lifts_a_deny_of_them_holds_them(self, owner: Account, alice: User):
        row = make.attach(make.user(owner), statement("Deny", self.LATER))
        refused("delegation", policies.detach, make.actor(alice), row)
        make.attach(alice, statement("Allow", self.LATER))
        policies.detach(make.actor(alice), row)


class TestWhoMakesOrTakesOverAUserHoldsWhatTheyMayDo:
    @pytest.fixture
    def loose(self) -> Account:
        """An account whose users hold every right in ModelArts by default."""
        return make.account(strict=False)

    def test_a_fresh_user_of_a_loose_account_is_no_way_around(self, loose: Account):
        admin = make.user(loose, "admin")
        make.attach(admin, statement("Allow", "iam:*:*"))
        assert users.create(make.actor(admin), {"name": "one"})
        make.attach(admin, statement("Deny", "modelarts:trainJob:create"))
        actor = make.actor(admin)
        reason = refused("delegation", users.create, actor, {"name": "two"})
        assert "modelarts:trainJob:create" in reason
        assert not decide(actor, "iam:users:createUser").allowed
        other = make.user(loose)
        refused("delegation", core_services.perform, actor, other, "reset-password", {})
        make.attach(other, statement("Deny", "modelarts:trainJob:*"))
        core_services.perform(actor, other, "reset-password", {})

    def test_no_tokens_means_none_by_others(self, owner: Account, alice: User):
        """The own sign-in needs no policy, so a fresh user would have it."""
        make.attach(alice, statement("Deny", "iam:credentials:createCredential"))
        refused("delegation", users.create, make.actor(alice), {"name": "two"})

    def test_enabling_or_renaming_somebody_stronger(self, owner: Account, alice: User):
        strong = make.user(owner, "strong")
        make.attach(strong, statement("Allow", "modelarts:*:*"))
        weak = make.user(owner, "weak")
        actor = make.actor(alice)
        for user in (strong, weak):
            core_services.perform(actor, user, "disable", {})
        refused("delegation", core_services.perform, actor, strong, "enable", {})
        refused("delegation", users.update, actor, strong, {"name": "other"})
        core_services.perform(actor, weak, "enable", {})
        users.update(actor, weak, {"name": "other"})
        users.update(actor, strong, {"description": "looks after models"})

    @pytest.mark.parametrize("effect", ["Allow", "Deny"])
    @pytest.mark.parametrize("by", ["self", "another"])
    def test_a_condition_on_a_name_follows_nobody(
        self, owner: Account, root: Actor, alice: User, effect: str, by: str
    ):
        team = make.group(owner, alice)
        name = "bob" if effect == "Allow" else "alice"
        named = {"StringEquals": {"g:UserName": [name]}}
        make.attach(team, statement(effect, "modelarts:*:*", Condition=named))
        clerk = make.user(owner, "clerk")
        make.attach(clerk, statement("Allow", *PEOPLE), statement("Allow", "obs:*:*"))
        actor = make.actor(alice if by == "self" else clerk)
        refused("delegation", users.update, actor, alice, {"name": "bob"})
        users.update(root, alice, {"name": "bob"})

    def test_a_name_that_only_an_agency_asks_for(self, owner: Account, alice: User):
        named = {"StringEquals": {"g:UserName": ["bob"]}}
        make.agency(owner, statement("Allow", "modelarts:*:*", Condition=named))
        refused("delegation", users.update, make.actor(alice), alice, {"name": "bob"})

    @pytest.mark.parametrize("effect", ["Allow", "Deny"])
    def test_a_condition_on_a_tag_follows_nobody(self, owner: Account, root: Actor, effect: str):
        """Neither by who is fenced, nor by somebody else."""
        clerk, admin = make.user(owner, "clerk"), make.user(owner, "admin")
        make.attach(clerk, statement("Allow", "iam:users:*"))
        make.attach(admin, statement("Allow", "*:*:*"))
        kept = {"StringEquals": {"g:ResourceTag/Team": ["a"]}}
        make.attach(make.user(owner), statement(effect, "iam:groups:*", Condition=kept))
        row = make.user(owner, "row", tags={"team": "a"} if effect == "Deny" else {})
        other = {} if effect == "Deny" else {"team": "a"}
        actor = make.actor(clerk)
        assert "iam:groups:" in refused("delegation", users.update, actor, row, {"tags": other})
        users.update(actor, row, {"tags": {**row.tags, "place": "here"}})
        users.update(make.actor(admin), row, {"tags": other})


class TestWhatIsOnAnAgencyIsTheMainAccounts:
    def test_its_policies(self, owner: Account, root: Actor):
        admin = make.user(owner, "admin")
        make.attach(admin, statement("Allow", "*:*:*"))
        actor = make.actor(admin)
        agency = make.agency(owner)
        row = make.attach(
            agency, statement("Allow", "obs:*:*"), statement("Deny", "resource_share:*:*")
        )
        text = document(statement("Allow", "obs:*:*"))
        assert row.policy is not None
        refused("main_account", policies.update, actor, row.policy, {"document": text})
        refused("main_account", policies.delete, actor, row.policy)
        refused("main_account", policies.detach, actor, row)
        refused("main_account", policies.attach, actor, "OBS Administrator", agency)
        refused("main_account", agencies.update, actor, agency, {"description": "mine"})
        refused("main_account", agencies.delete, actor, agency)
        refused("main_account", core_services.perform, actor, agency, "revoke", {})
        for action in ("iam:policies:updatePolicy", "iam:policies:deletePolicy"):
            assert not decide(actor, action, row.policy).allowed
        policies.update(root, row.policy, {"document": text})


class TestPagesShowTheRefusalBeforehand:
    def page(self, user: User, path: str) -> str:
        client = Client()
        sign_in(client, Person(user))
        answer = client.get(path)
        assert answer.status_code == 200, path
        return answer.content.decode()

    def test_buttons_are_greyed_with_the_reason(self, owner: Account, root: Actor, alice: User):
        strong = make.user(owner, "strong", is_active=False)
        make.attach(strong, statement("Allow", "modelarts:*:*"))
        fence = make.group(owner, alice)
        row = make.attach(fence, statement("Deny", "obs:*:*"))
        assert row.policy is not None
        for denied in ("resource_share:*:*", "obs:*:*"):
            text = document(statement("Deny", denied))
            row.policy = policies.update(root, row.policy, {"document": text})
        why = "rights that you do not hold yourself, such as"
        for path, label in (
            (f"/groups/{fence.pk}", "Delete"),
            (f"/groups/{fence.pk}/members", "Remove"),
            (f"/groups/{fence.pk}/policies", "Detach"),
            (f"/policies/{row.policy.pk}", "Delete"),
            (f"/policies/{row.policy.pk}/versions", "Bring this version back"),
            (f"/users/{strong.pk}", "Enable"),
            (f"/users/{strong.pk}", "Reset password"),
        ):
            page = self.page(alice, path)
            assert why in page and label in page, (path, label)
        make.attach(alice, statement("Deny", "iam:credentials:createCredential"))
        assert why in self.page(alice, "/users")
