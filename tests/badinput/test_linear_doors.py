"""Every address that takes a body, fed n and 4n of what it may hold many of: as many statements,
and at most in proportion as much work, before the sign-in and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection, transaction
from django.urls import resolve
from rest_framework import serializers

from console.bodies import declared
from core import registry
from tests.badinput.linear import Row, check
from tests.badinput.test_bodies import one_of_a_kind
from tests.doors.knock import BODIES, Door
from tests.doors.world import World

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db,
    pytest.mark.slow,
]
MANY = (
    serializers.ListField, serializers.ListSerializer, serializers.DictField,
    serializers.JSONField,
)  # fmt: skip
Make = Callable[[int], bytes]


def many_of(field: Any, n: int) -> Any:
    """``n`` of whatever a field of a serializer takes many of."""
    if isinstance(field, serializers.ListField | serializers.ListSerializer):
        return [many_of(field.child, 1) for _number in range(n)]
    if isinstance(field, serializers.DictField):
        return {f"k{number}": "v" for number in range(n)}
    if isinstance(field, serializers.Serializer):
        return {name: many_of(one, n) for name, one in field.fields.items() if not one.read_only}
    if isinstance(field, serializers.JSONField):
        one = {"Effect": "Allow", "Action": ["obs:bucket:HeadBucket"] * 4}
        return {"Version": "1.1", "Statement": [one for _number in range(n)]}
    return "x" * n


def serializer_of(door: Door) -> Any:
    callback = resolve(door.path).func
    action = (getattr(callback, "actions", None) or {}).get(door.method)
    view = getattr(callback, "cls", None)
    if action is None or not hasattr(view, "input_class"):
        return None
    verb = callback.initkwargs.get("verb", "")
    found = {
        "create": view.input_class,
        "partial_update": view.update_class or view.input_class,
        "perform": view.verb_inputs.get(verb),
    }.get(action)
    return found() if found else None


def bodies(world: World, door: Door) -> Iterator[tuple[str, Make, int]]:
    """(name, body of n, largest n) of what is bad for every address, and for this one."""
    if not door.api:
        yield "fields of a form", lambda n: urlencode({f"f{i}": i for i in range(n)}).encode(), 240
        yield "a long text", lambda n: b"name=" + b"%E4" * n, 4000
        yield (
            "chosen many times",
            lambda n: urlencode(
                [(name, i) for i in range(n) for name in ("groups", "policies", "resources")]
            ).encode(),
            80,
        )
        return
    names = lambda n: ",".join(f'"n{i}":1' for i in range(n))  # noqa: E731
    yield "a name twice", lambda n: ("{" + names(n) + ',"n0":1}').encode(), 4000
    serializer = serializer_of(door)
    if serializer is None:
        yield "unknown names", lambda n: ("{" + names(n) + "}").encode(), 2000
    else:
        good = BODIES.get(f"{door.method} {door.route}", lambda world: {})(world)
        yield "every field", lambda n: json.dumps({**many_of(serializer, n)}).encode(), 60
        for name, field in serializer.fields.items():
            if isinstance(field, MANY):
                one = lambda n, name=name, field=field: json.dumps(  # noqa: E731
                    {**good, name: many_of(field, n)}
                ).encode()
                yield f"many of {name}", one, 60


@pytest.mark.parametrize("who", ["anonymous", "root"])
def test_every_address_does_work_in_proportion(world: World, who: str) -> None:
    found = 0
    for door, _body in one_of_a_kind(world):
        if declared(resolve(door.path).func, door.method).streamed:
            continue
        client = world.client(who, api=door.api)
        kind = "application/json" if door.api else "application/x-www-form-urlencoded"

        def send(data: bytes, client: Any = client, door: Door = door, kind: str = kind) -> int:
            asked = 0

            def count(execute: Any, *given: Any) -> Any:
                nonlocal asked
                asked += 1
                return execute(*given)

            with transaction.atomic(), connection.execute_wrapper(count):
                client.generic(
                    door.method.upper(),
                    door.path,
                    data,
                    content_type=kind,
                    headers={"If-Match": "*"},
                )
                transaction.set_rollback(True)
            return asked

        for name, make, most in bodies(world, door):
            if who == "anonymous" and len(make(most)) > 16_000:
                continue
            found += 1
            label = f"{door.name} for {who}: {name}"
            few, many = send(make(most // 2)), send(make(most))
            assert many <= few + 2, f"{label}: {few} statements, {many} for twice as many"
            check(Row(label, send, make, n=most // 4, most=most), counted=False)
    assert found > (40 if who == "anonymous" else 80)
    assert sum(1 for _spec in registry.all_specs()) > 10
