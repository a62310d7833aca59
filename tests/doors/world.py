"""One small world for the doors: an owner with one object of every type, and everybody who knocks.

Rows are written as services would; rights come from policies, shares and agencies as in life.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import facts
from accounts.account.models import Account
from accounts.policy.models import PolicyAttachment
from accounts.session.models import SignInSession
from accounts.token import services as tokens
from accounts.token.models import ApiToken
from accounts.user.models import User
from core import registry
from datasets.dataset.models import Dataset
from datasets.version.models import DatasetFile, DatasetVersion
from registry.model.models import Model, ModelFile
from serving.service.models import Service
from sharing.block import services as blocks
from sharing.invitation import services as answers
from sharing.invitation.models import Invitation
from sharing.unit import services as units
from storage.object.models import StoredObject
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person, statement
from training.job.models import TrainingJob

REGION = "cn-north-1"
#: in the order of the matrix's columns
PERSONAS = (
    "anonymous", "fresh", "fresh_loose", "reader", "developer", "iam_admin", "root", "operator",
    "other_root", "accepted", "pending", "rejected", "expired", "credential", "must_change",
    "suspended",
)  # fmt: skip
READS = (
    "modelarts:*:get*", "modelarts:*:list*", "modelarts:trainJob:get", "modelarts:trainJob:list",
    "modelarts:model:get", "modelarts:model:list", "modelarts:service:get",
    "modelarts:service:list", "obs:bucket:*List*", "obs:bucket:HeadBucket",
    "obs:object:GetObject", "iam:*:get*", "iam:*:list*", "resource_share:*:get*",
    "resource_share:*:list*", "cts:*:get*", "cts:*:list*",
)  # fmt: skip


@dataclass
class World:
    """Everybody and everything; ``objects`` is by slug."""

    people: dict[str, Person] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    bearers: dict[str, str] = field(default_factory=dict)
    browsers: dict[str, Client] = field(default_factory=dict)

    @property
    def owner(self) -> Account:
        return self.people["root"].user.account

    def client(self, who: str, *, api: bool) -> Client:
        """A bearer under /api/, a console session elsewhere; a credential has only its bearer."""
        if who == "anonymous":
            return Client(raise_request_exception=False)
        if api or who == "credential":
            return Client(
                raise_request_exception=False,
                headers={"Authorization": f"Bearer {self.bearers[who]}"},
            )
        browser = Client(raise_request_exception=False)
        browser.cookies = SimpleCookie(self.browsers[who].cookies.output(header="", sep=";"))
        return browser

    def strict(self, on: bool) -> None:
        """Turn the owner's strict mode; the persona ``fresh_loose`` lives where it is off."""
        Account.objects.filter(pk=self.owner.pk).update(strict_mode=on)
        with transaction.atomic():
            facts.bump(self.owner.pk)


def bearer(person: Person, **fields: Any) -> str:
    """A bearer written past the right to make one: that right is not what is tested."""
    fields = {"kind": ApiToken.Kind.USER, "expires_at": timezone.now() + dt.timedelta(hours=1)} | (
        fields
    )
    return tokens._make(
        account_id=person.user.account_id, user_id=person.user.pk, name="doors", **fields
    )[1]


def attach_system(user: User, *names: str) -> None:
    with transaction.atomic():
        for name in names:
            PolicyAttachment.objects.create(account_id=user.account_id, user=user, system=name)
        facts.bump(user.account_id)


def build() -> World:
    """Everything; a few hundred queries."""
    world = World()
    _people(world)
    _things(world)
    _shares(world)
    _keys(world)
    return world


def _people(world: World) -> None:
    for who, name in (
        ("root", "acme"), ("other_root", "other"), ("accepted", "accepts"),
        ("pending", "ponders"), ("rejected", "rejects"), ("expired", "expires"),
        ("suspended", "sleeps"),
    ):  # fmt: skip
        world.people[who] = people.root(name)
    world.people["operator"] = Person(make.root_of(make.account("operates", operator=True)))
    root = world.people["root"]
    world.people["fresh"] = people.user(root, "fresh", [])
    world.people["fresh_loose"] = people.user(root, "loose", [])
    world.people["reader"] = people.user(root, "reader", [statement("Allow", *READS)])
    for who, name, policies in (
        ("developer", "developer", ("ModelArts FullAccess", "OBS Administrator")),
        ("iam_admin", "guard", ("Security Administrator",)),
        ("must_change", "newcomer", ("Tenant Administrator", "Security Administrator")),
    ):
        person = people.user(root, name, [])
        attach_system(person.user, *policies)
        world.people[who] = person
    newcomer = world.people["must_change"].user
    User.objects.unscoped("test").filter(pk=newcomer.pk).update(must_change_password=True)
    newcomer.refresh_from_db()
    Account.objects.filter(pk=world.people["suspended"].user.account_id).update(is_active=False)


