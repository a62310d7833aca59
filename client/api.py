"""The public HTTP API as any script uses it. Standard library only."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

API = "/api/v1"
TIMEOUT = 60
"""Seconds until a single call counts as lost."""


class StepFailed(Exception):
    """A step of a script did not happen as expected; the message says what was seen instead."""


class Refused(StepFailed):
    """The API answered with an error."""

    def __init__(self, what: str, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(body.get("error_code", ""))
        self.message = str(body.get("error_msg", ""))
        explanation = body.get("explanation")
        self.explanation: Mapping[str, Any] = explanation if isinstance(explanation, dict) else {}
        lines = [f"{what}: {status} {self.code} {self.message}".rstrip()]
        lines += [str(body["hint"])] if body.get("hint") else []
        for problem in body.get("problems") or []:
            words = (problem.get(name) for name in ("field", "text", "next"))
            lines.append(" ".join(str(word) for word in words if word))
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (lower case) and body of one call."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
) -> Answer:
    """One HTTP exchange; the body is bytes or a file, which is streamed.

    Raises Refused for every status of 400 and above.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=TIMEOUT)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        answer = Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )
    except (OSError, http.client.HTTPException) as error:
        raise StepFailed(f"{method} {url} was not answered: {error!r}") from error
    finally:
        connection.close()
    if answer.status >= 400:
        try:
            content = answer.json()
        except ValueError:
            content = {"error_msg": answer.body[:300].decode("utf-8", "replace")}
        raise Refused(f"{method} {parts.path}", answer.status, content or {})
    return answer


class Api:
    """One user's view of the API."""

    def __init__(self, base_url: str, token: str = "", label: str = "anonymous") -> None:
        self.base_url = base_url.rstrip("/")
        self.token = token
        self.label = label

    def _headers(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        agent = {"User-Agent": "modelyard-client", "Accept": "application/json"}
        return {**agent, **bearer, **(more or {})}

    def send(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A JSON call below /api/v1. Raises Refused."""
        url = f"{self.base_url}{API}{path}"
        given = {k: v for k, v in (query or {}).items() if v not in ("", None)}
        if given:
            url += f"?{urlencode(given)}"
        more = dict(headers or {})
        body = None
        if data is not None:
            body = json.dumps(data).encode()
            more["Content-Type"] = "application/json"
        return call(method, url, headers=self._headers(more), body=body)

    def get(self, path: str, **query: Any) -> Any:
        return self.send("GET", path, query=query).json()

    def post(self, path: str, data: Any = None) -> Any:
        return self.send("POST", path, {} if data is None else data).json()

    def delete(self, path: str) -> None:
        self.send("DELETE", path)

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All rows of a list, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, **{"limit": 100, **query, "offset": len(found)})
            found += page["items"]
            if not page["items"] or len(found) >= page.get("total", 0):
                return found

    def named(self, path: str, name: str) -> dict[str, Any] | None:
        """The row of a list with this very name."""
        return next((row for row in self.items(path, q=name) if row["name"] == name), None)

    def found(self, path: str, row: dict[str, Any]) -> None:
        """A row must stand in the list it belongs to. Raises StepFailed."""
        listed = self.named(path, row["name"])
        if listed is None or listed["id"] != row["id"]:
            raise StepFailed(f"{self.label}: {path} does not list {row['name']}.")

    def refusal(self, method: str, path: str, data: Any = None, **options: Any) -> Refused:
        """The answer to something that must not be allowed. Raises StepFailed when it is."""
        try:
            answer = self.send(method, path, data, **options)
        except Refused as refused:
            return refused
        raise StepFailed(
            f"{self.label}: {method} {path} should have been refused and answered {answer.status}."
        )

    def put_file(self, bucket: str, key: str, path: Path) -> str:
        """Stream a file into a bucket, its SHA-256 sent along; returns the digest."""
        digest = sha256_of(path)
        with path.open("rb") as file:
            answer = call(
                "PUT",
                self.object_url(bucket, key),
                headers=self._headers(
                    {"Content-Length": str(path.stat().st_size), "X-Content-SHA256": digest}
                ),
                body=file,
            ).json()
        if answer["sha256"] != digest or answer["size"] != path.stat().st_size:
            raise StepFailed(f"{key} was stored as {answer}, but its SHA-256 is {digest}.")
        return digest

    def get_object(self, bucket: str, key: str) -> bytes:
        """The bytes of an object, compared with the digest the server sends."""
        answer = call("GET", self.object_url(bucket, key), headers=self._headers())
        digest = hashlib.sha256(answer.body).hexdigest()
        if answer.headers.get("x-content-sha256") != digest:
            raise StepFailed(f"{bucket}/{key} came back with other bytes than its digest says.")
        return answer.body

    def object_url(self, bucket: str, key: str) -> str:
        return f"{self.base_url}{API}/buckets/{quote(bucket)}/objects/{quote(key)}"

    def objects(self, bucket: str, prefix: str) -> list[dict[str, Any]]:
        """Everything below a prefix."""
        found: list[dict[str, Any]] = []
        marker = ""
        while True:
            page = self.get(f"/buckets/{quote(bucket)}/objects", prefix=prefix, marker=marker)
            found += page["items"]
            marker = page["next_marker"]
            if not marker:
                return found


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def predict(address: str, token: str, picture: bytes) -> list[dict[str, Any]]:
    """Send a PNG to a service as the multipart field ``image``."""
    border = uuid.uuid4().hex
    head = (
        f"--{border}\r\n"
        'Content-Disposition: form-data; name="image"; filename="digit.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    body = head.encode() + picture + f"\r\n--{border}--\r\n".encode()
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f"multipart/form-data; boundary={border}",
    }
    answer = call("POST", address, headers=headers, body=body).json()
    if not isinstance(answer, list) or not answer or "image" not in answer[0]:
        raise StepFailed(f"The service answered {str(answer)[:200]}.")
    return answer


def wait(
    what: str,
    look: Callable[[], Any],
    done: Callable[[Any], bool],
    *,
    within: float,
    every: float = 0.4,
    seen: Callable[[Any], None] | None = None,
) -> Any:
    """Look until ``done``; ``seen`` is told every look. Raises StepFailed after ``within`` s."""
    deadline = time.monotonic() + within
    while True:
        state = look()
        if seen is not None:
            seen(state)
        if done(state):
            return state
        if time.monotonic() > deadline:
            raise StepFailed(f"{what} took more than {within:.0f} s. Last seen: {brief(state)}")
        time.sleep(every)


def brief(state: Any) -> str:
    """A state in one line, for messages."""
    if isinstance(state, dict) and "phase" in state:
        words = (state.get(name) for name in ("phase", "secondary_phase", "reason", "message"))
        return " ".join(str(word) for word in words if word)
    return str(state)[:300]
