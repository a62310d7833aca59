"""Small tables are known to PostgreSQL's planner."""

from __future__ import annotations

import pytest
from django.db import connection

from core import statistics
from sharing.unit.models import ShareUnit
from tests.storage.people import root


def known_rows() -> float:
    """How many rows the planner believes the table of share units has; -1 for never looked at."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'sharing_shareunit'::regclass")
        return float(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's planner")
def test_a_table_too_small_for_autovacuum_is_analysed() -> None:
    owner = root("statisticsowner")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sharing_shareunit")
    before = known_rows()
    for number in range(3):
        ShareUnit.objects.create(
            account_id=owner.user.account_id, region="cn-north-1", name=f"u{number}", phase="ACTIVE"
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    assert before == 0
    assert "sharing_shareunit" in statistics.refresh()
    assert known_rows() == 3
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    assert "sharing_shareunit" not in statistics.refresh()


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor == "postgresql", reason="the other databases")
def test_other_databases_need_nothing() -> None:
    assert statistics.refresh() == []
