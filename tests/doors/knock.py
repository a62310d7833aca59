"""Every door of the console and the API: routes, methods, and a body that would pass."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.http.response import HttpResponseBase

from accounts.account.models import Account
from console import screens
from console.checks import routes
from core import registry
from tests.doors.world import World

METHODS = ("get", "post", "put", "patch", "delete")
SPECIAL = {  # parameters that name no object of the slug
    "api/v1/accounts/<str:pk>": "account",
    "accounts/<str:pk>": "account",
    "api/v1/tokens/<uuid:pk>": "token",
    "api/v1/dirty-slots/<uuid:pk>": "token",  # no slot: what a stranger learns is the same
    "slots/<uuid:pk>": "token",
    "security/tokens/<uuid:pk>": "token",
    "security/sessions/<uuid:pk>": "session",
    "api/v1/policy-attachments/<int:pk>": "attachment",
}
#: bodies that a caller with every right would get through; the rest sends {}
BODIES: dict[str, Callable[[World], dict[str, Any]]] = {
    "put api/v1/accounts/<str:pk>/quotas/<str:kind>": lambda w: {"limit": 5},
    "post api/v1/buckets": lambda w: {"name": "another"},
    "post api/v1/datasets": lambda w: {"name": "another", "format": "files"},
    "post api/v1/datasets/<uuid:pk>/add-version": lambda w: {"bucket": "data", "prefix": "in"},
    "post api/v1/dataset-versions": lambda w: {
        "dataset": w.ids["datasets"], "bucket": "data", "prefix": "in",
    },
    "post api/v1/models": lambda w: {"name": "another", "bucket": "data", "prefix": "pkg"},
    "post api/v1/services": lambda w: {"name": "another", "model": w.ids["models"]},
    "post api/v1/training-jobs": lambda w: {
        "name": "another", "code_bucket": "data", "code_prefix": "code", "boot_file": "train.py",
        "engine": "python_3.11-sklearn-cpu",
        "inputs": [{"name": "data_url", "bucket": "data", "prefix": "in"}],
        "outputs": [{"name": "train_url", "bucket": "data", "prefix": "fresh"}],
    },
    "post api/v1/users": lambda w: {"name": "another"},
    "post api/v1/groups": lambda w: {"name": "another"},
    "post api/v1/policies": lambda w: {
        "name": "another",
        "document": {
            "Version": "1.1",
            "Statement": [{"Effect": "Allow", "Action": ["obs:bucket:HeadBucket"]}],
        },
    },
    "post api/v1/agencies": lambda w: {"name": "another"},
    "post api/v1/share-units": lambda w: {
        "name": "another",
        "resources": [{"type": "registry.model", "id": w.ids["models"]}],
        "principals": [w.people["other_root"].user.account_id],
    },
    "post api/v1/blocked-accounts": lambda w: {"name": "1000000002"},
    "post api/v1/accounts": lambda w: {"name": "another"},
    "post accounts/<str:pk>/state": lambda w: {
        "active": "off", "typed": Account.objects.get(pk=w.ids["account"]).name,
    },
    "post buckets/<uuid:pk>/do/purge": lambda w: {"typed": str(w.objects["buckets"])},
    "post security/strict-mode": lambda w: {"strict": "on"},
    "patch api/v1/account": lambda w: {"strict_mode": True},
    "post api/v1/tokens": lambda w: {"name": "another"},
    "post api/v1/groups/<uuid:pk>/members": lambda w: {"user": w.ids["users"]},
    "post api/v1/policy-attachments": lambda w: {
        "policy": "OBS OperateAccess", "user": w.ids["users"],
    },
    "post <delete>": lambda w: {},
}  # fmt: skip
QUERIES = {
    "get api/v1/policy-attachments": lambda w: f"?user={w.ids['users']}",
    "delete api/v1/buckets/<str:bucket>/objects": lambda w: "?prefix=in/",
}


@dataclass(frozen=True)
class Door:
    """One method of one route. ``name`` is its line in the matrix."""

    method: str
    route: str
    path: str
    slug: str
    api: bool

    @property
    def name(self) -> str:
        return f"{self.method.upper()} /{self.route}"


def doors(world: World) -> Iterator[Door]:
    """All of them, verbs and tabs one by one, in the order of their names."""
    yield from sorted(_doors(world), key=lambda door: (door.route, door.method))


def _doors(world: World) -> Iterator[Door]:
    for route, callback in routes():
        view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
        methods = tuple(getattr(callback, "actions", None) or ()) or tuple(
            m for m in METHODS if view is None or hasattr(view, m)
        )
        methods = ("post",) if view is None else methods
        api = route.startswith("api/")
        slug = route.removeprefix("api/v1/").partition("/")[0]
        for expanded in _expanded(route, slug):
            path = "/" + _filled(world, expanded, slug)
            for method in methods:
                if method != "head":
                    yield Door(method, expanded, path, slug, api)


def _expanded(route: str, slug: str) -> Iterator[str]:
    if "<slug:verb>" in route:
        verbs = [verb.name for verb in registry.spec_by_slug(slug).verbs]
        yield from (route.replace("<slug:verb>", verb) for verb in (*verbs, "no-such-verb"))
    elif "<slug:tab>" in route:
        spec = registry.spec_by_slug(slug)
        tabs = [tab.name for tab in screens.of(spec).tabs]
        found = (*tabs, "activity", "tags", "access", "no-such-tab")
        yield from (route.replace("<slug:tab>", tab) for tab in found)
    else:
        yield route


def _filled(world: World, route: str, slug: str) -> str:
    special = next((key for start, key in SPECIAL.items() if route.startswith(start)), "")
    values = {
        "pk": world.ids[special] if special else world.ids.get(slug, ""),
        "user": world.ids["users"],
        "bucket": "data",
        "key": "in/a.txt",
        "path": "model/config.json" if slug == "models" else "a.txt",
        "kind": "groups",
        "name": "python_3.11-sklearn-cpu",
    }
    return re.sub(r"<\w+:(\w+)>", lambda match: values[match[1]], route)


def knock(world: World, who: str, door: Door, path: str = "", **extra: Any) -> HttpResponseBase:
    """Send the request as ``who`` and undo what it did."""
    with transaction.atomic():
        response = send(world, who, door, path, **extra)
        transaction.set_rollback(True)
    return response


def send(world: World, who: str, door: Door, path: str = "", **extra: Any) -> HttpResponseBase:
    """Send the request as ``who``. A stream is read to its end."""
    client = world.client(who, api=door.api)
    key = f"{door.method} {door.route}"
    url = (path or door.path) + (QUERIES[key](world) if key in QUERIES else "")
    headers = {"If-Match": "*"} if door.method == "patch" else {}
    headers |= extra.pop("headers", {})
    body: Any
    if "body" in extra:
        body = extra.pop("body")
    elif key in BODIES:
        body = BODIES[key](world)
    elif door.method == "patch":
        body = {"description": "changed"}
    else:
        body = {}
    if door.method == "put" and key not in BODIES:
        data, kind = b"bytes", "application/octet-stream"
    elif door.api:
        data, kind = json.dumps(body).encode(), "application/json"
    else:
        if door.route.endswith("/delete"):
            body = {"typed": str(world.objects[door.slug])}
        data, kind = body, "multipart/form-data"
    response: Any
    if door.method == "get":
        response = client.get(url, headers=headers, **extra)
    elif kind == "multipart/form-data":
        response = client.post(url, data, headers=headers, **extra)
    else:
        response = client.generic(
            door.method.upper(), url, data, content_type=kind, headers=headers, **extra
        )
    streamed = getattr(response, "streaming", False)
    response.body = b"".join(response.streaming_content) if streamed else response.content
    return response  # type: ignore[no-any-return]
