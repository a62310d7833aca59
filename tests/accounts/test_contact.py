"""E-mail addresses: sealed at rest, found by the whole address, in no trail or stored answer."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest
from django.db import connection, models
from django.test import Client

from accounts.user.models import User
from core import digests, sealed
from core.models import AuditRecord, IdempotencyRecord
from tests.contract.base import bearer
from tests.storage import people
from tests.storage.people import Person

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
MAIL = "Ada.Lovelace@Example.org"


@pytest.fixture
def owner() -> Person:
    return people.root("mails")


@pytest.fixture
def api(owner: Person) -> Client:
    return Client(headers={"Authorization": f"Bearer {bearer(owner)}"})


def made(api: Client, name: str = "ada", **headers: str) -> dict[str, Any]:
    body = {"name": name, "email": MAIL}
    answer = api.post("/api/v1/users", body, content_type="application/json", headers=headers)
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def stored() -> str:
    """Every text of the tables that a user's creation writes, as the database has it."""
    found = []
    with connection.cursor() as cursor:
        for table in (User, AuditRecord, IdempotencyRecord):
            cursor.execute(f'SELECT * FROM "{table._meta.db_table}"')
            found += cursor.fetchall()
    return json.dumps(found, default=str).lower()


def test_who_may_see_a_user_reads_the_address_and_the_database_has_none(
    owner: Person, api: Client
) -> None:
    user = made(api, **{"Idempotency-Key": "once"})
    assert user["email"] == MAIL
    assert api.get(f"/api/v1/users/{user['id']}").json()["email"] == MAIL
    again = made(api, **{"Idempotency-Key": "once"})
    assert (again["id"], again["email"]) == (user["id"], MAIL)
    page = Client()
    people.sign_in(page, owner)
    for address in ("/users", f"/users/{user['id']}", f"/users/{user['id']}/edit"):
        assert MAIL in page.get(address).content.decode()
    assert "lovelace" not in stored()


def test_a_change_is_in_the_trail_and_the_address_is_not(api: Client) -> None:
    user = made(api)
    for address in ("countess@example.org", ""):
        seen = api.get(f"/api/v1/users/{user['id']}")
        answer = api.patch(
            f"/api/v1/users/{user['id']}", {"email": address}, content_type="application/json",
            headers={"If-Match": seen["ETag"]},
        )  # fmt: skip
        assert answer.status_code == 200 and answer.json()["email"] == address
    rows = AuditRecord.objects.filter(event="updateUser", resource_id=user["id"])
    assert [set(row.after or {}) for row in rows] == [{"email_digest"}] * 2
    assert "countess" not in stored()


def test_a_user_is_found_by_the_whole_address(api: Client, settings: Any) -> None:
    user = made(api)

    def found(text: str) -> list[str]:
        return [row["id"] for row in api.get("/api/v1/users", {"q": text}).json()["items"]]

    assert found(MAIL) == found(f" {MAIL.upper()} ") == found("ada") == [user["id"]]
    assert found("lovelace") == found("else@example.org") == []
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-of-this-installation-0123456789"
    row = User.objects.unscoped("test").get(pk=user["id"])
    assert row.email == MAIL, "keys of before open what they closed"
    column: Any = User._meta.get_field("email_digest")
    assert row.email_digest in column.digests(MAIL)


def test_a_sealed_address_opens_in_its_own_row_only(
    owner: Person, api: Client, caplog: Any
) -> None:
    row = User.objects.unscoped("test").get(pk=made(api)["id"])
    other = owner.user
    other.sealed_email = row.sealed_email
    assert (row.email, other.email) == (MAIL, "")
    assert "cannot be read" in caplog.text and MAIL not in caplog.text


def test_digests_need_the_key_and_the_place() -> None:
    one = digests.digest(MAIL, "a")
    assert len(one) == 64 and one == digests.digest(MAIL.lower(), "a")
    assert one != digests.digest(MAIL, "b") and digests.digest(" ", "a") == ""


def test_the_migration_seals_what_is_there_and_can_go_back() -> None:
    migration = import_module("accounts.migrations.0003_sealed_email")
    rows = {1: {"email": MAIL, "sealed_email": ""}, 2: {"email": "", "sealed_email": ""}}
    migration.seal(Apps(rows), None)
    assert rows[2] == {"email": "", "sealed_email": ""}
    assert sealed.unseal(rows[1]["sealed_email"], "accounts.user.email:1") == MAIL
    assert rows[1]["email_digest"] == digests.digest(MAIL, "accounts.user.email")
    rows[1]["email"] = ""
    migration.unseal(Apps(rows), None)
    assert rows[1]["email"] == MAIL


class Apps:
    """What a migration asks of the models of its time: two columns, rows by key."""

    def __init__(self, rows: dict[int, dict[str, str]]) -> None:
        self.rows = rows
        self._base_manager = self

    def get_model(self, app: str, name: str) -> Apps:
        return self

    def exclude(self, **empty: str) -> Apps:
        ((name, value),) = empty.items()
        return Apps({pk: row for pk, row in self.rows.items() if row[name] != value})

    def only(self, *names: str) -> Apps:
        return self

    def iterator(self, chunk_size: int) -> Any:
        return [type("Row", (), {"pk": pk, **row}) for pk, row in self.rows.items()]

    def filter(self, pk: int) -> Any:
        row = self.rows[pk]
        return type("One", (), {"update": staticmethod(lambda **new: row.update(new))})


def test_no_other_column_holds_contact_data_in_the_clear() -> None:
    """A new column for an address or a number is sealed, too, or named here with a reason."""
    names = ("mail", "phone", "contact", "mobile")
    clear = [
        f"{model._meta.label_lower}.{field.name}"
        for model in _models()
        for field in model._meta.concrete_fields
        if any(word in field.name for word in names)
        and not field.name.startswith("sealed_")
        and not isinstance(field, digests.DigestField)
    ]
    assert clear == []


def _models() -> list[type[models.Model]]:
    from django.apps import apps

    return list(apps.get_models())
