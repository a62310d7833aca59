"""Errors that a person or a script can act on. Each names the thing, the rule and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from core import messages
from core.codes import MAX_TEXT, Message, told
from core.text import excerpt

if TYPE_CHECKING:
    from core.access import Decision


#: problems that one answer names; the rest is counted
MAX_PROBLEMS = 100
#: characters of the place that a problem is about, which repeats what was sent
MAX_FIELD = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field ("" = the whole input). Long ones are cut.

    ``text`` is a message of a catalogue, or what a library said about the input. Code and next
    step are those of the message unless given.
    """

    field: str
    text: str
    code: str = ""
    next: str = ""

    def __post_init__(self) -> None:
        text, code, next_step = _parts(self.text, self.code, self.next)
        object.__setattr__(self, "field", excerpt(self.field, MAX_FIELD))
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "code", code or "INVALID")
        object.__setattr__(self, "next", next_step)

    def told(self) -> str:
        """What is wrong and the next step, in the reader's language."""
        return str(told(self.text, self.next, ""))


def _parts(text: str, code: str, next_step: str) -> tuple[str, str, str]:
    """Text, code and next step; the last two from the message where they are not given."""
    if not isinstance(text, Message):
        return excerpt(str(text), MAX_TEXT), code, next_step
    return text, code or text.code, next_step or text.next


class AppError(Exception):
    """Base: ``status`` is the HTTP status, ``code`` a stable upper-case name.

    ``message`` is a message of a catalogue (``core.codes``), or what a library said. Where no
    ``problems`` say them, code and hint are those of the message unless given. ``problems`` are
    the first hundred; ``extra['problems_left_out']`` counts the others.
    """

    status = 400
    code = "BAD_REQUEST"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str = "",
        problems: Iterable[Problem] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        every = iter(problems)
        self.problems = tuple(islice(every, MAX_PROBLEMS))
        message, own_code, own_hint = _parts(message, code or "", hint)
        super().__init__(message)
        self.message = message
        self.code = (code if self.problems else own_code) or type(self).code
        self.hint = hint if self.problems else own_hint
        self.extra = dict(extra or {})
        if left_out := sum(1 for _problem in every):
            self.extra["problems_left_out"] = left_out

    def told(self) -> str:
        """Message and hint in the reader's language."""
        return str(told(self.message, self.hint, ""))


class ValidationFailed(AppError):
    """Input breaks a rule; ``problems`` holds all of them at once."""

    status = 400
    code = "VALIDATION_FAILED"

    @classmethod
    def of(cls, field: str, text: str, *, code: str = "", next: str = "") -> ValidationFailed:
        return cls(text, problems=[Problem(field, text, code, next)])


class NotAuthenticated(AppError):
    """No or no valid sign-in."""

    status = 401
    code = "NOT_AUTHENTICATED"


class AccessDenied(AppError):
    """Seen but not allowed. Carries the decision so that page and API can explain it."""

    status = 403
    code = "ACCESS_DENIED"

    def __init__(self, decision: Decision, *, target: object = None) -> None:
        super().__init__(decision.reason, code="ACCESS_DENIED")
        self.decision = decision
        self.target = target


class NotFound(AppError):
    """Not there, or not yours to see: the same answer for both."""

    status = 404
    code = "NOT_FOUND"

    def __init__(self, message: str = messages.NOT_FOUND()) -> None:
        super().__init__(message)


class Conflict(AppError):
    """The object is not in a state that allows this; ``extra`` carries state and legal actions."""

    status = 409
    code = "CONFLICT"


class StaleState(Conflict):
    """Somebody else moved the object between read and write: reload and decide again."""

    code = "STALE_STATE"


class IllegalTransition(Conflict):
    """The state machine has no such edge."""

    code = "ILLEGAL_TRANSITION"


class PreconditionFailed(AppError):
    """If-Match names a version that is no longer current."""

    status = 412
    code = "PRECONDITION_FAILED"


class PreconditionRequired(AppError):
    """A change without If-Match could overwrite another user's."""

    status = 428
    code = "PRECONDITION_REQUIRED"


class QuotaExceeded(AppError):
    """A limit is reached; the message gives used, limit and who may raise it."""

    status = 409
    code = "QUOTA_EXCEEDED"


class TooManyRequests(AppError):
    """Throttled; ``extra['retry_after']`` is in seconds."""

    status = 429
    code = "TOO_MANY_REQUESTS"


class Unavailable(AppError):
    """A part the answer needs is not there right now; trying again later is right."""

    status = 503
    code = "UNAVAILABLE"


class UnscopedQuery(RuntimeError):
    """A query on tenant data without an actor: a programming error, never shown to users."""
