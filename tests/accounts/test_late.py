"""Decided late: what ended while a body came, or between a look and a write, gives nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts import facts
from accounts.group import services as groups
from accounts.group.models import Membership
from accounts.hold import by_password
from accounts.policy import services as policies
from accounts.policy.models import Policy, PolicyAttachment
from accounts.signin import services as signin
from accounts.token import services as tokens
from accounts.user import services as users
from accounts.user.models import User
from core import access, audit, services
from core.errors import AccessDenied, NotAuthenticated
from tests.accounts import make
from tests.held import Held

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
IAM = make.statement("Allow", "iam:*:*")
READ = make.statement("Allow", "iam:users:getUser")
ALL = make.statement("Allow", "obs:*:*", "iam:*:*")


@pytest.fixture
def home() -> Any:
    return make.account()


@pytest.fixture
def admin(home: Any) -> User:
    """A user who holds the whole of IAM."""
    made = make.user(home)
    make.attach(made, IAM)
    return made


def send(user: User, method: str, path: str, body: bytes, meanwhile: Callable[[], object]) -> Any:
    """A request with a token of ``user`` whose body is held until ``meanwhile`` has happened."""
    _row, text = tokens.create(make.actor(user), "held")
    return Client().generic(
        method,
        path,
        b"x",
        content_type="application/json",
        headers={"Authorization": f"Bearer {text}"},
        **{"wsgi.input": Held(body, meanwhile), "CONTENT_LENGTH": str(len(body))},
    )


def disable(user: User) -> None:
    services.perform(make.actor(make.root_of(user.account)), user, "disable", {})


ENDS: dict[str, Callable[[User], object]] = {
    "disabled": disable,
    "token revoked": lambda user: tokens.revoke_all(user),
    "policy detached": lambda user: policies.detach(
        make.actor(make.root_of(user.account)), PolicyAttachment.objects.get(user=user)
    ),
    "password reset": lambda user: services.perform(
        make.actor(make.root_of(user.account)), user, "reset-password", {}
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_held_request_has_the_rights_of_its_end(home, admin, end):
    group, friend = make.group(home), make.user(home)
    body = f'{{"user": "{friend.pk}"}}'.encode()
    path = f"/api/v1/groups/{group.pk}/members"
    answer = send(admin, "POST", path, body, lambda: ENDS[end](admin))
    assert answer.status_code in (401, 403, 404), answer.content
    assert not Membership.objects.filter(group=group).exists()


def test_a_held_page_ends_with_its_session(home, admin):
    client = Client()
    client.post("/sign-in", {"account": home.name, "user": admin.name, "password": make.PASSWORD})
    body = b"name=held-group&description=&once="
    answer = client.generic(
        "POST",
        "/groups/new",
        b"x",
        content_type="application/x-www-form-urlencoded",
        **{
            "wsgi.input": Held(body, lambda: disable(admin)),
            "CONTENT_LENGTH": str(len(body)),
        },
    )
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in")


class TestInsideTheTransaction:
    """What a transaction acts on is read in it, under the lock of the account's rights."""

    def test_attach_asks_about_the_document_of_now(self, home, admin):
        mild = make.policy(home, READ)
        stale = services.visible(Policy, make.actor(admin), pk=mild.pk)
        root = make.actor(make.root_of(home))
        policies.update(root, mild, {"document": {"Version": "1.1", "Statement": [ALL]}})
        with pytest.raises(AccessDenied):
            policies.attach(make.actor(admin), stale, admin)
        assert PolicyAttachment.objects.filter(user=admin).count() == 1

    def test_edit_compares_with_the_document_of_now(self, home, admin):
        own = make.policy(home, ALL)
        stale = services.visible(Policy, make.actor(admin), pk=own.pk)
        root = make.actor(make.root_of(home))
        mild = {"Version": "1.1", "Statement": [READ]}
        policies.update(root, own, {"document": mild})
        policies.attach(root, own, admin)
        same = {"Version": "1.1", "Statement": [ALL]}  # as the stale row still says
        with pytest.raises(AccessDenied):
            policies.update(make.actor(admin), stale, {"document": same})
        assert Policy.objects.unscoped("test").get(pk=own.pk).document == mild

    def test_rights_remembered_by_the_request_do_not_count(self, home, admin):
        actor, group, friend = make.actor(admin), make.group(home), make.user(home)
        with facts.remembered():
            assert access.decide(actor, groups.ADD, group).allowed
            # another process: nothing of this request is told
            with transaction.atomic():
                PolicyAttachment.objects.filter(user=admin).delete()
                type(home).objects.filter(pk=home.pk).update(iam_epoch=facts.new_epoch())
            with pytest.raises(AccessDenied):
                groups.add_member(actor, group, friend)

    def test_a_verb_is_decided_about_the_row_of_now(self, home, admin):
        fenced = make.user(home)
        make.attach(
            admin,
            make.statement(
                "Deny",
                "iam:users:updateUser",
                Condition={"StringEquals": {"g:ResourceTag/keep": ["yes"]}},
            ),
        )
        stale = services.visible(User, make.actor(admin), pk=fenced.pk)
        User.objects.unscoped("test").filter(pk=fenced.pk).update(tags={"keep": "yes"})
        with pytest.raises(AccessDenied):
            services.perform(make.actor(admin), stale, "disable", {})
        fenced.refresh_from_db()
        assert fenced.is_active

    def test_a_token_that_ended_writes_nothing(self, home, admin):
        row, text = tokens.create(make.actor(admin), "short")
        actor = tokens.authenticate_bearer(f"Bearer {text}")
        tokens.revoke(make.actor(admin), row.pk)
        with pytest.raises(NotAuthenticated):
            groups.create(actor, {"name": "late"})

    def test_a_token_is_made_only_with_the_password_of_now(self, home, admin):
        found = signin.verify(home.name, admin.name, make.PASSWORD, ip="192.0.2.1")
        actor = make.actor(admin).with_request(credential=by_password(found))
        signin.change_password(admin, make.PASSWORD, "another good passphrase 9")
        with pytest.raises(NotAuthenticated):
            tokens.create(actor, "with the password of before")

    def test_a_change_of_password_loses_against_a_reset(self, home, admin, monkeypatch):
        real = signin.passwords.check
        root = make.actor(make.root_of(home))

        def reset_meanwhile(*args: Any, **kwargs: Any) -> None:
            monkeypatch.setattr(signin.passwords, "check", real)
            services.perform(root, admin, "reset-password", {})

        monkeypatch.setattr(signin.passwords, "check", reset_meanwhile)
        stale = User.objects.unscoped("test").select_related("account").get(pk=admin.pk)
        with pytest.raises(NotAuthenticated):
            signin.change_password(stale, make.PASSWORD, "another good passphrase 9")
        admin.refresh_from_db()
        assert admin.must_change_password

    def test_rights_are_not_changed_inside_a_transaction_that_keeps_them_still(self, home, admin):
        actor = make.actor(admin)
        with access.writing(actor), pytest.raises(RuntimeError):
            users.create(actor, {"name": "inside"})


def test_an_audit_row_of_a_decision_is_written_under_its_lock(home, admin):
    """What nobody has to remember: a writer that decides before its transaction cannot audit."""
    actor = make.actor(admin)
    decision = access.authorize(actor, "iam:users:listUsers")
    with transaction.atomic(), pytest.raises(RuntimeError, match=r"outside access\.writing"):
        audit.record(actor, event="x", action="iam:users:listUsers", decision_id=decision.id)


def test_another_accounts_object_is_asked_about_under_its_lock(home, admin):
    other = make.account()
    with access.writing(make.actor(admin)):
        assert not access.held(other.pk)
        access.decide(make.actor(admin), "modelarts:model:get", access.Target(other.pk))
        assert access.held(other.pk)
        assert not access.held(other.pk, alone=True)
    assert not access.held(home.pk)
