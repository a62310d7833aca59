"""People for tests that need real rights: accounts, users, policies, tokens."""

from __future__ import annotations

import datetime as dt
import io
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.test import Client

from accounts import facts
from accounts.account import services as accounts
from accounts.actors import actor_of
from accounts.policy.models import Policy, PolicyAttachment
from accounts.session import services as sessions
from accounts.token import services as tokens
from accounts.user.models import User
from core.actor import Actor
from storage.bucket import services as buckets
from storage.bucket.models import Bucket
from storage.object import services as objects
from storage.object.models import StoredObject


@dataclass
class Person:
    """A user and the actor he is."""

    user: User

    @property
    def actor(self) -> Actor:
        return actor_of(self.user, via="token")


def root(name: str) -> Person:
    """A new account's root user."""
    _account, user = accounts.make(name)
    return Person(user)


def user(owner: Person, name: str, statements: Iterable[dict[str, Any]]) -> Person:
    """A user of the owner's account with one policy per statement."""
    account = owner.user.account
    made = User(account=account, name=name)
    made.set_unusable_password()
    made.save(force_insert=True)
    with transaction.atomic():
        for number, statement in enumerate(statements):
            policy = Policy.objects.create(
                account=account,
                name=f"{name}-{number}",
                document={"Version": "1.1", "Statement": [statement]},
            )
            PolicyAttachment.objects.create(account=account, policy=policy, user=made)
        facts.bump(account.pk)
    return Person(made)


def token(person: Person, lifetime: dt.timedelta) -> str:
    """A bearer token of the person."""
    return tokens.create(person.actor, "test", lifetime=lifetime)[1]


def statement(effect: str, *actions: str, resources: Iterable[str] = ()) -> dict[str, Any]:
    """One policy statement."""
    made: dict[str, Any] = {"Effect": effect, "Action": list(actions)}
    if resources:
        made["Resource"] = list(resources)
    return made


def bucket(person: Person, name: str = "team1") -> Bucket:
    return buckets.create(person.actor, {"name": name})


def put(person: Person, name: str, key: str, data: bytes) -> StoredObject:
    return objects.put_object(person.actor, name, key, io.BytesIO(data), size=len(data))


def sign_in(client: Client, person: Person) -> None:
    """A console session as sign-in leaves it."""
    client.force_login(person.user)
    session = client.session
    session[sessions.SIGNED_IN_AT] = session[sessions.SEEN_AT] = int(time.time())
    session.save()