def _things(world: World) -> None:
    root = world.people["root"]
    owner = world.owner
    own = {"account_id": owner.pk, "region": REGION, "created_by_id": root.user.pk}
    bucket = people.bucket(root, "data")
    for key in ("code/train.py", "in/a.txt", "pkg/model/config.json"):
        people.put(root, "data", key, b"print('hello')\n")
    blob = StoredObject.objects.unscoped("test").get(bucket=bucket, key="in/a.txt").blob
    dataset = Dataset.objects.create(**own, name="digits", format="files")
    version = DatasetVersion.objects.create(
        **own, name="V001", dataset=dataset, number=1, format="files", phase="Ready",
        source={"bucket": "data", "prefix": "in/"}, file_count=1, size=blob.size, digest="0" * 64,
    )  # fmt: skip
    DatasetFile.objects.create(
        version=version, path="a.txt", blob=blob, size=blob.size, sha256=blob.sha256
    )
    model = Model.objects.create(
        **own, name="digits", phase="Published", engine="python_3.11-sklearn-cpu",
        source={"bucket": "data", "prefix": "pkg/"},
    )  # fmt: skip
    ModelFile.objects.create(
        model=model, path="model/config.json", blob=blob, size=blob.size, sha256=blob.sha256
    )
    service = Service.objects.create(
        **own, name="digits", phase="Stopped", model=model, model_label=str(model),
        engine=model.engine, model_account_id=owner.pk, flavor="modelyard.cpu.1u",
    )  # fmt: skip
    job = TrainingJob.objects.create(
        **own, name="train", phase="Completed", code_bucket="data", code_prefix="code/",
        boot_file="train.py", engine="python_3.11-sklearn-cpu", flavor="modelyard.cpu.1u",
        outputs=[{"name": "train_url", "bucket": "data", "prefix": "out/"}],
    )  # fmt: skip
    agency = make.agency(
        owner, make.statement("Allow", "obs:*:*"), make.statement("Allow", "modelarts:*:*"),
        make.statement("Allow", "iam:*:*"), make.statement("Allow", "resource_share:*:*"),
        name="platform",
    )  # fmt: skip
    member = people.user(root, "member", [])
    world.objects = {
        "buckets": bucket, "datasets": dataset, "dataset-versions": version, "models": model,
        "services": service, "training-jobs": job, "agencies": agency, "users": member.user,
        "groups": make.group(owner, member.user, name="team"),
        "policies": make.policy(owner, make.statement("Allow", "obs:bucket:HeadBucket"), name="p"),
    }  # fmt: skip


def _shares(world: World) -> None:
    root = world.people["root"]
    guests = {w: world.people[w] for w in ("accepted", "pending", "rejected", "expired")}
    unit = units.create(
        root.actor,
        {
            "name": "gift",
            "resources": [
                {"type": "registry.model", "id": str(world.objects["models"].pk)},
                {"type": "datasets.dataset", "id": str(world.objects["datasets"].pk)},
            ],
            "principals": [p.user.account_id for p in guests.values()],
        },
    )
    rows = Invitation.objects.unscoped("test").filter(unit=unit)
    invitations = {who: rows.get(account_id=p.user.account_id) for who, p in guests.items()}
    answers.accept(guests["accepted"].actor, invitations["accepted"])
    from core import services

    services.perform(guests["rejected"].actor, invitations["rejected"], "reject", {})
    past = timezone.now() - dt.timedelta(minutes=1)
    rows.filter(pk=invitations["expired"].pk).update(expires_at=past)
    world.objects["share-units"] = unit
    world.objects["share-invitations"] = invitations["pending"]
    world.objects["blocked-accounts"] = blocks.create(
        world.people["root"].actor, {"name": "1000000001"}
    )


def _keys(world: World) -> None:
    for who, person in world.people.items():
        world.bearers[who] = bearer(person)
        world.browsers[who] = Client(raise_request_exception=False)
        people.sign_in(world.browsers[who], person)
    developer = world.people["developer"]
    world.people["credential"] = developer
    job = world.objects["training-jobs"]
    world.bearers["credential"] = bearer(
        developer,
        kind=ApiToken.Kind.CREDENTIAL,
        agency=world.objects["agencies"],
        bound_to=f"training.trainingjob:{job.pk}",
    )
    root = world.people["root"].user
    token = ApiToken.objects.filter(user=root).get()
    session = SignInSession.objects.create(user=root, session_key="x" * 32)
    attachment = PolicyAttachment.objects.filter(agency=world.objects["agencies"]).first()
    world.ids = {
        "token": str(token.pk),
        "session": str(session.pk),
        "attachment": str(attachment.pk if attachment else 0),
        "account": world.people["other_root"].user.account_id,
    } | {slug: str(row.pk) for slug, row in world.objects.items()}
    assert {spec.slug for spec in registry.all_specs()} == set(world.objects), "a type is missing"
