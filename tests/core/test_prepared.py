"""A prepared query answers as the ORM does, on every thread and for every value."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from typing import Any

import pytest

from accounts.user.models import User
from core.prepared import Prepared, PreparedRow
from tests.accounts import make as accounts

BY_ID = Prepared(
    lambda user_id, account_id: (
        User.objects.unscoped("test")
        .filter(pk=user_id, account_id=account_id, is_active=True)
        .values_list("pk", "name", "is_root", "account")
    ),
    user_id=User._meta.get_field("id"),
    account_id=User._meta.get_field("account").target_field,
)


@pytest.mark.django_db
class TestPrepared:
    def test_rows_and_types_are_those_of_the_orm(self) -> None:
        owner = accounts.account()
        for user in (accounts.user(owner), accounts.user(owner), accounts.root_of(owner)):
            row = BY_ID.row(user_id=user.pk, account_id=owner.pk)
            assert row == (user.pk, user.name, user.is_root, owner.pk)
            assert isinstance(row[0], uuid.UUID) and isinstance(row[2], bool)

    def test_every_value_and_every_constant_takes_part(self) -> None:
        owner, other = accounts.account(), accounts.account()
        user = accounts.user(owner)
        assert BY_ID.row(user_id=user.pk, account_id=other.pk) is None
        assert BY_ID.row(user_id=uuid.uuid4(), account_id=owner.pk) is None
        User.objects.unscoped("test").filter(pk=user.pk).update(is_active=False)
        assert BY_ID.rows(user_id=user.pk, account_id=owner.pk) == []

    def test_a_whole_row_is_an_instance_as_the_orm_makes_it(self) -> None:
        by_name = PreparedRow(
            User,
            lambda name: User.objects.unscoped("test").filter(name=name).order_by("pk"),
            name=User._meta.get_field("name"),
        )
        user = accounts.user(accounts.account())
        User.objects.unscoped("test").filter(pk=user.pk).update(tags={"team": "red"})
        found, wanted = by_name.get(name=user.name), User.objects.unscoped("test").get(pk=user.pk)
        assert found is not None and found.tags == {"team": "red"}
        assert not found._state.adding and not found.get_deferred_fields()
        columns = [field.attname for field in User._meta.concrete_fields]
        assert [getattr(found, c) for c in columns] == [getattr(wanted, c) for c in columns]
        assert by_name.get(name="nobody") is None

    def test_a_moment_is_a_value(self) -> None:
        since = Prepared(
            lambda at: User.objects.unscoped("test").filter(created_at__gt=at).values_list("pk"),
            at=User._meta.get_field("created_at"),
        )
        user = accounts.user(accounts.account())
        second = dt.timedelta(seconds=1)
        assert (user.pk,) in since.rows(at=user.created_at - second)
        assert (user.pk,) not in since.rows(at=user.created_at + second)

    def test_hostile_values_are_values(self) -> None:
        owner = accounts.account()
        user = accounts.user(owner)
        assert BY_ID.row(user_id=user.pk, account_id="' OR 1=1 --") is None

    def test_a_value_that_the_query_drops_is_found_out(self) -> None:
        careless = Prepared(
            lambda user_id, account_id: (
                User.objects.unscoped("test").filter(pk=user_id).values_list("pk")
            ),
            user_id=User._meta.get_field("id"),
            account_id=User._meta.get_field("account").target_field,
        )
        with pytest.raises(TypeError, match="account_id does not appear"):
            careless.row(user_id=uuid.uuid4(), account_id="1")


@pytest.mark.django_db(transaction=True)
def test_threads_do_not_share_a_compiled_query() -> None:
    owner = accounts.account()
    users = [accounts.user(owner) for _one in range(4)]
    seen: dict[Any, Any] = {}

    def ask(user: User) -> None:
        from django.db import connection

        try:
            for _again in range(20):
                seen[user.pk] = BY_ID.row(user_id=user.pk, account_id=owner.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=[user]) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {pk: row[1] for pk, row in seen.items()} == {u.pk: u.name for u in users}
