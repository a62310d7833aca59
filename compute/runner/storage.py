"""A small client of the storage API: list, get, put; streaming, digests, retries.

Network faults, 429, 5xx and a full disk here are tried again with growing pauses, for as long as a
restart of the platform may take; other answers are final. `tick` is called between chunks and
during pauses: it keeps the heartbeat alive and raises to abort.
"""

from __future__ import annotations

import hashlib
import http.client
import itertools
import json
import os
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from compute.runner.state import is_full

CHUNK = 256 * 1024
ADDRESS = "address"
"""File beside the credential in which the platform says where it answers now."""
TIMEOUT_SECONDS = 30
PAUSES = (0.5, 1.0, 2.0, 4.0)
PATIENCE_SECONDS = 120.0
"""How long a server that does not answer is waited for, since it last answered well."""
Answer = TypeVar("Answer")
RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 507})


class StorageError(Exception):
    """The API refused or could not be reached. status 0: no answer at all."""

    def __init__(self, what: str, status: int = 0, code: str = "", explanation: str = "") -> None:
        self.what, self.status, self.code, self.explanation = what, status, code, explanation
        answer = f"{status} {code}".strip() if status else "no answer"
        super().__init__(f"{what}: {answer}{': ' + explanation if explanation else ''}")


class DigestMismatch(StorageError):
    """The bytes that arrived are not the bytes that were announced."""


@dataclass(frozen=True)
class Item:
    """One object of a listing."""

    key: str
    size: int
    sha256: str


