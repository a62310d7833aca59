"""What a page says before a group or policy is deleted is what the engine says afterwards."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.group import screen as group_screen
from accounts.group import services as groups
from accounts.policy import impact
from accounts.policy import screen as policy_screen
from accounts.policy import services as policies
from accounts.policy.models import PolicyAttachment
from core.access import decide
from tests.accounts import make
from tests.accounts.make import statement

pytestmark = pytest.mark.django_db
LIST, HEAD, GET = "obs:bucket:ListBucket", "obs:bucket:HeadBucket", "obs:object:GetObject"


@pytest.fixture
def owner():
    return make.account()


def told(found):
    return {str(g.label): [text for text, _url in g.items] for g in found}


def change_of(group, user):
    [found] = [c for c in impact.of_ending(PolicyAttachment.objects.filter(group=group))
               if c.user == user]  # fmt: skip
    return found


def test_a_group_that_denies_gives_its_members_something_back(owner):
    li, wu = make.user(owner, "li"), make.user(owner, "wu")
    team = make.group(owner, li, wu)
    make.attach(li, statement("Allow", "obs:*:*"))
    make.attach(team, statement("Deny", LIST), statement("Allow", HEAD))
    assert told(group_screen.inventory(None, team)) == {
        "Members of the group": ["li", "wu"],
        "They lose rights at once": [f"wu: `{HEAD}`"],
        "They gain rights at once, because a Deny ends": [f"li: `{LIST}`"],
    }
    before = {u.name: {a: decide(make.actor(u), a).allowed for a in (LIST, HEAD)} for u in (li, wu)}
    groups.delete(make.actor(make.root_of(owner)), team)
    after = {u.name: {a: decide(make.actor(u), a).allowed for a in (LIST, HEAD)} for u in (li, wu)}
    assert (before["li"], after["li"]) == ({LIST: False, HEAD: True}, {LIST: True, HEAD: True})
    assert (before["wu"], after["wu"]) == ({LIST: False, HEAD: True}, {LIST: False, HEAD: False})


def test_the_page_sets_the_rights_as_code(owner):
    team = make.group(owner, make.user(owner, "li"))
    make.attach(team, statement("Allow", HEAD))
    browser = Client()
    browser.post("/sign-in", {"account": owner.name, "password": make.PASSWORD})
    page = browser.get(f"/groups/{team.pk}/delete").content.decode()
    assert f"li: <code>{HEAD}</code>" in page


def test_an_agency_that_ends(owner):
    rights = statement("Allow", GET, "obs:object:PutObject", "obs:bucket:GetBucketWebsite")
    agency = make.agency(owner, rights, statement("Deny", "obs:object:PutObject"))
    label = "Background work loses rights at once"
    assert told(impact.of_agency(None, agency)) == {label: [f"all users: `{GET}`"]}
    assert impact.of_agency(None, make.agency(owner)) == []
    browser = Client()
    browser.post("/sign-in", {"account": owner.name, "password": make.PASSWORD})
    for page in ("delete", "do/revoke"):
        assert label in browser.get(f"/agencies/{agency.pk}/{page}").content.decode(), page


def test_what_others_still_give_or_deny_is_no_change(owner):
    li = make.user(owner)
    team, other = make.group(owner, li), make.group(owner, li)
    for one in (team, other):
        make.attach(one, statement("Allow", GET), statement("Deny", HEAD))
    found = change_of(team, li)
    assert not found.lost and not found.gained
    assert list(told(group_screen.inventory(None, team))) == ["Members of the group"]


def test_an_allow_that_stays_narrower_is_a_loss(owner):
    li = make.user(owner)
    team = make.group(owner, li)
    make.attach(team, statement("Allow", GET))
    make.attach(li, statement("Allow", GET, Resource=["obs:*:*:object:b/*"]))
    assert change_of(team, li).lost == {GET}


def test_strict_mode_off_counts_as_held(owner):
    loose = make.account(strict=False)
    li = make.user(loose)
    team = make.group(loose, li)
    make.attach(team, statement("Allow", "modelarts:model:get"))
    make.attach(team, statement("Deny", "modelarts:model:list"))
    found = change_of(team, li)
    assert (found.lost, found.gained) == (set(), {"modelarts:model:list"})


def test_a_policy_reaches_people_through_groups_and_says_how_many_rights(owner):
    li = make.user(owner, "li")
    team = make.group(owner, li, name="team")
    made = make.policy(owner, statement("Allow", LIST, HEAD, GET))
    root = make.actor(make.root_of(owner))
    policies.attach(root, made, team)
    policies.attach(root, made, li)
    assert told(policy_screen.inventory(None, made)) == {
        "It is detached from": ["team", "li"],
        "They lose rights at once": [f"li: `{HEAD}` and 2 more"],
    }
    assert policy_screen.inventory(None, make.policy(owner)) == []
