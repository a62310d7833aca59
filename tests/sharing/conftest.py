"""Three accounts, a published model of the first, and short ways to share it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.account import services as account_services
from accounts.policy import services as policies
from accounts.services import actor_of
from accounts.token import services as tokens
from accounts.user.models import User
from core.actor import Actor
from registry.model.models import Model
from sharing.invitation import services as answers
from sharing.invitation.models import Invitation
from sharing.permission import catalog
from sharing.permission.catalog import Right, SharePermission
from sharing.unit import services as units
from sharing.unit.models import ShareUnit

_numbers = itertools.count(1)
KIND = "registry.model"


@dataclass
class Tenant:
    """An account with its root user, and users made on demand."""

    id: str
    root_user: User
    users: dict[str, User] = field(default_factory=dict)

    @property
    def root(self) -> Actor:
        return actor_of(self.root_user, via="console")

    def user(self, name: str, *documents: dict[str, Any] | str) -> Actor:
        """A user with these policies attached; texts name system policies."""
        made = User(account_id=self.id, name=name)
        made.set_unusable_password()
        made.save(force_insert=True)
        self.users[name] = made
        for document in documents:
            policy: Any = document
            if not isinstance(document, str):
                policy = policies.create(
                    self.root, {"name": f"p{next(_numbers)}", "document": document}
                )
            policies.attach(self.root, policy, made)
        return actor_of(User.objects.unscoped("test").get(pk=made.pk), via="console")


def allow(*actions: str, effect: str = "Allow") -> dict[str, Any]:
    return {"Version": "1.1", "Statement": [{"Effect": effect, "Action": list(actions)}]}


def tenant(name: str) -> Tenant:
    account, root = account_services.make(f"{name}{next(_numbers)}")
    return Tenant(account.pk, root)


def model_of(owner: Tenant, name: str = "digits", region: str = "cn-north-1") -> Model:
    return Model.objects.create(
        account_id=owner.id, region=region, name=name, phase="Published", engine="python"
    )


def item(obj: Any) -> dict[str, str]:
    return {"type": KIND, "id": str(obj.pk)}


def share(
    owner: Tenant, objects: list[Any], accounts: list[Tenant], permission: str = "", **more: Any
) -> ShareUnit:
    """A unit made by the owner's main account."""
    return units.create(
        owner.root,
        {
            "name": f"unit-{next(_numbers)}",
            "resources": [item(obj) for obj in objects],
            "permissions": {KIND: permission} if permission else {},
            "principals": [account.id for account in accounts],
            **more,
        },
    )


def invitation_of(unit: ShareUnit, consumer: Tenant) -> Invitation:
    rows = Invitation.objects.unscoped("test").filter(unit=unit, account_id=consumer.id)
    return rows.order_by("-created_at")[0]


def accepted(unit: ShareUnit, consumer: Tenant) -> Invitation:
    return answers.accept(consumer.root, invitation_of(unit, consumer))


@pytest.fixture
def owner(db: None) -> Tenant:
    return tenant("owner")


@pytest.fixture
def consumer(db: None) -> Tenant:
    return tenant("consumer")


@pytest.fixture
def stranger(db: None) -> Tenant:
    return tenant("stranger")


@pytest.fixture
def model(owner: Tenant) -> Model:
    return model_of(owner)


@pytest.fixture
def permissions() -> Iterator[None]:
    """The two permissions of vector V10."""
    made = [
        catalog.register(
            SharePermission(name, KIND, 1, name, tuple(Right(op, op) for op in operations))
        )
        for name, operations in (
            ("S1", ("list", "get", "infer")),
            ("S2", ("get", "finetune")),
        )
    ]
    yield
    for one in made:
        catalog.unregister(one)


def browser(tenant: Tenant, user: User | None = None) -> Client:
    """A signed-in browser of the main account, or of ``user``."""
    client = Client()
    client.force_login(user or tenant.root_user, backend=settings.AUTHENTICATION_BACKENDS[0])
    session = client.session
    session["signed_in_at"] = session["seen_at"] = int(time.time())
    session.save()
    return client


def bearer(actor: Actor) -> dict[str, str]:
    """Headers of an API call as ``actor``."""
    _token, text = tokens.create(actor, f"t{next(_numbers)}")
    return {"Authorization": f"Bearer {text}"}