class Client:
    """One connection, kept open; not shared between threads."""

    def __init__(
        self,
        api_url: str,
        credential_file: str,
        tick: Callable[[], None],
        pauses: tuple[float, ...] = PAUSES,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """The last of `pauses` is repeated until `patience` is over; without any, nothing is tried
        again."""
        self._given = self._address = api_url
        self._credential = credential_file
        self._tick = tick
        self._pauses = pauses
        self._patience = patience
        self._failing_since: float | None = None
        self._connection: http.client.HTTPConnection | None = None

    def tick(self) -> None:
        """To be called while working without the storage: heartbeat and reasons to stop."""
        self._tick()

    def listing(self, bucket: str, prefix: str) -> Iterator[Item]:
        """All objects whose key starts with `prefix`, page by page. Raises StorageError."""
        marker = ""
        while True:
            query = urlencode({"prefix": prefix, "marker": marker, "limit": 1000})
            what = f"list {bucket}/{prefix}"
            url = f"/buckets/{quote(bucket, safe='')}/objects?{query}"
            body = self._retried(partial(self._json, "GET", url, what))
            for entry in body.get("items", ()):
                yield Item(
                    str(entry["key"]), int(entry.get("size") or 0), str(entry.get("sha256") or "")
                )
            following = body.get("next_marker")
            if not following:
                return
            if following == marker:
                raise StorageError(what, explanation="the listing repeats the same page")
            marker = following

    def get(self, bucket: str, key: str, path: Path, sha256: str = "") -> tuple[str, int]:
        """Stream an object to `path`; returns its digest and size. Raises StorageError."""
        return self._download(object_path(bucket, key), f"{bucket}/{key}", path, sha256)

    def get_url(self, url: str, path: Path, sha256: str = "") -> tuple[str, int]:
        """Stream the answer of GET `url` (below the API's address) to `path`."""
        return self._download(url, url, path, sha256)

    def put(self, bucket: str, key: str, descriptor: int, size: int, sha256: str) -> None:
        """Upload `size` bytes from the start of an open file. Raises StorageError."""
        what = f"{bucket}/{key}"

        def once() -> None:
            response = self._send(
                "PUT",
                object_path(bucket, key),
                self._chunks(descriptor, size),
                {
                    "Content-Length": str(size),
                    "X-Content-SHA256": sha256,
                    "Content-Type": "application/octet-stream",
                },
                what,
            )
            answer = self._body(response, what)
            stored = answer.get("sha256")
            if stored and stored != sha256:
                raise DigestMismatch(what, 400, "DIGEST_MISMATCH", "stored bytes differ")

        self._retried(once)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _download(self, url: str, what: str, path: Path, sha256: str) -> tuple[str, int]:
        def once() -> tuple[str, int]:
            response = self._send("GET", url, None, {}, what)
            if response.status != 200:
                self._body(response, what)
                raise StorageError(what, response.status)
            return self._receive(response, what, path, sha256)

        return self._retried(once)

    def _receive(
        self, response: http.client.HTTPResponse, what: str, path: Path, sha256: str
    ) -> tuple[str, int]:
        expected = sha256 or response.headers.get("X-Content-SHA256", "")
        digest, size = hashlib.sha256(), 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o644)
        with open(descriptor, "wb", buffering=0) as handle:  # noqa: PTH123 - a descriptor
            while chunk := response.read(CHUNK):
                self._tick()
                digest.update(chunk)
                size += len(chunk)
                view = memoryview(chunk)
                while view:
                    view = view[handle.write(view) :]
        if response.length:  # http.client says nothing of a body that ended early
            self.close()
            raise StorageError(what, explanation=f"it broke off after {size:,} bytes")
        if expected and digest.hexdigest() != expected.lower():
            raise DigestMismatch(
                what,
                200,
                "DIGEST_MISMATCH",
                f"expected sha256 {expected}, received {digest.hexdigest()}",
            )
        return digest.hexdigest(), size

    def _chunks(self, descriptor: int, size: int) -> Iterator[bytes]:
        position = 0
        while position < size:
            self._tick()
            chunk = os.pread(descriptor, min(CHUNK, size - position), position)
            if not chunk:
                raise DigestMismatch("read output", explanation="it became shorter meanwhile")
            position += len(chunk)
            yield chunk

    def _json(self, method: str, url: str, what: str) -> dict[str, Any]:
        return self._body(self._send(method, url, None, {}, what), what)

    def _send(
        self,
        method: str,
        url: str,
        body: Iterator[bytes] | None,
        headers: dict[str, str],
        what: str,
    ) -> http.client.HTTPResponse:
        self._tick()
        try:
            token = Path(self._credential).read_text(encoding="ascii").strip()
            address = self._current_address()
            if address != self._address:
                self.close()
                self._address = address
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request(
                method,
                urlsplit(address).path.rstrip("/") + url,
                body=body,
                headers={"Authorization": f"Bearer {token}", "Accept": "*/*", **headers},
            )
            return self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise StorageError(what, explanation=f"{type(error).__name__}: {error}") from error
        except BaseException:
            self.close()  # aborted half-way: the connection cannot be used again
            raise

    def _current_address(self) -> str:
        """Where the platform answers: it may have been started again on another port."""
        try:
            said = Path(self._credential).with_name(ADDRESS).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return self._given
        return said if said.startswith(("http://", "https://")) else self._given

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._address)
        if parts.scheme == "https":
            return http.client.HTTPSConnection(
                parts.netloc, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)

    def _body(self, response: http.client.HTTPResponse, what: str) -> dict[str, Any]:
        """The JSON answer; raises StorageError with the server's own words on any refusal."""
        raw = response.read(4 * 1024 * 1024)
        try:
            data = json.loads(raw) if raw else {}
        except ValueError:
            data = {}
        if not isinstance(data, dict):
            data = {}
        if 200 <= response.status < 300:
            return data
        self.close()
        explanation = explain(data) or raw[:200].decode("utf-8", "replace")
        code = str(data.get("error_code") or "")
        if code == "DIGEST_MISMATCH":
            raise DigestMismatch(what, response.status, code, explanation)
        raise StorageError(what, response.status, code, explanation)

    def _retried(self, call: Callable[[], Answer]) -> Answer:
        for tries in itertools.count(1):
            try:
                answer = call()
            except DigestMismatch:
                self.close()
                if tries > len(self._pauses):
                    raise
            except StorageError as error:
                passing = not error.status or error.status in RETRIED_STATUS
                if not passing or self._given_up():
                    raise
            except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
                self.close()
                if self._given_up():
                    raise StorageError("transfer", explanation=str(error)) from error
            except OSError as error:
                self.close()
                if not is_full(error) or self._given_up():
                    raise
            except BaseException:
                self.close()
                raise
            else:
                self._failing_since = None
                return answer
            self._pause(self._pauses[min(tries, len(self._pauses)) - 1])
        raise AssertionError("unreachable: the loop ends by return or raise")

    def _given_up(self) -> bool:
        """Whether this failure is one too many. What failed for long is not waited for anew by
        every further file."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        return not self._pauses or now - self._failing_since >= self._patience

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._tick()
            time.sleep(min(0.1, left))


def object_path(bucket: str, key: str) -> str:
    """Path of an object below the API's address."""
    return f"/buckets/{quote(bucket, safe='')}/objects/{quote(key, safe='/')}"


def explain(body: dict[str, Any]) -> str:
    """The server's own words: message and, for a denial, which rule decided."""
    parts = [str(body.get("error_msg") or "").rstrip(".")]
    explanation = body.get("explanation")
    if isinstance(explanation, dict):
        # What is missing is for people; ids and the trace of the decision are for the audit.
        explanation = explanation.get("missing") or ""
    parts.append(str(explanation or ""))
    return "; ".join(part for part in dict.fromkeys(parts) if part)
