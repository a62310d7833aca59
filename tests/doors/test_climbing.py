"""No one climbs: the rights of people, and of those they made, do not grow, whatever is tried."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts import engine
from accounts.account.models import Account
from accounts.agency import services as agencies
from accounts.services import agency_of, issue_credential, on_behalf, revoke_credentials
from accounts.token.models import ApiToken
from accounts.user.models import User
from core import access
from core.actor import Actor
from tests.accounts import make
from tests.doors.world import World, bearer
from tests.storage.people import Person

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
Attack = Callable[[World, Client], Any]
EVERYTHING = {"Version": "1.1", "Statement": [{"Effect": "Allow", "Action": ["*:*:*"]}]}


@pytest.fixture(autouse=True)
def undone(world: World) -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def rights(actor: Actor) -> frozenset[str]:
    """Every action of the catalogue that the actor may do in his own account."""
    names = {action.name for action in engine.default_catalog().matching("*:*:*")}
    assert len(names) > 100
    return frozenset(name for name in names if access.decide(actor, name).allowed)


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return client.generic(
        method, path, json.dumps(body or {}), content_type="application/json",
        headers={"If-Match": "*", **headers},
    )  # fmt: skip


def attach(who: str, policy: str) -> Attack:
    def attack(world: World, client: Client) -> Any:
        target = {
            "self": {"user": str(world.people["iam_admin"].user.pk)},
            "friend": {"user": world.ids["users"]},
            "group": {"group": world.ids["groups"]},
            "agency": {"agency": world.ids["agencies"]},
        }[who]
        return send(client, "POST", "/api/v1/policy-attachments", {"policy": policy, **target})

    return attack


def own_policy_then_attach(world: World, client: Client) -> Any:
    send(client, "POST", "/api/v1/policies", {"name": "mine", "document": EVERYTHING})
    return attach("self", "mine")(world, client)


def harmless_then_edited(world: World, client: Client) -> Any:
    mild = {"Version": "1.1", "Statement": [{"Effect": "Allow", "Action": ["iam:users:getUser"]}]}
    made = send(client, "POST", "/api/v1/policies", {"name": "mild", "document": mild}).json()
    attach("self", "mild")(world, client)
    return send(client, "PATCH", f"/api/v1/policies/{made['id']}", {"document": EVERYTHING})


def restored_version(world: World, client: Client) -> Any:
    """Everything first, nothing second, attached, then the first one brought back."""
    mild = {"Version": "1.1", "Statement": [{"Effect": "Allow", "Action": ["iam:users:getUser"]}]}
    made = send(client, "POST", "/api/v1/policies", {"name": "old", "document": EVERYTHING}).json()
    send(client, "PATCH", f"/api/v1/policies/{made['id']}", {"document": mild})
    attach("self", "old")(world, client)
    page = world.client("iam_admin", api=False)
    return page.post(f"/policies/{made['id']}/x/restore", {"number": "1"})


def own_agency(world: World, client: Client) -> Any:
    return send(
        client, "POST", "/api/v1/agencies", {"name": "a", "policies": ["OBS Administrator"]}
    )


def member_of_the_strong(world: World, client: Client) -> Any:
    group = make.group(world.owner, name="strong")
    make.attach(group, make.statement("Allow", "obs:*:*"))
    me = {"user": str(world.people["iam_admin"].user.pk)}
    return send(client, "POST", f"/api/v1/groups/{group.pk}/members", me)


def new_user_in_the_strong(world: World, client: Client) -> Any:
    group = make.group(world.owner, name="strong")
    make.attach(group, make.statement("Allow", "obs:*:*"))
    return send(client, "POST", "/api/v1/users", {"name": "puppet", "groups": [str(group.pk)]})


def reset(who: str) -> Attack:
    def attack(world: World, client: Client) -> Any:
        pk = world.people[who].user.pk
        return send(client, "POST", f"/api/v1/users/{pk}/reset-password")

    return attack


def strict_off(world: World, client: Client) -> Any:
    return send(client, "PATCH", "/api/v1/account", {"strict_mode": False})


def strict_off_by_page(world: World, client: Client) -> Any:
    return world.client("iam_admin", api=False).post(
        "/security/strict-mode", {"strict": "off", "typed": world.people["root"].user.account.name}
    )


def new_account(world: World, client: Client) -> Any:
    return send(client, "POST", "/api/v1/accounts", {"name": "castle"})


def bare(world: World, client: Client) -> Any:
    """Fields that no serializer takes."""
    me = world.people["iam_admin"].user.pk
    return send(client, "PATCH", f"/api/v1/users/{me}", {"is_root": True, "account": "1"})


ATTACKS: dict[str, Attack] = {
    "attach the strongest to oneself": attach("self", "Tenant Administrator"),
    "attach storage to a friend": attach("friend", "OBS Administrator"),
    "attach storage to one's group": attach("group", "OBS Administrator"),
    "attach to the agency": attach("agency", "OBS Administrator"),
    "a policy of one's own": own_policy_then_attach,
    "a harmless policy, edited later": harmless_then_edited,
    "an old version brought back": restored_version,
    "an agency of one's own": own_agency,
    "join a stronger group": member_of_the_strong,
    "make a user in a stronger group": new_user_in_the_strong,
    "take over the main account": reset("root"),
    "take over somebody stronger": reset("developer"),
    "turn strict mode off": strict_off,
    "turn strict mode off by page": strict_off_by_page,
    "make an account": new_account,
    "set what no field sets": bare,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_administrator_of_people_gains_nothing(world: World, name: str) -> None:
    admin = world.people["iam_admin"]
    before, known = (
        rights(admin.actor),
        set(User.objects.unscoped("t").values_list("pk", flat=True)),
    )
    assert "obs:object:GetObject" not in before and "iam:users:createUser" in before
    answer = ATTACKS[name](world, world.client("iam_admin", api=True))
    assert answer.status_code in (302, 400, 403, 404, 409), answer.content
    admin.user.refresh_from_db()
    assert rights(admin.actor) <= before
    for user in User.objects.unscoped("t").exclude(pk__in=known).select_related("account"):
        assert rights(Person(user).actor) <= before, user
    friend = User.objects.unscoped("t").select_related("account").get(pk=world.ids["users"])
    assert rights(Person(friend).actor) <= before
    assert Account.objects.get(pk=world.owner.pk).strict_mode
    for who in ("root", "developer"):
        user = User.objects.unscoped("t").get(pk=world.people[who].user.pk)
        assert not user.must_change_password and user.is_active


@pytest.mark.parametrize(
    "held",
    [
        [make.statement("Allow", "obs:*:*", Condition={
            "IpAddress": {"g:SourceIp": ["10.0.0.0/8"]}})],
        [make.statement("Allow", "obs:*:*", Condition={
            "DateLessThan": {"g:CurrentTime": ["2999-01-01T00:00:00Z"]}})],
        [make.statement("Allow", "obs:*:*", Resource=["obs:*:*:object:data/in/*"])],
        [make.statement("Allow", "obs:*:*"),
         make.statement("Deny", "obs:object:GetObject", Resource=["obs:*:*:object:data/code/*"])],
        [make.statement("Allow", "obs:*:*"), make.statement(
            "Deny", "obs:*:*", Condition={"NotIpAddress": {"g:SourceIp": ["10.0.0.0/8"]}})],
    ],
    ids=["from one place", "for a time", "in one folder", "but one folder", "not from elsewhere"],
)  # fmt: skip
def test_what_narrows_a_person_narrows_what_he_gives(world: World, held: list[Any]) -> None:
    """Also while he stands in the right place at the right time."""
    keeper = make.user(world.owner, "keeper")
    make.attach(keeper, make.statement("Allow", "iam:*:*"), *held)
    client = Client(
        headers={"Authorization": f"Bearer {bearer(Person(keeper))}"}, REMOTE_ADDR="10.0.0.1"
    )
    for target in (str(keeper.pk), world.ids["users"]):
        body = {"policy": "OBS Administrator", "user": target}
        answer = send(client, "POST", "/api/v1/policy-attachments", body)
        assert answer.status_code == 403, answer.content
    body = {"policy": "Security Administrator", "user": world.ids["users"]}
    assert send(client, "POST", "/api/v1/policy-attachments", body).status_code == 201


def test_the_operators_users_are_no_operators(world: World) -> None:
    """A user of the operator's account with every right of IAM does not look after accounts."""
    user = make.user(world.people["operator"].user.account, "clerk")
    make.attach(user, make.statement("Allow", "*:*:*"))
    client = Client(headers={"Authorization": f"Bearer {bearer(Person(user))}"})
    assert send(client, "GET", "/api/v1/accounts").status_code == 403
    assert send(client, "POST", "/api/v1/accounts", {"name": "castle"}).status_code == 403
    path = f"/api/v1/accounts/{world.owner.pk}/suspend"
    assert send(client, "POST", path).status_code == 403
    assert Account.objects.get(pk=world.owner.pk).is_active


