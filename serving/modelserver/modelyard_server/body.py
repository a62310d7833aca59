"""Read a request body into what _preprocess expects."""

from __future__ import annotations

import io
import json
from typing import Any

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

MAX_FILES = 100
MAX_FIELDS = 1000


class RequestError(Exception):
    """The request cannot be read: HTTP status, stable code, sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


async def read(headers: Headers, receive: Any, limit: int) -> bytes:
    """Return the whole body, at most ``limit`` bytes."""
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large(limit)
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError(400, "CLIENT_GONE", "The caller left before the body was complete.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def too_large(limit: int) -> RequestError:
    """413 with the limit in it."""
    return RequestError(
        413,
        "BODY_TOO_LARGE",
        f"The body is larger than {limit / 2**20:.0f} MiB, the limit of this service. "
        "Send a smaller file.",
    )


async def parse(headers: Headers, body: bytes) -> tuple[Any, str | None]:
    """Return (data for _preprocess, JSON text or None)."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _form(MultiPartParser, headers, body), None
    if kind.endswith("+json") or kind == "application/json":
        return _json(body)
    if kind in ("", "text/plain", "application/x-www-form-urlencoded"):
        # `curl -d '{...}'` sends this type; the vendor's own example call does.
        if body.lstrip()[:1] in (b"{", b"["):
            return _json(body)
        if kind == "application/x-www-form-urlencoded":
            return await _form(FormParser, headers, body), None
    raise RequestError(
        415,
        "CONTENT_TYPE",
        f"The content type is `{kind or 'missing'}`; send application/json or multipart/form-data.",
    )


def _json(body: bytes) -> tuple[Any, str]:
    try:
        text = body.decode("utf-8-sig")
        return json.loads(text), text
    except UnicodeDecodeError as error:
        raise RequestError(
            400, "BAD_JSON", f"The body is not UTF-8 (byte {error.start})."
        ) from error
    except json.JSONDecodeError as error:
        raise RequestError(
            400,
            "BAD_JSON",
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
        ) from error
    except RecursionError as error:
        raise RequestError(400, "BAD_JSON", "The body is nested too deeply.") from error


async def _form(parser_class: Any, headers: Headers, body: bytes) -> dict[str, Any]:
    async def stream() -> Any:
        yield body
        yield b""

    try:
        if parser_class is MultiPartParser:
            parser = MultiPartParser(
                headers,
                stream(),
                max_files=MAX_FILES,
                max_fields=MAX_FIELDS,
                max_part_size=len(body) + 1,
            )
        else:
            parser = FormParser(headers, stream())
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        # KeyError: a multipart content type without its boundary.
        reason = getattr(error, "message", None) or f"{error} is missing in the content type"
        raise RequestError(400, "BAD_FORM", f"The form cannot be read: {reason}.") from error
    data: dict[str, Any] = {}
    try:
        for field, value in form.multi_items():
            if isinstance(value, UploadFile):
                files = data.setdefault(field, {})
                if not isinstance(files, dict):
                    raise RequestError(
                        400, "BAD_FORM", f"The field `{field}` holds both text and a file."
                    )
                files[_free_name(value.filename or "file", files)] = io.BytesIO(await value.read())
            elif field in data:
                raise RequestError(400, "BAD_FORM", f"The field `{field}` is sent twice.")
            else:
                data[field] = value
    finally:
        await form.close()
    return data


def _free_name(name: str, taken: dict[str, Any]) -> str:
    """Two files of one field may have the same name; both must arrive."""
    number, free = 2, name
    while free in taken:
        free = f"{name} ({number})"
        number += 1
    return free
