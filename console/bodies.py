"""The largest body of every route, enforced before anything parses or keeps one.

The middleware stands before sessions, the check against forged requests and every view. What is
not streamed is read here, whole and in memory, so that whatever comes after, the sign-in as well,
works on a body that has come; docs/mechanisms/input.md has the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, UnreadablePostError
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from console import messages, screens
from console.malformed import UnexpectedFile
from console.middleware import GetResponse
from console.pages import errors
from core.errors import AppError

KIB = 1024
#: forms and JSON of those who show a session or a token
USUAL = 256 * KIB
#: of everybody else, and of pages that need no sign-in
ANONYMOUS = 16 * KIB
#: where a document of 128 Ki characters travels: written as %XX, three bytes for each of its bytes
DOCUMENT = 1024 * KIB

#: actions of a view set that send a whole resource
WRITING = frozenset({"create", "partial_update"})
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Body:
    """The largest body that a route takes, in bytes. ``streamed``: the view reads it in pieces
    itself, after it has asked who sends it."""

    most: int
    streamed: bool = False


class BodyTooLarge(AppError):
    """More bytes than the route takes; ``extra['limit']`` is the most."""

    status = 413
    code = "BODY_TOO_LARGE"


class LengthRequired(AppError):
    """A body of unknown length would be taken for no body at all."""

    status = 411
    code = "LENGTH_REQUIRED"


class IncompleteBody(AppError):
    """The body ended before its announced length."""

    code = "INCOMPLETE_BODY"


class NoFiles(FileUploadHandler):
    """No form of the console takes a file; none is kept, in memory or on disk."""

    def new_file(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises UnexpectedFile."""
        raise UnexpectedFile("A form brought a file.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> NoReturn:
        """Never asked: ``new_file`` has refused."""
        raise UnexpectedFile("A form brought a file.")

    def file_complete(self, file_size: int) -> None:
        """Nothing was kept."""


class BodyMiddleware:
    """Refuses what is larger than the route's body, or of no known length; reads the rest."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            self.read(request)
        except AppError as error:
            refused = errors.answer(request, error)
            # Written here: what adds it to other answers comes after this.
            refused.headers["Content-Length"] = str(len(refused.content))
            return refused
        return self.get_response(request)

    def read(self, request: HttpRequest) -> None:
        """Raises LengthRequired, BodyTooLarge, IncompleteBody."""
        given = request.META.get("CONTENT_LENGTH") or ""
        if request.META.get("HTTP_TRANSFER_ENCODING") and not given:
            raise LengthRequired(messages.LENGTH_REQUIRED())
        # A server that lets another spelling through has a body of length 0 for Django, too.
        length = int(given) if _LENGTH.fullmatch(given) else 0
        if not length:
            return
        body = body_of(request)
        if body.streamed:
            request.body_streams = True  # type: ignore[attr-defined]
            return  # its view knows more: who sends it, and what they may
        most = body.most if shows_who(request) else min(body.most, ANONYMOUS)
        if length > most:
            raise BodyTooLarge(
                messages.BODY_OVER_LIMIT(most=most, method=request.method, path=request.path[:200]),
                extra={"limit": most},
            )
        if request.method in ("GET", "HEAD"):
            return  # it has no reader
        try:
            whole = len(request.body) == length
        except UnreadablePostError:
            whole = False
        if not whole:
            raise IncompleteBody(messages.INCOMPLETE_BODY())


def shows_who(request: HttpRequest) -> bool:
    """Whether the request claims to be of somebody; whether it is, is asked later."""
    return (
        bool(request.META.get("HTTP_AUTHORIZATION"))
        or settings.SESSION_COOKIE_NAME in request.COOKIES
    )


def body_of(request: HttpRequest) -> Body:
    """What the route of this request declares for its method."""
    try:
        callback = resolve(request.path_info).func
    except Resolver404:
        return Body(ANONYMOUS)
    return declared(callback, (request.method or "").lower())


def declared(callback: Any, method: str) -> Body:
    """``bodies`` of the view by method, else the largest body of its resource type where that is
    created or changed, else what is usual."""
    view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
    own: Mapping[str, Body] = getattr(view, "bodies", {})
    if method in own:
        return own[method]
    if _public(view, callback, method):
        return Body(ANONYMOUS)
    actions = getattr(callback, "actions", None) or {}
    if getattr(view, "writes_resource", False) or actions.get(method) in WRITING:
        given = getattr(callback, "view_initkwargs", {}) | getattr(callback, "initkwargs", {})
        spec = given.get("spec") or getattr(view, "spec", None)
        return Body((screens.of(spec).largest_body if spec else 0) or USUAL)
    return Body(USUAL)


def _public(view: Any, callback: Any, method: str) -> bool:
    actions = getattr(callback, "actions", None) or {}
    rule = getattr(view, "declared", {}).get(actions.get(method, method), "")
    return bool(getattr(view, "public", "")) or str(rule).startswith("public:")
