"""What cannot be had back by a second click is asked about: what it does in numbers, and a name."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.account.models import Account
from core.services import perform
from sharing.block import services as blocks
from sharing.block.models import BlockedAccount
from storage.object.models import StoredObject
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person
from training.job.models import TrainingJob

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Person:
    return people.root("consequence")


@pytest.fixture
def client(owner: Person) -> Client:
    found = Client()
    people.sign_in(found, owner)
    return found


def numbers(page: Any) -> list[tuple[str, int, list[str]]]:
    """The preview of a page that asks: label, number beside it, lines."""
    return [
        (str(one["label"]), one["count"], [item["text"] for item in one["items"]])
        for one in page.context["inventory"]
    ]


class TestSuspension:
    @pytest.fixture
    def operator(self) -> Client:
        found = Client()
        operator = make.account(operator=True)
        people.sign_in(found, Person(make.root_of(operator)))
        return found

    def test_it_asks_with_numbers_and_for_the_name(self, operator: Client, owner: Person) -> None:
        account = owner.user.account
        make.user(account)
        make.user(account, is_active=False)
        TrainingJob.objects.create(
            account_id=account.pk, region=owner.actor.region, name="j", phase="Running",
            code_bucket="b", boot_file="t.py", engine="e", flavor="f",
        )  # fmt: skip
        page = f"/accounts/{account.pk}/state"
        assert f'href="{page}"' in operator.get("/accounts").content.decode()
        asked = operator.get(page)
        (_refused, _n, lines), (_running, _m, work) = numbers(asked)
        assert lines[0] == "users: 2" and work == ["Training jobs: 1"]
        assert account.name in asked.content.decode()
        for typed in ("", "other"):
            answer = operator.post(page, {"active": "off", "typed": typed})
            assert answer.status_code == 400
            assert Account.objects.get(pk=account.pk).is_active
        assert operator.post(page, {"active": "off", "typed": account.name}).status_code == 302
        assert not Account.objects.get(pk=account.pk).is_active
        assert operator.post(page, {"active": "on"}).status_code == 302
        assert Account.objects.get(pk=account.pk).is_active

    def test_only_the_operator_is_asked(self, client: Client, owner: Person) -> None:
        page = f"/accounts/{owner.user.account_id}/state"
        assert client.get(page).status_code == 403

    def test_no_such_account(self, operator: Client) -> None:
        assert operator.get("/accounts/1234567890/state").status_code == 404
        assert operator.post("/accounts/1234567890/state", {"typed": "x"}).status_code == 404


class TestStrictMode:
    def test_off_names_who_gains_and_asks_for_the_name(self, client: Client, owner: Person) -> None:
        account = owner.user.account
        Account.objects.filter(pk=account.pk).update(strict_mode=True)
        people.user(owner, "li", [people.statement("Allow", "obs:*:*")])
        make.user(account)
        page = "/security/strict-mode"
        ((_label, count, lines),) = numbers(client.get(page))
        assert (count, lines) == (2, ["users: 2", "of them without policy and group: 1"])
        assert client.post(page, {"strict": "off"}).status_code == 400
        assert Account.objects.get(pk=account.pk).strict_mode
        sent = {"strict": "off", "typed": account.name}
        assert client.post(page, sent).status_code == 302
        assert not Account.objects.get(pk=account.pk).strict_mode
        assert not client.get(page).context["typed"]
        assert client.post(page, {"strict": "on"}).status_code == 302

    def test_a_user_is_not_asked(self, owner: Person) -> None:
        other = Client()
        people.sign_in(other, people.user(owner, "li", []))
        assert other.get("/security/strict-mode").status_code == 403


class TestBucket:
    def test_emptying_says_how_much_and_asks_for_the_name(
        self, client: Client, owner: Person
    ) -> None:
        bucket = people.bucket(owner)
        for number in range(3):
            people.put(owner, bucket.name, f"o{number}", b"12")
        page = f"/buckets/{bucket.pk}/do/purge"
        assert numbers(client.get(page)) == [("Objects in it", 3, ["All objects, 6\xa0B"])]
        assert client.post(page).status_code == 400
        assert StoredObject.objects.unscoped("test").count() == 3
        assert client.post(page, {"typed": bucket.name}).status_code == 302
        assert not StoredObject.objects.unscoped("test").exists()


class TestWords:
    def test_unblocking_is_not_called_deleting(self, client: Client, owner: Person) -> None:
        other = people.root("blocked")
        block = blocks.create(owner.actor, {"name": other.user.account_id})
        page = client.get(f"/blocked-accounts/{block.pk}").content.decode()
        assert "Unblock" in page and ">Delete" not in page
        asked = client.get(f"/blocked-accounts/{block.pk}/delete").content.decode()
        assert "may invite yours again" in asked
        assert "Delete" not in asked and "cannot be undone" not in asked
        done = client.post(f"/blocked-accounts/{block.pk}/delete", follow=True)
        assert "was unblocked" in done.content.decode()
        assert not BlockedAccount.objects.unscoped("test").exists()

    def test_a_user_is_offered_the_one_that_changes_something(
        self, client: Client, owner: Person
    ) -> None:
        li = people.user(owner, "li", []).user
        page = f"/users/{li.pk}"
        text = client.get(page).content.decode()
        assert f"{page}/do/disable" in text and f"{page}/do/enable" not in text
        perform(owner.actor, li, "disable", {})
        text = client.get(page).content.decode()
        assert f"{page}/do/enable" in text and f"{page}/do/disable" not in text
        perform(owner.actor, li, "disable", {})  # the API answers as the first time
