"""What an operation does not know is refused: query parameters, and fields at any depth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers

from console import screens
from console.api.fields import unknown_fields
from console.api.query import known
from console.api.urls import urlpatterns  # noqa: F401  every serializer of a room is loaded
from console.app_list import DOMAIN_APPS
from core import registry
from tests.badinput.test_fields import bodies, send
from tests.badinput.uniform import refusal
from tests.doors.world import World


def operations() -> Iterator[tuple[str, str, Any]]:
    generator = SchemaGenerator()
    generator._initialise_endpoints()
    for path, _regex, method, view in generator._get_paths_and_endpoints():
        if path.startswith("/api/v1/"):
            yield path, method.lower(), view


def test_the_description_names_the_parameters_that_are_taken() -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)
    told, lists = [], 0
    for path, method, view in operations():
        described = document["paths"].get(path, {}).get(method)
        if described is None:  # the description itself, and what it leaves out
            continue
        named = {p["name"] for p in described.get("parameters", ()) if p["in"] == "query"}
        lists += getattr(view, "action", "") == "list"
        if named != known(view, method):
            told.append((method, path, named ^ known(view, method)))
    assert not told, told
    assert lists > 10


@pytest.mark.django_db
def test_every_list_of_a_type_refuses_what_it_does_not_know(world: World) -> None:
    slugs = [spec.slug for spec in registry.all_specs() if screens.of(spec).viewset]
    for path in (*slugs, "policy-attachments", "share-permissions", "buckets/data/objects"):
        answer = world.client("root", api=True).get(f"/api/v1/{path}?group=x&nothing=1")
        wanted = {"nothing"} if path == "policy-attachments" else {"group", "nothing"}
        body = refusal(answer, 400)
        assert {p["field"] for p in body["problems"]} == wanted, path
        assert {p["code"] for p in body["problems"]} == {"UNKNOWN_PARAMETER"}


def test_who_may_not_ask_learns_no_names(world: World) -> None:
    assert world.client("anonymous", api=True).get("/api/v1/users?x=1").status_code == 401


def inputs() -> list[type[serializers.Serializer[Any]]]:
    """Every serializer class of the rooms."""
    found, waiting = [], [serializers.Serializer]
    while waiting:
        one = waiting.pop()
        waiting += one.__subclasses__()
        if one.__module__.partition(".")[0] in DOMAIN_APPS:
            found.append(one)
    return sorted(set(found), key=lambda one: f"{one.__module__}.{one.__qualname__}")


def places(form: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(place, data) for every nested place of a serializer that takes named fields: data that has
    an unknown one there."""
    if isinstance(form, serializers.Serializer):
        yield f"{path}surplus", {"surplus": 1}
        for name, one in form.fields.items():
            for place, data in places(one, f"{path}{name}.") if not one.read_only else ():
                yield place, {name: data}
    elif isinstance(form, serializers.ListSerializer | serializers.ListField):
        for place, data in places(form.child, f"{path.removesuffix('.')}[0]."):
            yield place, [data]
    elif isinstance(form, serializers.DictField):
        for place, data in places(form.child, f"{path}any."):
            yield place, {"any": data}


def test_a_surplus_field_is_found_at_every_depth() -> None:
    seen = 0
    for one in inputs():
        for place, data in places(one()):
            [problem] = list(unknown_fields(one(), data))
            assert (problem.field, problem.code) == (place[:100], "UNKNOWN_FIELD"), one
            seen += "." in place
    assert seen > 10


def nested(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(place, copy of ``data`` with a surplus field there) for every object in it."""
    if isinstance(data, dict):
        yield f"{path}surplus", {**data, "surplus": 1}
        for name, one in data.items():
            for place, changed in nested(one, f"{path}{name}."):
                yield place, {**data, name: changed}
    elif isinstance(data, list):
        for n, one in enumerate(data):
            for place, changed in nested(one, f"{path.removesuffix('.')}[{n}]."):
                yield place, [*data[:n], changed, *data[n + 1 :]]


#: objects with names of the sender's own
FREE = (
    "tags.",
    "permissions.",
    "env.",
    "parameters.",
    "environment.",
    "hyperparameters.",
    "document.",
)


@pytest.mark.django_db
def test_bodies_are_refused_for_a_surplus_field_at_every_depth(world: World) -> None:
    deep = 0
    for door, body in bodies(world):
        for place, changed in nested(body):
            if place.startswith(FREE):
                continue
            answer = send(world, door, json.dumps(changed))
            if answer.status_code == 403:  # the operator's
                continue
            found = refusal(answer, 400)["problems"]
            assert [(p["field"], p["code"]) for p in found] == [(place, "UNKNOWN_FIELD")], door.name
            deep += "." in place
    assert deep >= 3
