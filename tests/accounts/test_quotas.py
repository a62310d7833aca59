"""Quotas: who reads them, who sets them, and that a new limit holds at once."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from accounts.group import services as groups
from accounts.quota import services
from core.errors import AccessDenied, NotFound, QuotaExceeded, ValidationFailed
from core.models import AuditRecord
from tests.accounts import make
from tests.doors.world import bearer
from tests.storage import people
from tests.storage.people import Person

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
GROUPS = "groups"  # the kind whose objects are quickest made


@pytest.fixture
def operator() -> Person:
    return Person(make.root_of(make.account("operates", operator=True)))


@pytest.fixture
def owner() -> Person:
    return people.root("limited")


def of(rows: list[Any], key: str) -> Any:
    return next(row for row in rows if row.key == key)


def test_a_new_limit_holds_at_once_and_its_error_names_the_page(
    operator: Person, owner: Person
) -> None:
    key = GROUPS
    groups.create(owner.actor, {"name": "one"})
    services.set_limit(operator.actor, owner.user.account_id, key, 1)
    usage = of(services.own(owner.actor), key)
    assert (usage.used, usage.limit, usage.share) == (1, 1, 1.0)
    with pytest.raises(QuotaExceeded) as refused:
        groups.create(owner.actor, {"name": "two"})
    assert key in refused.value.hint and "Quotas" in refused.value.hint
    assert "may have 1 group at a time" in refused.value.message
    assert "Who may list quotas" in refused.value.hint, "not everybody has that page"
    row = AuditRecord.objects.get(event="updateQuotas")
    assert (row.after["limit"], row.resource_id) == (1, owner.user.account_id)
    back = services.set_limit(operator.actor, owner.user.account_id, key, None)
    assert back.limit == back.default > 1
    groups.create(owner.actor, {"name": "two"})


def test_only_the_operator_sets_and_sees_those_of_others(operator: Person, owner: Person) -> None:
    key, account = GROUPS, owner.user.account_id
    with pytest.raises(AccessDenied):
        services.set_limit(owner.actor, account, key, 5)
    with pytest.raises(AccessDenied):
        services.of_account(owner.actor, account)
    fresh = make.user(owner.user.account)
    with pytest.raises(AccessDenied):
        services.own(make.actor(fresh))
    make.attach(fresh, make.statement("Allow", services.READ))
    assert services.own(make.actor(fresh)) == services.own(owner.actor)
    made, rows = services.of_account(operator.actor, account)
    assert made.pk == account and rows == services.own(owner.actor)


def test_what_is_no_limit_kind_or_account(operator: Person, owner: Person) -> None:
    key, account = GROUPS, owner.user.account_id
    for limit in (-1, services.HIGHEST + 1):
        with pytest.raises(ValidationFailed):
            services.set_limit(operator.actor, account, key, limit)
    for where, what in ((account, "nothing"), ("0000000000", key)):
        with pytest.raises(NotFound):
            services.set_limit(operator.actor, where, what, 1)


def test_the_pages(operator: Person, owner: Person) -> None:
    key, account = GROUPS, owner.user.account_id
    own, theirs = Client(), Client()
    people.sign_in(own, owner)
    people.sign_in(theirs, operator)
    text = own.get("/quotas").content.decode()
    assert key in text and 'name="limit-' not in text
    assert "Share units" in text and "<td>Shared by me" not in text
    assert own.get(f"/accounts/{account}/quotas").status_code == 403
    path = f"/accounts/{account}/quotas"
    assert path in theirs.get("/accounts").content.decode()
    drawn = theirs.get(path).content.decode()
    assert f'name="limit-{key}"' in drawn and 'href="/accounts"' in drawn
    assert 'type="number"' not in drawn, "a browser empties such a field of what it cannot read"
    theirs.post(path, {f"limit-{key}": "7", f"was-{key}": "50"})
    assert of(services.own(owner.actor), key).limit == 7
    theirs.post(path, {f"limit-{key}": "9", f"was-{key}": "9"})
    assert of(services.own(owner.actor), key).limit == 7, "what was not touched is not written"


def test_a_wrong_limit_keeps_everything_that_was_typed(operator: Person, owner: Person) -> None:
    path, browser = f"/accounts/{owner.user.account_id}/quotas", Client()
    people.sign_in(browser, operator)
    before = services.own(owner.actor)
    for wrong in ("-1", "x", "", "٣", str(services.HIGHEST + 1), "9" * 31):
        typed = {f"limit-{GROUPS}": wrong, f"was-{GROUPS}": "50", "limit-users": "12",
                 "was-users": "200"}  # fmt: skip
        refused = browser.post(path, typed)
        text = refused.content.decode()
        field = re.search(f'<input[^>]*name="limit-{GROUPS}"[^>]*>', text)[0]
        assert refused.status_code == 400
        assert f'value="{wrong}"' in field and "is-invalid" in field and "autofocus" in field
        assert text.count("autofocus") == 1 and 'name="limit-users" value="12"' in text
        assert services.own(owner.actor) == before


def test_back_to_default_is_asked_for_and_keeps_what_was_typed(
    operator: Person, owner: Person
) -> None:
    path, browser = f"/accounts/{owner.user.account_id}/quotas", Client()
    people.sign_in(browser, operator)
    assert 'name="default"' not in browser.get(path).content.decode()
    services.set_limit(operator.actor, owner.user.account_id, GROUPS, 0)
    assert f'name="default" value="{GROUPS}"' in browser.get(path).content.decode()
    answer = browser.post(path, {"default": GROUPS, "limit-users": "12", "was-users": "200"})
    assert 'name="limit-users" value="12"' in answer.content.decode()
    usage = of(services.own(owner.actor), GROUPS)
    assert usage.limit == usage.default


def test_a_limit_of_nothing_is_a_full_bar(operator: Person, owner: Person) -> None:
    services.set_limit(operator.actor, owner.user.account_id, GROUPS, 0)
    browser = Client()
    people.sign_in(browser, owner)
    text = browser.get("/quotas").content.decode()
    assert re.search(r'0 / 0</span></div>\s*<progress class="bar-red" value="100"', text)


def test_the_api(operator: Person, owner: Person) -> None:
    key, account = GROUPS, owner.user.account_id
    head = {"Authorization": f"Bearer {bearer(operator)}"}
    path = f"/api/v1/accounts/{account}/quotas"
    put = Client(headers=head).put(
        f"{path}/{key}", json.dumps({"limit": 3}), content_type="application/json"
    )
    assert (put.status_code, put.json()["limit"]) == (200, 3)
    listed = Client(headers=head).get(path).json()["items"]
    assert next(i for i in listed if i["key"] == key)["limit"] == 3
    own = Client(headers={"Authorization": f"Bearer {bearer(owner)}"})
    assert own.get("/api/v1/quotas").json()["items"] == listed
    refused = own.put(f"{path}/{key}", json.dumps({"limit": 3}), content_type="application/json")
    assert refused.status_code == 403


@pytest.mark.parametrize("wrong", ["٣", "3", 3.0, True, [3], -1])
def test_a_limit_over_the_api_is_an_integer_of_json(
    operator: Person, owner: Person, wrong: Any
) -> None:
    before = of(services.own(owner.actor), GROUPS).limit
    answer = Client(headers={"Authorization": f"Bearer {bearer(operator)}"}).put(
        f"/api/v1/accounts/{owner.user.account_id}/quotas/{GROUPS}",
        json.dumps({"limit": wrong}),
        content_type="application/json",
    )
    assert (answer.status_code, answer.json()["problems"][0]["field"]) == (400, "limit")
    assert of(services.own(owner.actor), GROUPS).limit == before
