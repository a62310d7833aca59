"""Hidden characters of stored text never reach a client raw: pages show them, JSON escapes them.

Validators refuse many at the entry, but keys, descriptions and words of programs may hold them, and
templates must not have to remember. Fields of forms keep theirs: what they show is sent back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from rest_framework.renderers import JSONRenderer

from core.visible import holds_hidden, json_escaped, visible_markup

#: elements whose attributes and content are values, not words for a reader
FIELDS = ("input", "option", "textarea", "button", "select", "script")


class VisibleTextMiddleware:
    """Rewrites the text of HTML answers that hold such characters; others are left as they are."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        kind = response.headers.get("Content-Type", "")
        if response.headers.get("Content-Security-Policy", "").startswith("sandbox"):
            return response  # data that a tenant's code wrote, and no page: sent as it is
        if isinstance(response, HttpResponse) and kind.startswith("text/html"):
            text = response.content.decode(response.charset)
            if holds_hidden(text):
                response.content = shown(text).encode(response.charset)
                if response.has_header("Content-Length"):
                    response.headers["Content-Length"] = str(len(response.content))
        return response


def shown(page: str) -> str:
    """A page with hidden characters of its text and attributes made visible, in one pass."""
    first, *rest = page.split("<")
    out = [visible_markup(first)]
    inside = ""  # the field whose content is read
    for piece in rest:
        head, end, text = piece.partition(">")
        name = (head.removeprefix("/").split(maxsplit=1) or [""])[0].rstrip("/").lower()
        if inside and head.startswith("/") and name == inside:
            inside = ""
        elif not inside and name in ("textarea", "script"):
            inside = name
        field = inside or name in FIELDS
        head = head if field else visible_markup(head)
        text = text if inside else visible_markup(text)
        out.append(f"{head}{end}{text}")
    return "<".join(out)


class VisibleJSONRenderer(JSONRenderer):
    """JSON with such characters as JSON's own escapes: the same values."""

    def render(self, *arguments: Any, **named: Any) -> bytes:
        body: bytes = super().render(*arguments, **named)
        if body.isascii() and b"\x7f" not in body:
            return body
        return json_escaped(body.decode()).encode()
