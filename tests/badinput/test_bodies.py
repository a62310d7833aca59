"""The largest body of every route, before anybody signed in and after; forms bring no files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve

from console import bodies
from console.bodies import ANONYMOUS, Body, BodyMiddleware, declared
from tests.badinput.uniform import page, refusal
from tests.doors.knock import Door, doors
from tests.doors.world import World

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
TAKES = ("post", "put", "patch", "delete")
FORM = "application/x-www-form-urlencoded"


def bounded(world: World) -> Iterator[tuple[Door, Body]]:
    """Every door that may come with a body, and what it declares; streamed ones are left out."""
    for door in doors(world):
        if door.method in TAKES:
            body = declared(resolve(door.path).func, door.method)
            if not body.streamed:
                yield door, body


def one_of_a_kind(world: World) -> Iterator[tuple[Door, Body]]:
    """One door of every view and limit: the whole way of a request costs time."""
    seen = set()
    for door, body in bounded(world):
        callback = resolve(door.path).func
        view = getattr(callback, "view_class", None) or getattr(callback, "cls", callback)
        if (view, door.method, body) not in seen:
            seen.add((view, door.method, body))
            yield door, body


def send(client: Client, door: Door, length: int, **extra: Any) -> Any:
    """``length`` bytes of blanks, undone."""
    kind = "application/json" if door.api else FORM
    with transaction.atomic():
        answer = client.generic(
            door.method.upper(), door.path, b" " * length, content_type=kind, **extra
        )
        transaction.set_rollback(True)
    return answer


def checked(door: Door, answer: Any, *statuses: int) -> dict[str, Any]:
    if door.api:
        return refusal(answer, *statuses)
    page(answer, *statuses)
    return {}


def test_one_byte_more_is_413_for_everybody(world: World) -> None:
    for door, body in one_of_a_kind(world):
        for who in ("anonymous", "root"):
            most = min(body.most, ANONYMOUS) if who == "anonymous" else body.most
            answer = send(world.client(who, api=door.api), door, most + 1)
            told = checked(door, answer, 413)
            assert not door.api or (told["error_code"], told["limit"]) == ("BODY_TOO_LARGE", most)


def test_every_route_has_its_limit(world: World) -> None:
    """By the middleware alone, so that every route has its turn; nothing is read of a refusal."""
    middleware, found = BodyMiddleware(lambda request: HttpResponse()), 0
    for door, body in bounded(world):
        for most, known in ((body.most, {"HTTP_AUTHORIZATION": "Bearer x"}), (ANONYMOUS, {})):
            found += 1
            most = min(body.most, most)
            way = {"REQUEST_METHOD": door.method.upper(), "PATH_INFO": door.path, **known}
            request, source = request_with(most + 1, b" " * (most + 1), **way)
            with pytest.raises(bodies.BodyTooLarge):
                middleware.read(request)
            assert source.taken == 0
            chunked = {**way, "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
            request, source = request_with(0, b" " * 9, **chunked)
            with pytest.raises(bodies.LengthRequired):
                middleware.read(request)
            assert source.taken == 0
    assert found > 250


def test_the_whole_limit_is_read(world: World) -> None:
    """The bound is the route's, not a smaller one of something behind it."""
    for door, body in one_of_a_kind(world):
        answer = send(world.client("root", api=door.api), door, body.most)
        assert answer.status_code != 413, (door.name, answer.content[:300])


def test_a_body_without_a_length_is_411_for_everybody(world: World) -> None:
    for door, _body in list(one_of_a_kind(world))[::5]:
        for who in ("anonymous", "root"):
            chunked = {"headers": {"Transfer-Encoding": "chunked"}, "CONTENT_LENGTH": ""}
            checked(door, send(world.client(who, api=door.api), door, 9, **chunked), 411)


def test_what_is_streamed_is_asked_about_first(world: World) -> None:
    """Those have bounds of their own; before the sign-in nothing of them is read."""
    streamed = [
        door
        for door in doors(world)
        if door.method in TAKES and declared(resolve(door.path).func, door.method).streamed
    ]
    assert {door.name for door in streamed} == {
        "PUT /api/v1/buckets/<str:bucket>/objects/<key:key>",
        "PUT /services/<uuid:pk>/x/predict-call",
        "POST /services/<uuid:pk>/x/predict-call",
    }
    for door in streamed:
        source = Counted(b"x" * 100_000)
        answer = Client().generic(
            door.method.upper(), door.path, b"", CONTENT_LENGTH="100000", **{"wsgi.input": source}
        )
        assert answer.status_code in (302, 401, 403), door.name
        assert source.taken == 0


class Counted(BytesIO):
    """A body that counts what is taken of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def request_with(announced: int, sent: bytes, **extra: Any) -> tuple[WSGIRequest, Counted]:
    source = Counted(sent)
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/sign-in", "CONTENT_LENGTH": str(announced),
        "CONTENT_TYPE": FORM, "SERVER_NAME": "testserver", "SERVER_PORT": "80",
        "wsgi.input": source, **extra,
    }  # fmt: skip
    return WSGIRequest(environ), source


def test_no_more_than_announced_is_taken_and_no_less_accepted() -> None:
    middleware = BodyMiddleware(lambda request: HttpResponse())
    request, source = request_with(10, b"a=" + b"x" * 1_000_000)
    middleware.read(request)
    assert (source.taken, request.POST["a"]) == (10, "x" * 8)
    for announced in (ANONYMOUS + 1, 300 << 30):
        request, source = request_with(announced, b"x" * 1_000_000)
        with pytest.raises(bodies.BodyTooLarge):
            middleware.read(request)
        assert source.taken == 0
    request, source = request_with(1000, b"a=1")
    with pytest.raises(bodies.IncompleteBody):
        middleware.read(request)


def test_an_unknown_address_takes_little() -> None:
    answer = Client().post("/no-such-page", b" " * (ANONYMOUS + 1), content_type=FORM)
    page(answer, 413)


def file_part(size: int) -> bytes:
    head = b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
    return head + b"x" * size + b"\r\n--B--\r\n"


@pytest.mark.parametrize("size", [10, 10_000, 3_000_000])
def test_a_form_brings_no_file(world: World, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before the sign-in, where the check against forged requests reads the form, nor after."""

    def none_is_made(*given: Any, **named: Any) -> Any:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", none_is_made)
    monkeypatch.setattr("django.core.files.temp.NamedTemporaryFile", none_is_made)
    visitor = Client(enforce_csrf_checks=True)
    shown = visitor.get("/sign-in").content.decode()
    assert re.search(r'name="csrfmiddlewaretoken" value="[^"]+"', shown)
    for client, path in (
        (visitor, "/sign-in"),
        (world.client("root", api=False), "/groups/new"),
    ):
        answer = client.post(path, file_part(size), content_type="multipart/form-data; boundary=B")
        assert answer.status_code in (415, 413) if size < 300_000 else answer.status_code == 413
    assert not list(Path(tempfile.gettempdir()).glob("*.upload*"))


def test_a_form_with_a_file_is_told_so(world: World) -> None:
    client = world.client("root", api=False)
    answer = client.post(
        "/groups/new", file_part(10), content_type="multipart/form-data; boundary=B"
    )
    assert "brings a file" in page(answer, 415)
