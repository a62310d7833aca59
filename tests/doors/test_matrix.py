"""Every door x every persona, against golden statuses that people can review line by line.

``MODELYARD_UPDATE_MATRIX=1 .venv/bin/pytest tests/doors/test_matrix.py`` writes matrix.csv anew;
the diff is then read before it is committed. The rules below hold for whatever the file says.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from serving.gateway import resolver
from serving.gateway.protocol import Target
from storage.object.models import StoredObject
from tests.doors.knock import doors, knock
from tests.doors.world import PERSONAS, World

FILE = Path(__file__).with_name("matrix.csv")
pytestmark = pytest.mark.django_db
UPDATE = os.environ.get("MODELYARD_UPDATE_MATRIX") == "1"
Line = dict[str, str]
#: many objects at once: every object is asked about, and the answer names what stayed
KEEPS = ("/api/v1/buckets/<str:bucket>/objects", "/buckets/<uuid:pk>/x/remove")
GATEWAY = "ANY gateway /v1/infers/<service id>"
NOBODY = ("anonymous", "suspended")
#: personas without any right to anything of the owner's, shared or not
OUTSIDE = ("operator", "other_root", "pending", "rejected", "expired")
#: addresses that anybody may ask, each with its reason
PUBLIC = {
    "GET /healthz": "says ok",
    "GET /api/v1/openapi.json": "describes, holds no data",
    "GET /sign-in": "how one signs in",
    "POST /sign-in": "how one signs in",
    "POST /sign-out": "ends nothing where nothing is",
    "POST /i18n/setlang/": "a preference",
    "GET /setup": "404 once there is an account",
    "POST /setup": "404 once there is an account",
    "POST /api/v1/setup": "404 once there is an account",
    "POST /api/v1/auth/tokens": "how a script signs in",
    "POST /api/v1/auth/password": "how a script changes a temporary password",
}


@pytest.fixture(scope="module")
def found(world: World) -> dict[str, Line]:
    """What every door answers today: name -> persona -> status."""
    lines: dict[str, Line] = {door.name: {} for door in doors(world)}
    for who in PERSONAS:
        world.strict(who != "fresh_loose")
        for door in doors(world):
            lines[door.name][who] = str(knock(world, who, door).status_code)
        lines.setdefault(GATEWAY, {})[who] = gateway(world, who)
    world.strict(True)
    return lines


def gateway(world: World, who: str) -> str:
    """What the gateway answers to a call of the owner's service, which is stopped: 503 is a yes."""
    bearer = f"Bearer {world.bearers[who]}" if who != "anonymous" else ""
    answer = resolver.resolve(world.ids["services"], bearer, "doors")
    return "200" if isinstance(answer, Target) else str(answer.status)


def golden() -> dict[str, Line]:
    with FILE.open(newline="") as file:
        return {row.pop("door"): row for row in csv.DictReader(file)}


def test_every_door_answers_everybody_as_reviewed(found: dict[str, Line]) -> None:
    if UPDATE:
        with FILE.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["door", *PERSONAS])
            for name, line in found.items():
                writer.writerow([name, *(line[who] for who in PERSONAS)])
    known = golden()
    assert set(found) - set(known) == set(), "doors missing from the matrix"
    assert set(known) - set(found) == set(), "stale lines of the matrix"
    wrong = [
        f"{name} for {who}: {line[who]}, reviewed {known[name].get(who)}"
        for name, line in found.items()
        for who in PERSONAS
        if known[name].get(who) != line[who]
    ]
    assert not wrong, "\n".join(wrong)


# -- rules that hold whatever the file says -------------------------------------------------------


def of_owner(name: str) -> bool:
    """Does the door name one object of the owner's (and not a bucket by a name)?"""
    return ("<uuid:pk>" in name and not of_installation(name)) or name == GATEWAY


def of_installation(name: str) -> bool:
    """Does the door name what is no account's? Whatever the id, only operators get further."""
    return "/dirty-slots" in name or " /slots/" in name


def test_nobody_crashes_a_door() -> None:
    crashed = [name for name, line in golden().items() if "500" in line.values()]
    assert not crashed


def test_nobody_is_let_in_unseen() -> None:
    unused = set(PUBLIC)
    for name, line in golden().items():
        unused.discard(name)
        if name in PUBLIC:
            continue
        wanted = "401" if "/api/" in name or name == GATEWAY else "302"
        for who in NOBODY:
            assert line[who] == wanted, f"{name} for {who}"
    assert not unused, f"stale: {unused}"