# -- background work -----------------------------------------------------------------------------


def credential(world: World, who: str = "developer", label: str = "training.trainingjob:1") -> str:
    return issue_credential(world.people[who].user, world.objects["agencies"], label, 600)


def opens(text: str, path: str = "/api/v1/buckets/data/objects") -> int:
    return Client().get(path, headers={"Authorization": f"Bearer {text}"}).status_code


def test_an_agency_with_every_right_of_iam_carries_none(world: World) -> None:
    """Also for the main account's own jobs, and for the platform itself on its behalf."""
    agency = agency_of(world.objects["agencies"].pk)
    assert agency is not None
    for who in ("root", "developer"):
        worker = on_behalf(world.people[who].user, agency)
        held = rights(worker)
        assert "obs:object:GetObject" in held
        assert not {name for name in held if name.startswith(("iam:", "resource_share:", "cts:"))}
        held = rights(worker.with_request(via="credential"))
        assert {name.lower() for name in held} <= {
            "obs:bucket:headbucket", "obs:bucket:listbucket", "obs:object:getobject",
            "obs:object:putobject", "modelarts:dataset:getdataset",
            "modelarts:dataset:getdatasetversion", "modelarts:dataset:use", "modelarts:model:get",
            "modelarts:model:deploy",
        }  # fmt: skip


