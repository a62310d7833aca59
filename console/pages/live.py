"""Server-sent events: tells an open page that its object moved; the page fetches the rest.

A web thread serves one stream at a time, so streams are few and short: beyond the limit the answer
is 503 and the page polls instead; after STREAM_SECONDS the browser reconnects with its last id.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from console.pages.base import ResourcePage
from core import actor as actors
from core import services
from core.errors import AppError
from core.models import Event

STREAM_SECONDS = 50
LOOK_EVERY = 0.5  # seconds between looks at the database
KEEP_ALIVE = 10  # seconds of silence before a comment is sent

_slots = threading.BoundedSemaphore(settings.MODELYARD_LIVE_STREAMS)


class Stream:
    """Messages of one open page, and the slot that goes back in every ending.

    A class, because a generator that was never started does not run its ``finally``, and a reader
    may be gone before the first message.
    """

    def __init__(self, messages: Generator[bytes, None, None]) -> None:
        self._messages = messages
        self._held = True

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        return next(self._messages)

    def close(self) -> None:
        """End the messages and give the slot back, once."""
        if not self._held:
            return
        self._held = False
        try:
            self._messages.close()
            connection.close()
        finally:
            _slots.release()


class LivePage(ResourcePage):
    """``text/event-stream`` of one object; each message id is version.event.token."""

    verb = "get"

    def get(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        self.object(pk)
        if not _slots.acquire(blocking=False):
            response = HttpResponse("busy: poll instead", status=503, content_type="text/plain")
            response["Retry-After"] = "5"
            return response
        seen = request.headers.get("Last-Event-ID", "")
        stream = StreamingHttpResponse(
            Stream(self.messages(pk, seen)), content_type="text/event-stream; charset=utf-8"
        )
        stream["X-Accel-Buffering"] = "no"
        return stream

    def messages(self, pk: Any, seen: str) -> Generator[bytes, None, None]:
        """Messages while the object may be seen; rights are asked again at every look."""
        with actors.acting(self.actor):
            yield b"retry: 1500\n\n"
            until, spoke = time.monotonic() + STREAM_SECONDS, time.monotonic()
            while time.monotonic() < until:
                try:
                    token = self.token(pk)
                except AppError:
                    yield b"event: gone\ndata: {}\n\n"
                    return
                if token != seen:
                    seen, spoke = token, time.monotonic()
                    yield f"id: {token}\nevent: changed\ndata: {{}}\n\n".encode()
                elif time.monotonic() - spoke > KEEP_ALIVE:
                    spoke = time.monotonic()
                    yield b": still here\n\n"
                time.sleep(LOOK_EVERY)

    def token(self, pk: Any) -> str:
        obj = services.visible(self.spec.model, self.actor, pk=pk)
        last = (
            Event.objects.filter(resource_id=str(pk)).order_by("-id").values_list("id", flat=True)
        ).first()
        extra = self.spec.live_token(obj) if self.spec.live_token else ""
        return f"{obj.version}.{last or 0}.{extra}"
