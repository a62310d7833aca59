"""The trail: append-only, one line per entry, secrets masked, and nothing without it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from core import actor as actors
from core import audit
from core.models import AuditRecord
from tests.accounts import make as accounts

PLATFORM = actors.system("test")


@pytest.fixture
def row(db: None) -> AuditRecord:
    owner = accounts.account()
    return audit.record(
        accounts.actor(accounts.root_of(owner)),
        event="createThing",
        action="a:b:c",
        resource_name="one\r\n2026-01-01 forged line\x1b[31m",
        after={
            "name": "x",
            "password": "hunter2",
            "api_token": "t",
            "nested": {"a": 1, "list": [{"db_password": "hunter3"}], "secretName": ["kept"]},
        },
    )


def test_rows_cannot_be_changed_or_removed(row: AuditRecord, append_only: None) -> None:
    for attempt in (
        lambda: AuditRecord.objects.filter(pk=row.pk).update(event="nothing"),
        lambda: AuditRecord.objects.filter(pk=row.pk).delete(),
        lambda: row.delete(),
        lambda: _sql("UPDATE core_auditrecord SET actor_label = 'somebody else'"),
        lambda: _sql("DELETE FROM core_auditrecord"),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            attempt()
    assert AuditRecord.objects.get(pk=row.pk).event == "createThing"


def test_the_trail_cannot_be_truncated_or_replaced(row: AuditRecord, append_only: None) -> None:
    """Neither at once nor through a table that refers to it, neither by id nor by any other way
    that deletes the row in between."""
    columns = ", ".join(field.column for field in AuditRecord._meta.concrete_fields)
    forged = columns.replace("event", "'forged'")
    copy = f"INTO core_auditrecord ({columns}) SELECT {forged} FROM core_auditrecord"
    attempts = {
        "sqlite": (
            f"INSERT OR REPLACE {copy}",
            f"REPLACE {copy}",
            f"INSERT OR IGNORE {copy}",
            f"INSERT {copy} WHERE true ON CONFLICT (id) DO UPDATE SET event = 'forged'",
            "UPDATE OR REPLACE core_auditrecord SET id = id + 1, event = 'forged'",
        ),
        "postgresql": (
            "TRUNCATE core_auditrecord",
            "TRUNCATE core_auditrecord CASCADE",
            "TRUNCATE accounts_account CASCADE",
            f"INSERT {copy} ON CONFLICT (id) DO UPDATE SET event = 'forged'",
        ),
    }
    if connection.vendor == "postgresql":
        _sql("SET CONSTRAINTS ALL IMMEDIATE")  # no TRUNCATE while one waits
    for statement in attempts[connection.vendor]:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            _sql(statement)
        assert AuditRecord.objects.get(pk=row.pk).event == "createThing"


def _sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_no_value_forges_a_second_line(row: AuditRecord) -> None:
    assert not set(row.resource_name) & {"\r", "\n", "\x1b"}


def test_secrets_are_masked(row: AuditRecord) -> None:
    assert row.after == {
        "name": "x",
        "password": "***",
        "api_token": "***",
        "nested": {"a": 1, "list": [{"db_password": "***"}], "secretName": ["kept"]},
    }


def test_a_change_without_its_row_does_not_happen(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage.bucket.models import Bucket
    from tests.storage import people

    owner = people.root("audited")

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space for the trail")

    monkeypatch.setattr("core.services.audit.record", full)
    with pytest.raises(OSError, match="no space"):
        people.bucket(owner, "never-made")
    assert not Bucket.objects.unscoped("test").filter(name="never-made").exists()
