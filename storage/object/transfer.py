"""Bytes over HTTP: streamed in, streamed out, never rendered by a browser as a page of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date, parse_http_date_safe

from console.watched import Watched
from core.actor import Actor
from core.errors import AppError
from core.visible import in_file_name
from storage import messages
from storage.backends.base import CHUNK
from storage.blob import services as blobs
from storage.blob.models import Blob

#: what a browser may take the bytes for: a download, data for a script of ours, something to look
#: at or to hear (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header)
_HARMLESS = frozenset({"empty", "document", "image", "audio", "video"})
_EXECUTABLE = re.compile(r"(text|application)/(x-)?((java|ecma|live|j)script[\d.]*|css)", re.ASCII)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class LengthRequired(AppError):
    """An upload without Content-Length could not be told from one that was cut."""

    status = 411
    code = "LENGTH_REQUIRED"


class PartialUpload(AppError):
    """A piece sent for the whole: storing it would replace the object by its piece."""

    code = "PARTIAL_UPLOAD"


class RangeNotSatisfiable(AppError):
    """The asked range lies beyond the end."""

    status = 416
    code = "RANGE_NOT_SATISFIABLE"


class NotForEmbedding(AppError):
    """A page wants to run or embed what somebody uploaded."""

    status = 403
    code = "NOT_FOR_EMBEDDING"


def refuse_embedding(request: HttpRequest) -> None:
    """Refuse bytes as a script, worker, style, frame or anything else that acts in our origin.

    The console's own policy allows scripts of its own origin, and that is where uploads lie too.
    Programs send no such header. Raises NotForEmbedding.
    """
    wanted = request.headers.get("Sec-Fetch-Dest", "empty").strip().lower()
    if wanted not in _HARMLESS:
        raise NotForEmbedding(messages.NOT_SERVED_AS(wanted=wanted[:20]))


def inert_type(content_type: str) -> str:
    """The type to send. A browser that does not say what it wants bytes for would run a script by
    its type; as plain text under ``nosniff`` it does not."""
    return "text/plain" if _EXECUTABLE.fullmatch(content_type) else content_type


def content_length(request: HttpRequest) -> int:
    """The announced length of a raw body, a whole object, in bytes.

    Raises: LengthRequired, PartialUpload (RFC 9110, section 14.5).
    """
    if "Content-Range" in request.headers:
        raise PartialUpload(messages.PARTIAL_UPLOAD())
    given = request.META.get("CONTENT_LENGTH") or ""
    if not (given.isascii() and given.isdigit()) or len(given) > 18:
        raise LengthRequired(messages.LENGTH_REQUIRED())
    return int(given)


def send(
    request: HttpRequest,
    blob: Blob,
    name: str,
    *,
    content_type: str,
    modified: float,
    ask: Callable[[], object],
) -> HttpResponseBase:
    """The answer to GET and HEAD of bytes: whole, a range (206), or 304 for a known ETag. ``ask``
    raises AppError when the caller may read them no more; a long download asks it again.

    Raises: NotForEmbedding, RangeNotSatisfiable, StoreError.
    """
    refuse_embedding(request)  # before 304: what a browser has kept is not for embedding either
    content_type = inert_type(content_type)
    etag = f'"{blob.sha256}"'
    headers = {
        "ETag": etag,
        "X-Content-SHA256": blob.sha256,
        "Accept-Ranges": "bytes",
        "Last-Modified": http_date(modified),
        "Content-Disposition": disposition(name),
        "X-Content-Type-Options": "nosniff",
        # Whatever was uploaded, it runs nothing here, even where a browser shows it.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
    }
    if _known(request, etag, modified):
        return HttpResponse(status=304, headers=headers)
    start, length, status = 0, blob.size, 200
    asked = wanted_range(request, blob.size, etag)
    if asked is not None:
        start, length = asked
        status = 206
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{blob.size}"
    headers["Content-Length"] = str(length)
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers, content_type=content_type)
    if length == 0:
        return HttpResponse(b"", status=status, headers=headers, content_type=content_type)
    stream = blobs.read(blob, start, length)
    actor: Actor = request.actor  # type: ignore[attr-defined]
    pieces = Watched(Chunks(stream), actor, ask)
    return StreamingHttpResponse(pieces, status=status, headers=headers, content_type=content_type)


def wanted_range(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """(start, length) of the one range asked for; None for the whole (RFC 9110, section 14).

    Several ranges and unknown forms are ignored, as the RFC allows. Raises
    RangeNotSatisfiable.
    """
    given = request.headers.get("Range", "").replace(" ", "")
    condition = request.headers.get("If-Range", "")
    if not given or (condition and condition != etag):
        return None
    match = _RANGE.fullmatch(given)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        length = min(int(last), size)
        start = size - length
    else:
        start = int(first)
        end = min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return None
        length = end - start + 1
    if length <= 0 or start >= size:
        raise RangeNotSatisfiable(messages.BEYOND_END(size=size, given=given), extra={"size": size})
    return start, length


class Chunks:
    """The stream piece by piece. A class, because a generator that was never started does not run
    its ``finally``, and a receiver may be gone before the first piece."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._stream.read(CHUNK)
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        self._stream.close()


def disposition(name: str) -> str:
    """Content-Disposition of a download, safe for every file name (RFC 6266)."""
    name = in_file_name(name)
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _known(request: HttpRequest, etag: str, modified: float) -> bool:
    tags = request.headers.get("If-None-Match", "")
    if tags:
        return tags.strip() == "*" or etag in [
            tag.strip().removeprefix("W/") for tag in tags.split(",")
        ]
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    return since is not None and int(modified) <= since
