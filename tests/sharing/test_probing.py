"""Account ids are told to nobody in bulk, and nobody fills another account's page."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.account.models import Account
from core.errors import QuotaExceeded, TooManyRequests, ValidationFailed
from sharing.block import services as blocks
from sharing.block.models import BlockedAccount
from sharing.invitation import services as answers
from sharing.invitation.models import Invitation
from sharing.rate import services as rates
from sharing.rate.models import Rate
from sharing.unit import guesses
from sharing.unit import services as units
from tests.sharing.conftest import Tenant, browser, invitation_of, share

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
HOUR = dt.timedelta(hours=1)


def api(tenant: Tenant) -> Client:
    return browser(tenant)


def post(tenant: Tenant, model: Any, ids: list[str], **headers: str) -> Any:
    body = {
        "name": "probe",
        "resources": [{"type": "models", "id": str(model.pk)}],
        "principals": ids,
    }
    return api(tenant).post(
        "/api/v1/share-units", body, content_type="application/json", headers=headers
    )


def unknown(count: int) -> list[str]:
    """Ids that no account has."""
    taken = set(Account.objects.values_list("pk", flat=True))
    found = (str(number) for number in range(1_000_000_000, 1_000_001_000))
    return [text for text in found if text not in taken][:count]


@pytest.fixture
def few(settings: Any) -> int:
    settings.MODELYARD_WRONG_ACCOUNT_IDS_PER_HOUR = 4
    return 4


def test_unknown_suspended_blocking_and_malformed_read_the_same(owner, consumer, stranger, model):
    suspended, blocking = stranger, consumer
    Account.objects.filter(pk=suspended.id).update(is_active=False)
    blocks.create(blocking.root, {"name": owner.id})
    ids = [unknown(1)[0], suspended.id, blocking.id, "12345", "no-digits!"]
    bodies = []
    for text in ids:
        answer = post(owner, model, [text])
        assert answer.status_code == 400
        body = answer.json()
        body.pop("request_id", None)
        bodies.append(str(body).replace(text, "ID"))
    assert len(set(bodies)) == 1, bodies


@pytest.mark.parametrize("key", ["", "once-and-for-all"])
def test_guesses_are_counted_though_the_request_is_rolled_back(owner, consumer, model, few, key):
    headers = {"Idempotency-Key": key} if key else {}
    for text in unknown(few):
        assert post(owner, model, [text], **headers).status_code == 400
    answer = post(owner, model, [consumer.id], **headers)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 3601
    assert not Invitation.objects.unscoped("test").exists()


def test_many_wrong_ids_at_once_are_told_apart_by_nobody(owner, consumer, model, few):
    answer = post(owner, model, [*unknown(few + 1), consumer.id])
    assert answer.status_code == 429
    assert consumer.id not in answer.content.decode()
    assert post(owner, model, [consumer.id]).status_code == 429


def test_changes_and_pages_count_too(owner, consumer, model, few):
    unit = share(owner, [model], [consumer])
    client = browser(owner)
    for text in unknown(2):
        answer = client.patch(
            f"/api/v1/share-units/{unit.pk}",
            {"add_principals": [text]},
            content_type="application/json",
            headers={"If-Match": "*"},
        )
        assert answer.status_code == 400, answer.content
    form = {"name": "p", "resources": [f"registry.model:{model.pk}"]}
    for text in unknown(2):
        page = client.post("/share-units/new", {**form, "principals": text})
        assert "ACCOUNT" not in page.headers
        assert page.status_code == 400
    assert client.post("/share-units/new", {**form, "principals": "1"}).status_code == 429
    edit = {"name": unit.name, "principals": "1", "resources": form["resources"]}
    assert client.post(f"/share-units/{unit.pk}/edit", edit).status_code == 429


def test_an_hour_later_one_may_ask_again(owner, consumer, model, few):
    post(owner, model, unknown(few + 1))
    Rate.objects.update(since=timezone.now() - HOUR)
    assert post(owner, model, [consumer.id]).status_code == 201


def test_users_of_one_account_share_its_guesses(owner, few):
    actors = [owner.root.with_request(user_id=unit.pk) for unit in _users(owner, 4)]
    wrong = unknown(few)
    for actor in actors[: guesses.USERS]:
        guesses.check(actor, wrong)
    with pytest.raises(TooManyRequests):
        guesses.check(actors[-1], wrong[:1])


def _users(owner: Tenant, count: int) -> list[Any]:
    from tests.accounts import make

    return [make.user(Account.objects.get(pk=owner.id)) for _ in range(count)]


def test_more_than_fifty_ids_are_refused_before_one_is_looked_at(
    owner, model, django_assert_num_queries
):
    actor, ids = owner.root, unknown(51)
    with django_assert_num_queries(0), pytest.raises(ValidationFailed, match="50"):
        guesses.check(actor, ids)
    assert post(owner, model, unknown(51)).status_code == 400
    assert not Rate.objects.exists()


def test_windows_that_are_over_are_swept(owner):
    rates.take("k", 1, 5, HOUR, "t")
    assert rates.sweep() == 0
    Rate.objects.update(since=timezone.now() - dt.timedelta(days=2))
    assert rates.sweep() == 1


class TestInvitations:
    def test_one_row_per_account_and_unit(self, owner, consumer, model):
        unit = share(owner, [model], [consumer])
        first = invitation_of(unit, consumer)
        answers.services.perform(consumer.root, first, "reject", {"reason": "no"})
        units.update(owner.root, unit, {"add_principals": [consumer.id]})
        rows = Invitation.objects.unscoped("test").filter(account=consumer.id)
        again = rows.get()
        assert (again.pk, again.phase, again.message) == (first.pk, "PENDING", "Invited again.")
        assert again.answered_at is None
        assert again.expires_at > first.expires_at
        accepted = answers.accept(consumer.root, again)
        assert accepted.is_in_force

    def test_a_pair_has_a_rate(self, owner, consumer, model, settings):
        settings.MODELYARD_INVITATIONS_PER_PAIR = 2
        unit = share(owner, [model], [consumer])
        ids = [consumer.id]
        units.update(owner.root, unit, {"remove_principals": ids})
        units.update(owner.root, unit, {"add_principals": ids})
        units.update(owner.root, unit, {"remove_principals": ids})
        with pytest.raises(TooManyRequests) as caught:
            units.update(owner.root, unit, {"add_principals": ids})
        assert 0 < caught.value.extra["retry_after"] <= 86401

    def test_a_pair_has_so_many_open_ones(self, owner, consumer, model, settings):
        settings.MODELYARD_INVITATIONS_PER_PAIR = 2
        for name in ("one", "two"):
            share(owner, [model], [consumer], name=name)
        Rate.objects.all().delete()
        with pytest.raises(QuotaExceeded):
            share(owner, [model], [consumer], name="three")


class TestBlocking:
    def test_it_rejects_what_waits_and_lets_nothing_in(self, owner, consumer, model):
        unit = share(owner, [model], [consumer])
        row = invitation_of(unit, consumer)
        client = browser(consumer)
        answer = client.post(
            f"/api/v1/share-invitations/{row.pk}/block", {}, content_type="application/json"
        )
        assert answer.status_code == 200, answer.content
        assert answer.json()["phase"] == "REJECTED"
        assert BlockedAccount.objects.unscoped("t").get(account=consumer.id).name == (owner.id)
        assert post(owner, model, [consumer.id]).status_code == 400
        with pytest.raises(ValidationFailed):
            units.update(owner.root, unit, {"add_principals": [consumer.id]})

    def test_what_was_accepted_stays_and_unblocking_lets_in_again(self, owner, consumer, model):
        unit = share(owner, [model], [consumer])
        answers.accept(consumer.root, invitation_of(unit, consumer))
        block = blocks.create(consumer.root, {"name": owner.id})
        assert invitation_of(unit, consumer).is_in_force
        blocks.delete(consumer.root, block)
        assert post(owner, model, [consumer.id]).status_code == 201

    def test_any_id_can_be_blocked_whether_it_exists_or_not(self, consumer):
        client = browser(consumer)
        for text, status in ((unknown(1)[0], 201), ("123", 400), (consumer.id, 400)):
            answer = client.post(
                "/api/v1/blocked-accounts", {"name": text}, content_type="application/json"
            )
            assert answer.status_code == status, answer.content

    def test_the_page_before_it_names_the_account_and_what_is_rejected(
        self, owner, consumer, model
    ):
        row = invitation_of(share(owner, [model], [consumer], name="unwanted"), consumer)
        page = f"/share-invitations/{row.pk}/do/block"
        asked = browser(consumer).get(page).content.decode()
        assert f"({owner.id})" in asked
        assert f'<a href="/share-invitations/{row.pk}">unwanted</a>' in asked

    def test_its_pages(self, owner, consumer):
        client = browser(consumer)
        empty = client.get("/blocked-accounts").content
        assert b"No blocked accounts" in empty and b"Block an account" in empty
        assert b"Create blocked account" not in empty + client.get("/blocked-accounts/new").content
        made = client.post("/blocked-accounts/new", {"name": owner.id, "once": "k"})
        assert made.status_code == 302
        assert owner.id in client.get("/blocked-accounts").content.decode()
