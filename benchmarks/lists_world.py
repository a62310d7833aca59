"""The rows of benchmarks/lists.py, filled in bulk, and the tables of its peers.

Imported once Django is set up.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from guardian.models import GroupObjectPermission, GroupObjectPermissionBase
from guardian.shortcuts import get_objects_for_user

from accounts.account.models import Account
from accounts.user.models import User
from core import registry, statistics
from registry.model.models import Model, ModelGrant
from sharing.grants import account_group, permission_ids, sync_permissions
from sharing.unit.models import ShareUnit
from tests.storage.people import root

REGION = "cn-north-1"
ACCOUNTS = 1000
TYPICAL_OWN, TYPICAL_SHARED = 1000, 50
OPERATIONS = ("list", "get", "deploy", "infer")  # what one share of a model gives
CHUNK = 20_000
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass
class Measured:
    """An account that is measured, and what it has by now."""

    user: Any
    group: Group
    own: int = 0
    shared: int = 0
    actor: Any = field(init=False)

    def __post_init__(self) -> None:
        self.actor = self.user.actor


class World:
    """The tables. Rows of all accounts are mixed in time."""

    def __init__(self) -> None:
        random.seed(20261121)
        sync_permissions()
        self.spec = registry.spec_by_slug("models")
        known = permission_ids(self.spec)
        self.permissions = [known[f"modelarts:model:{name}"] for name in OPERATIONS]
        self.heavy, self.typical = (self._measured(name) for name in ("heavy", "typical"))
        self.others = [f"{n:010d}" for n in range(1, ACCOUNTS)]
        Account.objects.bulk_create(Account(pk=pk, name=f"bench{pk}") for pk in self.others)
        self.units = [
            ShareUnit.objects.create(
                account_id=self.others[0], region=REGION, name=f"bench{n}", phase="ACTIVE"
            )
            for n in range(2)
        ]
        self.rows = 0
        self._make_peers()

    def _measured(self, name: str) -> Measured:
        person = root(f"bench-{name}")
        return Measured(person, account_group(person.actor.account_id or ""))

    def branches(self, account: Measured, which: str) -> Any:
        from console.pages.list import branches

        return branches(self.spec, account.actor, which, region=REGION)

    def grow(self, size: int) -> None:
        """Add rows until there are ``size``. The typical account gets its rows in the first
        10,000; what is shared is always a row of an account that is not measured."""
        while self.rows < size:
            upper = min(size, self.rows + CHUNK)
            with transaction.atomic():
                self._chunk(self.rows, upper)
            self.rows = upper
        with connection.cursor() as cursor:
            for table in (Model, ModelGrant, GroupObjectPermission, PeerGrant):
                cursor.execute(f"ANALYZE {table._meta.db_table}")
        statistics.refresh()  # as the installation does every ten minutes

    def _chunk(self, start: int, stop: int) -> None:
        rows: list[dict[str, Any]] = []
        grants: list[dict[str, Any]] = []
        seen: list[uuid.UUID] = []  # by the heavy account: what the peers need to know
        for number in range(start, stop):
            pk = uuid.UUID(int=random.getrandbits(128), version=4)
            made = START + dt.timedelta(seconds=number)
            owner, given = self.others[number % len(self.others)], []
            if number % 10 == 0:
                owner = self.heavy.actor.account_id
                self.heavy.own += 1
                seen.append(pk)
            elif number % 10 == 3 and self.typical.own < TYPICAL_OWN:
                owner = self.typical.actor.account_id
                self.typical.own += 1
            elif number % 20 == 5:
                given = [(self.heavy, self.units[: 2 if number % 200 == 5 else 1])]
                seen.append(pk)
            elif number % 200 == 7 and self.typical.shared < TYPICAL_SHARED:
                given = [(self.typical, self.units[:1])]
            rows.append({"id": pk, "account_id": owner, "name": f"m{number}", "created_at": made})
            for account, units in given:
                account.shared += 1
                grants += [
                    {
                        "group_id": account.group.pk,
                        "permission_id": permission,
                        "content_object_id": pk,
                        "object_created_at": made,
                        "unit_id": unit.pk,
                    }
                    for unit in units
                    for permission in self.permissions
                ]
        moment = {"updated_at": START, "created_at": START}
        insert(Model(region=REGION, phase="Published", **moment), rows)
        insert(ModelGrant(created_at=START), grants)
        insert(
            GroupObjectPermission(
                group=self.heavy.group,
                permission=self.peer_permissions[PeerGeneric],
                content_type=ContentType.objects.get_for_model(PeerGeneric),
            ),
            ({"object_pk": str(pk)} for pk in seen),
        )
        insert(
            PeerGrant(group=self.heavy.group, permission=self.peer_permissions[PeerDirect]),
            ({"content_object_id": pk} for pk in seen),
        )

    def _make_peers(self) -> None:
        with connection.schema_editor() as editor:
            editor.create_model(PeerGrant)
        self.peer_permissions = {
            peer: Permission.objects.create(
                content_type=ContentType.objects.get_for_model(peer), codename="bench_list"
            )
            for peer in (PeerGeneric, PeerDirect)
        }

    def peers(self) -> Iterator[tuple[str, models.QuerySet[Any]]]:
        """guardian over the rows that the heavy account sees, each granted to its group. Its
        tables hold no other rows, and the user's groups are given, both in its favour."""
        user: Any = User._base_manager.get(pk=self.heavy.user.user.pk)
        user.is_superuser = False
        user.groups = Group.objects.filter(pk=self.heavy.group.pk)
        for name, peer in (("guardian generic", PeerGeneric), ("guardian direct", PeerDirect)):
            rows = peer._base_manager.filter(region=REGION)
            yield name, get_objects_for_user(user, "bench_list", rows, accept_global_perms=False)


def _peer(name: str) -> type[models.Model]:
    """The product's table once more, as guardian would see it without the product's grants."""
    meta = type(
        "Meta",
        (),
        {"app_label": "registry", "db_table": Model._meta.db_table, "managed": False},
    )
    columns = {f.name: f.clone() for f in Model._meta.local_concrete_fields}
    return type(name, (models.Model,), {"__module__": __name__, "Meta": meta, **columns})


PeerGeneric, PeerDirect = _peer("PeerGeneric"), _peer("PeerDirect")


class PeerGrant(GroupObjectPermissionBase):
    """guardian's direct foreign key, with the indexes guardian gives it."""

    content_object: Any = models.ForeignKey(PeerDirect, models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        app_label = "registry"


def insert(template: models.Model, rows: Iterable[dict[str, Any]]) -> None:
    """Rows like ``template`` but for the given columns: COPY on PostgreSQL, else one prepared
    statement."""
    table = template._meta.db_table
    fields = [
        f for f in template._meta.local_concrete_fields if not isinstance(f, models.AutoField)
    ]
    same = {f.attname: f.get_db_prep_save(getattr(template, f.attname), connection) for f in fields}
    by_name = {f.attname: f for f in fields}

    def lines() -> Iterator[list[Any]]:
        for row in rows:
            given = {k: by_name[k].get_db_prep_save(v, connection) for k, v in row.items()}
            yield list((same | given).values())

    names = ", ".join(connection.ops.quote_name(f.column) for f in fields)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for line in lines():
                    copy.write_row(line)
            return
        marks = ", ".join(["%s"] * len(fields))
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", lines())
