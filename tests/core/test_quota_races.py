"""Many requests at the same moment: no more objects than the limit."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.group import services as groups
from accounts.group.models import Group
from core.errors import QuotaExceeded
from core.models import Quota
from tests.sharing.test_races import failed, together
from tests.storage import people

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite",
        reason="SQLite lets one writer in at a time (transactions begin IMMEDIATE), so threads "
        "never meet",
    ),
]


@pytest.mark.parametrize("limit", [1, 3])
def test_as_many_as_the_limit_get_in(limit: int) -> None:
    for turn in range(4):
        owner = people.root(f"racer{turn}")
        actor, account = owner.actor, owner.user.account_id
        Quota.objects.create(account_id=account, key="groups", limit=limit)
        lost = failed(
            together(
                *[
                    lambda a=actor, n=number: groups.create(a, {"name": f"g{n}"})
                    for number in range(8)
                ]
            )
        )
        assert [type(error) for error in lost] == [QuotaExceeded] * (8 - limit)
        assert Group.objects.unscoped("test").filter(account_id=account).count() == limit