def test_outsiders_meet_only_what_does_not_exist() -> None:
    for name, line in golden().items():
        if of_owner(name):
            mine = "share-invitations" in name
            for who in OUTSIDE:
                if not (mine and who == "pending"):
                    assert line[who] == "404", f"{name} for {who}"


def test_what_belongs_to_no_account_is_the_operators() -> None:
    ours = {name: line for name, line in golden().items() if of_installation(name)}
    assert ours
    for name, line in ours.items():
        for who in set(PERSONAS) - {"operator"}:
            assert line[who] in ("302", "401", "403"), f"{name} for {who}"


def test_a_temporary_password_opens_one_door() -> None:
    for name, line in golden().items():
        if name in PUBLIC:
            continue
        if "/api/" in name or name == GATEWAY:
            assert line["must_change"] == ("404" if name == GATEWAY else "403"), name
        elif name in ("GET /password", "POST /password"):
            assert line["must_change"] in ("200", "400")
        else:
            assert line["must_change"] == "302", name


def test_a_credential_reads_inputs_and_writes_outputs_and_nothing_else() -> None:
    opened = {
        name for name, line in golden().items()
        if line["credential"][0] == "2" and name not in PUBLIC
    }  # fmt: skip
    assert opened == {
        "GET /api/v1/me",
        "GET /api/v1/buckets/<str:bucket>/objects",
        "GET /api/v1/buckets/<str:bucket>/objects/<key:key>",
        "GET /api/v1/buckets/<str:pk>",
        "GET /api/v1/datasets/<uuid:pk>",
        "GET /api/v1/dataset-versions/<uuid:pk>",
        "GET /api/v1/dataset-versions/<uuid:pk>/files",
        "GET /api/v1/dataset-versions/<uuid:pk>/files/<path:path>",
        "GET /api/v1/models/<uuid:pk>",
        "GET /api/v1/models/<uuid:pk>/files",
        "PUT /api/v1/buckets/<str:bucket>/objects/<key:key>",
        "DELETE /api/v1/buckets/<str:bucket>/objects",  # 200 that lists what it kept: everything
    }


def test_readers_change_nothing() -> None:
    """Whatever is unsafe and answers a reader with a success is about himself alone."""
    own = {"/password", "/security", "/sign-", "/region", "/i18n", "/api/v1/tokens", "/api/v1/auth"}
    for name, line in golden().items():
        method, _space, path = name.partition(" ")
        if method in ("GET", "ANY") or path.startswith(tuple(own)):
            continue
        if path in KEEPS:
            continue  # asks about each object, and keeps what may not go
        allowed = {"401", "403", "404"}
        assert line["reader"] in allowed, f"{name}: {line['reader']}"


def test_fresh_users_hold_nothing_in_strict_mode() -> None:
    """A user nobody gave a right sees the frame and his own sign-in; the rest is refused."""
    free = {
        "GET /", "GET /search", "GET /patterns", "GET /security", "POST /security",
        "GET /password", "POST /password", "POST /region", "GET /api/v1/me", "GET /api/v1/tokens",
        "POST /api/v1/tokens",
    }  # fmt: skip
    for name, line in golden().items():
        if name not in PUBLIC and name not in free:
            assert line["fresh"] in ("403", "404"), f"{name}: {line['fresh']}"


def test_iam_stays_closed_where_strict_mode_is_off() -> None:
    """Without strict mode a user holds ModelArts: no IAM, storage, shares or trail."""
    closed = ("users", "groups", "policies", "agencies", "share-", "buckets", "audit", "accounts",
              "system-policies", "policy-attachments", "account", "security/strict")  # fmt: skip
    for name, line in golden().items():
        path = name.partition(" ")[2].removeprefix("/api/v1").lstrip("/")
        if path.startswith(closed):
            assert line["fresh_loose"] in ("403", "404"), f"{name}: {line['fresh_loose']}"


def test_many_at_once_keeps_what_may_not_go(world: World) -> None:
    """The two doors of ``KEEPS``: a success for a reader and a credential deletes nothing."""
    rows = StoredObject.objects.unscoped("test").filter(bucket=world.objects["buckets"])
    before = rows.count()
    for who in ("reader", "credential"):
        client = world.client(who, api=True)
        body = client.delete("/api/v1/buckets/data/objects?prefix=in/").json()
        assert body["deleted"] == 0 and body["kept_count"] == 1
    page = world.client("reader", api=False)
    page.post(f"/buckets/{world.ids['buckets']}/x/remove", {"key": "in/a.txt", "prefix": "in/"})
    assert rows.count() == before
