"""Nothing that a test has committed is left for the next one."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from core.models import AuditRecord
from tests import emptying
from tests.storage import people


@pytest.mark.parametrize("many", [1, emptying.MANY])
def test_what_a_test_has_committed_is_gone(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """With few rows, which are deleted, and with many, where tables are truncated."""
    monkeypatch.setattr(emptying, "MANY", many)
    people.bucket(people.root("acme"), "team1")
    assert AuditRecord.objects.exists()
    assert left() > emptying.KEPT
    call_command(  # as Django's own class of transactional tests
        "flush", verbosity=0, interactive=False, reset_sequences=False, allow_cascade=False,
        inhibit_post_migrate=False,
    )  # fmt: skip
    assert left() == emptying.KEPT


def left() -> set[str]:
    """Tables that hold a row."""
    found = set()
    with connection.cursor() as cursor:
        for name in connection.introspection.django_table_names(only_existing=True):
            cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(name)} LIMIT 1")
            if cursor.fetchone():
                found.add(name)
    return found