def test_a_credential_ends_with_its_work_its_user_its_agency_and_its_account(world: World) -> None:
    text = credential(world)
    assert opens(text) == 200
    assert revoke_credentials("training.trainingjob:1") == 1
    assert opens(text) == 401
    text = credential(world)
    User.objects.unscoped("t").filter(pk=world.people["developer"].user.pk).update(is_active=False)
    assert opens(text) == 401
    User.objects.unscoped("t").filter(pk=world.people["developer"].user.pk).update(is_active=True)
    assert opens(text) == 200
    Account.objects.filter(pk=world.owner.pk).update(is_active=False)
    assert opens(text) == 401
    Account.objects.filter(pk=world.owner.pk).update(is_active=True)
    fresh = agency_of(world.objects["agencies"].pk)
    assert fresh is not None
    agencies.revoke(world.people["root"].actor, fresh, {})
    assert opens(text) in (401, 403, 404)


def test_a_credential_stays_in_its_account(world: World) -> None:
    text = credential(world)
    for slug in ("models", "datasets", "dataset-versions"):
        row = world.objects[slug]
        type(row)._base_manager.filter(pk=row.pk).update(
            account_id=world.people["other_root"].user.account_id
        )
    for slug in ("models", "dataset-versions"):
        row = world.objects[slug]
        assert opens(text, f"/api/v1/{slug}/{row.pk}/files") == 404


def test_forgetting_the_file_ends_the_credential(world: World) -> None:
    """A model server that is up needs its credential no more: whoever copied it has nothing."""
    from compute import local

    text = credential(world, label="serving.service:1")
    path = local.write_credential("attempt-1", text)
    assert path.stat().st_mode & 0o777 == 0o600
    local.forget_credential("attempt-1")
    assert not path.exists() and opens(text) == 401
    assert ApiToken.objects.get(prefix=text[3:15]).revoked_at is not None
    local.forget_credential("attempt-1")  # twice is once


# -- the first set-up ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 400),
        ("::1", {}, 400),
        ("192.0.2.7", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"X-Forwarded-For": ""}, 404),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
        ("192.0.2.7", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("192.0.2.7", {"X-Real-IP": "127.0.0.1"}, 404),
        ("", {}, 404),
    ],
)
def test_the_set_up_is_open_to_this_machine_only(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    headers: dict[str, str],
    status: int,
) -> None:
    """400: it looked at the token, which is wrong. 404: it is not there."""
    from accounts.signin import setup

    monkeypatch.setattr(setup, "is_open", lambda: True)
    body = {"setup_token": "guess", "account_name": "castle", "password": "four words of my own"}
    for path in ("/setup", "/api/v1/setup"):
        kind = {"content_type": "application/json"} if "api" in path else {}
        answer = Client(REMOTE_ADDR=address).post(path, body, headers=headers, **kind)
        assert answer.status_code == status, (path, answer.content[:200])
    assert not Account.objects.filter(name="castle").exists()


def test_the_set_up_is_closed_for_good(world: World) -> None:
    body = {"setup_token": "x", "account_name": "castle", "password": "four words of my own"}
    assert Client().post("/setup", body).status_code == 404
    assert Client().get("/setup").status_code == 404


def test_a_temporary_password_is_told_once_and_kept_nowhere(world: World) -> None:
    """Neither for the second answer to an Idempotency-Key nor in the trail."""
    client = world.client("root", api=True)
    body, key = {"name": "novice"}, {"Idempotency-Key": "once-more"}
    first = send(client, "POST", "/api/v1/users", body, **key)
    password = first.json()["initial_password"]
    again = send(client, "POST", "/api/v1/users", body, **key)
    assert again.status_code == 201 and again["Idempotency-Replayed"] == "true"
    assert again.json()["id"] == first.json()["id"] and "initial_password" not in again.json()
    path = f"/api/v1/users/{first.json()['id']}/reset-password"
    reset_to = send(client, "POST", path, {}, **{"Idempotency-Key": "reset"}).json()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            kept = str(cursor.fetchall())
            assert password not in kept and reset_to["initial_password"] not in kept, table
