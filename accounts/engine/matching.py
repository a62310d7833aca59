"""Patterns for actions, resources and paths. Everything is linear-time string work: no regular
expressions, so no pattern can be written that takes exponential time to match.

Rules (docs/mechanisms/policies.md): actions compare without case, ``*`` stays inside its segment.
In resources ``*`` crosses slashes, paths are normalised first, and service, region, account and
type compare without case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

_SEGMENT = r"[A-Za-z0-9_-]+"
# Some services of the vendor have actions without a type: `swr::createLoginSecret`.
_ACTION = re.compile(rf"{_SEGMENT}:(?:{_SEGMENT})?:{_SEGMENT}", re.ASCII)
_ACTION_PATTERN = re.compile(r"[A-Za-z0-9_*-]+:[A-Za-z0-9_*-]*:[A-Za-z0-9_*-]+", re.ASCII)
_HEAD = re.compile(r"[A-Za-z0-9_*-]+", re.ASCII)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")

ANY_ACTION = "*:*:*"
MAX_PATH = 2048
MAX_DECODINGS = 8


class MalformedPath(ValueError):
    """The path cannot be normalised: it climbs above its root, hides control characters or is too
    long.
    """


@lru_cache(maxsize=8192)
def is_action(text: str) -> bool:
    """True for a complete action name: three ASCII segments, the second may be empty, no
    wildcard."""
    return len(text) <= 256 and _ACTION.fullmatch(text) is not None


def is_action_pattern(text: str) -> bool:
    """True for an action pattern of three segments (``*`` alone is normalised by
    ``action_pattern``).
    """
    return len(text) <= 256 and _ACTION_PATTERN.fullmatch(text) is not None


@lru_cache(maxsize=8192)
def action_pattern(text: str) -> str | None:
    """``text`` as a comparable pattern (lower case, ``*`` alone widened), or None when it is no
    pattern.
    """
    if text == "*":
        return ANY_ACTION
    return text.lower() if is_action_pattern(text) else None


def glob(pattern: str, text: str) -> bool:
    """``*`` matches any run of characters, also none; everything else is literal and case
    counts.
    """
    if "*" not in pattern:
        return pattern == text
    parts = pattern.split("*")
    head, tail = parts[0], parts[-1]
    end = len(text) - len(tail)
    if len(head) > end or not text.startswith(head) or not text.endswith(tail):
        return False
    at = len(head)
    for part in parts[1:-1]:
        if part:
            found = text.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
    return True


def like(pattern: str, text: str) -> bool:
    """As ``glob``, and ``?`` matches exactly one character (StringLike, StringMatch)."""
    if "?" not in pattern:
        return glob(pattern, text)
    p = t = 0
    star, mark = -1, 0
    while t < len(text):
        # The wildcard test comes first: a literal "*" in the text must not consume the pattern's
        # star.
        if p < len(pattern) and pattern[p] == "*":
            star, mark = p, t
            p += 1
        elif p < len(pattern) and (pattern[p] == "?" or pattern[p] == text[t]):
            p += 1
            t += 1
        elif star >= 0:
            mark += 1
            p, t = star + 1, mark
        else:
            return False
    return all(c == "*" for c in pattern[p:])


def action_matches(pattern: str, action: str) -> bool:
    """Does the lower-case ``pattern`` cover the lower-case ``action``? ``*`` never crosses a
    colon.
    """
    if pattern in (action, ANY_ACTION):
        return True
    if "*" not in pattern:
        return False
    ps, pt, po = pattern.split(":")
    s, t, o = action.split(":")
    return (ps == "*" or glob(ps, s)) and (pt == "*" or glob(pt, t)) and (po == "*" or glob(po, o))


def normalise_path(path: str) -> str:
    """One spelling for every way of writing the same path: percent-encoding undone until nothing
    changes, ``.`` and ``..`` resolved, repeated slashes collapsed. Leading and trailing slashes are
    kept.

    Raises MalformedPath when the path climbs above its root, is not UTF-8, holds control
    characters, is longer than 2048 characters, or is encoded more than eight times over.
    """
    if len(path) > MAX_PATH:
        raise MalformedPath(f"the path is longer than {MAX_PATH} characters")
    for _ in range(MAX_DECODINGS):
        if "%" not in path or not _ESCAPE.search(path):
            break
        try:
            path = unquote_to_bytes(path).decode("utf-8")
        except (UnicodeDecodeError, UnicodeEncodeError) as error:
            raise MalformedPath("the percent-encoded path is not UTF-8") from error
    else:
        if _ESCAPE.search(path):
            raise MalformedPath("the path is percent-encoded too many times over")
    if not path.isprintable() and any(ord(c) < 32 or 127 <= ord(c) < 160 for c in path):
        raise MalformedPath("the path holds control characters")
    if "//" not in path and "/." not in path and not path.startswith("."):
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if not kept:
                raise MalformedPath("the path climbs above its root")
            kept.pop()
        elif segment and segment != ".":
            kept.append(segment)
    lead = "/" if path.startswith("/") else ""
    trail = "/" if kept and path.endswith(("/", "/.", "/..")) else ""
    return lead + "/".join(kept) + trail


def folder_path(path: str) -> str:
    """``normalise_path`` for a folder: no trailing slash (``/p1/`` and ``//p1`` are ``/p1``)."""
    clean = normalise_path(path)
    return clean.rstrip("/") or clean[:1]


@dataclass(frozen=True, slots=True)
class ResourceName:
    """A concrete resource: ``service:region:account:type:path``, first four lower case, path
    normalised.
    """

    service: str
    region: str
    account: str
    type: str
    path: str


@lru_cache(maxsize=8192)
def parse_resource(text: str) -> ResourceName | None:
    """The resource named by a request, or None when the text is no resource name (which denies)."""
    parts = text.split(":", 4)
    if len(parts) != 5:
        return None
    service, region, account, kind, path = parts
    for segment, optional in ((service, False), (region, True), (account, False), (kind, False)):
        if "*" in segment or not (_HEAD.fullmatch(segment) or (optional and not segment)):
            return None
    try:
        path = normalise_path(path).lstrip("/")
    except MalformedPath:
        return None
    if not path:
        return None
    return ResourceName(service.lower(), region.lower(), account.lower(), kind.lower(), path)


@dataclass(frozen=True, slots=True)
class ResourcePattern:
    """A parsed ``Resource`` entry. ``text`` is what was written, for traces and messages."""

    service: str
    region: str
    account: str
    type: str
    path: str
    text: str

    def matches(self, name: ResourceName) -> bool:
        return (
            glob(self.path, name.path)
            and glob(self.service, name.service)
            and glob(self.type, name.type)
            and glob(self.region, name.region)
            and glob(self.account, name.account)
        )

    def is_universal(self, service: str) -> bool:
        """Covers every resource of ``service``, whatever its type."""
        return self.path == self.region == self.account == self.type == "*" and glob(
            self.service, service
        )

    def covers_type(self, service: str, kind: str) -> bool:
        """Covers every resource of ``service`` that has the type ``kind``."""
        return (
            self.path == self.region == self.account == "*"
            and glob(self.service, service)
            and glob(self.type, kind)
        )


EVERY_RESOURCE = ResourcePattern("*", "*", "*", "*", "*", "*")


@lru_cache(maxsize=8192)
def resource_pattern(text: str) -> ResourcePattern | None:
    """``text`` as a pattern, or None when it is none. ``*`` alone means every resource, and an
    empty region, as names of global services have it, means every region.

    Runs of ``*`` collapse. The path is normalised like a request's path, so ``team1//a`` and
    ``team1/a`` are one pattern.
    """
    if text == "*":
        return EVERY_RESOURCE
    parts = text.split(":", 4)
    if len(parts) != 5:
        return None
    *head, path = parts
    head[1] = head[1] or "*"
    if not path or any(not _HEAD.fullmatch(segment) for segment in head):
        return None
    try:
        path = normalise_path(path).lstrip("/")
    except MalformedPath:
        return None
    while "**" in path:
        path = path.replace("**", "*")
    if not path:
        return None
    service, region, account, kind = (_collapse(segment.lower()) for segment in head)
    return ResourcePattern(service, region, account, kind, path, text)


def _collapse(segment: str) -> str:
    return "*" if segment and not segment.strip("*") else segment
