"""An agency that is granted to a user is the account's: it does not go with the user."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.agency.models import Agency
from accounts.user import services
from accounts.user.models import User
from core.errors import Conflict
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Person:
    return people.root("granting")


def test_the_page_names_them_and_the_user_stays(owner: Person) -> None:
    li = make.user(owner.user.account, "li")
    agency = make.agency(owner.user.account, grantee=li, name="for-li")
    client = Client()
    people.sign_in(client, owner)
    asked = client.get(f"/users/{li.pk}/delete")
    (group,) = [one for one in asked.context["inventory"] if one["severity"] == "danger"]
    assert group["items"] == [{"text": "for-li", "url": f"/agencies/{agency.pk}"}]
    assert asked.context["blocked"]
    with pytest.raises(Conflict, match="for-li") as refused:
        services.delete(owner.actor, li)
    assert refused.value.code == "IN_USE"
    assert Agency.objects.unscoped("test").filter(pk=agency.pk).exists()


@pytest.mark.parametrize(
    "after",
    [
        {"grantee": None},
        {"revoked_at": timezone.now()},
        {"expires_at": timezone.now() - dt.timedelta(days=1)},
    ],
)
def test_given_on_or_over_it_holds_no_user(owner: Person, after: dict[str, Any]) -> None:
    li = make.user(owner.user.account, "li")
    agency = make.agency(owner.user.account, grantee=li)
    Agency.objects.unscoped("test").filter(pk=agency.pk).update(**after)
    services.delete(owner.actor, li)
    assert not User.objects.unscoped("test").filter(pk=li.pk).exists()
    kept = Agency.objects.unscoped("test").filter(pk=agency.pk).exists()
    assert kept is (after == {"grantee": None})
