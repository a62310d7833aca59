"""The API against its own description: generated requests of every persona to every operation.

No answer is an error of ours, none has a status or a content type that the description lacks.
``MODELYARD_SCHEMA_EXAMPLES=200`` sends more to each operation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.doors.world import World

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
EXAMPLES = int(os.environ.get("MODELYARD_SCHEMA_EXAMPLES", "15"))
PERSONAS = ("anonymous", "fresh", "developer", "root", "other_root")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
PATHS = {
    "bucket": "data",
    "key": "in/a.txt",
    "name": "python_3.11-sklearn-cpu",
    "kind": "services",
}


@pytest.fixture(scope="module")
def schema(world: World) -> Iterator[Any]:
    """The description as it is served. As in Django's own test client, the end of a request does
    not close the connection that holds the world."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    for signal in signals:
        signal.connect(close_old_connections)


def real(world: World, path: str) -> dict[str, Any]:
    """Parameters that name what is there."""
    slug = path.removeprefix("/api/v1/").partition("/")[0]
    own = {"accounts": "account", "tokens": "token", "policy-attachments": "attachment"}
    file = "model/config.json" if slug == "models" else "a.txt"
    one = world.ids.get(own.get(slug, slug), "")
    return {**PATHS, "id": one, "pk": one, "path": file, "user": world.ids["users"]}


def test_every_operation_answers_as_described(world: World, schema: Any) -> None:
    found: dict[str, str] = {}
    operations = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        operations += 1
        try:
            hammer(world, operation)
        except (Exception, BaseExceptionGroup) as problem:  # the next operation's turn comes
            found[operation.label] = said(problem)[:1500]
    assert not found, "\n\n".join(f"{label}: {text}" for label, text in found.items())
    assert operations > 90


def said(problem: BaseException) -> str:
    """The words of a failure, those of a group one after the other."""
    if isinstance(problem, BaseExceptionGroup):
        return "\n".join(map(said, problem.exceptions))
    return f"{type(problem).__name__}: {problem}"


def hammer(world: World, operation: Any) -> None:
    """Send generated requests, right and wrong ones, each undone."""
    there = real(world, operation.path)
    both = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=both, who=st.sampled_from(PERSONAS), known=st.integers(0, 3))
    def send(case: Any, who: str, known: int) -> None:
        if known and case.path_parameters:
            for name in case.path_parameters:
                case.path_parameters[name] = there[name]
        case.headers = {
            k: v for k, v in (case.headers or {}).items() if k.lower() != "authorization"
        }
        if who != "anonymous":
            case.headers["Authorization"] = f"Bearer {world.bearers[who]}"
        with transaction.atomic():
            answer = case.call()
            transaction.set_rollback(True)
        try:
            case.validate_response(answer, checks=CHECKS)
        except BaseExceptionGroup as group:
            sent = f"{who} {case.method} {answer.request.url} {answer.request.body!r:.300}"
            raise AssertionError(f"{sent}\n{said(group):.600}") from None

    send()
