"""Server-sent events: tells an open page that its object moved; the page fetches the rest.

A web thread serves one stream at a time, so streams are few and short: beyond the limit the answer
is 204 and the page polls instead (no error: nothing is wrong, and no log should say so); after
STREAM_SECONDS the browser reconnects with its last id; a reader who went on gives the thread back
at the next look, not at the next write.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Generator
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from console import messages as sentences
from console.pages.base import ResourcePage
from core import actor as actors
from core import services
from core.errors import AppError, NotAuthenticated
from core.models import Event

STREAM_SECONDS = 50
LOOK_EVERY = 0.5  # seconds between looks at the database
SETTLED_EVERY = 4  # of an object in which nothing goes on, only each such look is a real one
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
        if not _slots.acquire(blocking=False):
            return HttpResponse(status=204)
        seen = request.headers.get("Last-Event-ID", "")
        stream = StreamingHttpResponse(
            Stream(self.messages(pk, seen)), content_type="text/event-stream; charset=utf-8"
        )
        stream["X-Accel-Buffering"] = "no"
        return stream

    def messages(self, pk: Any, seen: str) -> Generator[bytes, None, None]:
        """Messages while the object may be seen; every look asks for session and rights anew."""
        with actors.acting(self.actor):
            yield b"retry: 1500\n\n"
            until, spoke = time.monotonic() + STREAM_SECONDS, time.monotonic()
            turn, pause, token = 0, 1, ""
            while time.monotonic() < until and not self.reader_left():
                if turn % pause == 0:
                    try:
                        token, pause = self.look(pk)
                    except AppError:
                        yield b"event: gone\ndata: {}\n\n"
                        return
                turn += 1
                if token != seen:
                    seen, spoke = token, time.monotonic()
                    yield f"id: {token}\nevent: changed\ndata: {{}}\n\n".encode()
                elif time.monotonic() - spoke > KEEP_ALIVE:
                    spoke = time.monotonic()
                    yield b": still here\n\n"
                time.sleep(LOOK_EVERY)

    def still_signed_in(self) -> None:
        """A stream outlives the request that opened it, but not its session: signing out, ending it
        from another browser and a new password all delete it. Raises NotAuthenticated."""
        key = self.request.session.session_key
        if key is None or not self.request.session.exists(key):
            raise NotAuthenticated(sentences.SIGN_IN())

    def reader_left(self) -> bool:
        """Whether the browser closed its end. Only the web server knows the connection; under any
        other one this is found out when something is written."""
        wire = self.request.META.get("gunicorn.socket")
        if wire is None:
            return False
        try:
            news = select.poll()  # select.select cannot look at descriptors above 1023
            news.register(wire, select.POLLIN)
            return bool(news.poll(0)) and wire.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True

    def look(self, pk: Any) -> tuple[str, int]:
        """What the page would show, as a token; and after how many turns to look again."""
        self.still_signed_in()
        obj = services.visible(self.spec.model, self.actor, pk=pk)
        last = (
            Event.objects.filter(resource_id=str(pk)).order_by("-id").values_list("id", flat=True)
        ).first()
        extra = self.screen.live_token(obj) if self.screen.live_token else ""
        pause = SETTLED_EVERY if getattr(obj, "is_settled", False) else 1
        return f"{obj.version}.{last or 0}.{extra}", pause
