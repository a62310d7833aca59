"""The immutable shapes a policy is made of, and the problems a policy can have.

Grammar: policy language version 1.1 (ModelArts best practices, table 2-4). Nothing here decides
anything; ``validation`` and ``stored`` build these objects, ``compile`` and ``evaluate`` use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from accounts import grammar
from core.codes import Message, told

ALLOW: Literal["Allow"] = "Allow"
DENY: Literal["Deny"] = "Deny"

Effect = Literal["Allow", "Deny"]
Severity = Literal["error", "warning"]

POLICY_VERSION = "1.1"
#: documents that are taken and stored as 1.1: of roles (1.0) and of identity policies (5.0)
READ_VERSIONS = ("1.0", POLICY_VERSION, "5.0")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a policy document.

    ``path`` is a JSON path (``$.Statement[0].Action[2]``), ``token`` the offending text, ``rule``
    what the grammar asks for, ``fix`` the next step, ``code`` a stable name for tests and
    translations. The fix is the next step of the rule, a message of ``accounts.grammar``, unless
    given.
    """

    path: str
    token: str
    rule: str
    code: str
    fix: str = ""
    severity: Severity = "error"

    def __post_init__(self) -> None:
        if not self.fix and isinstance(self.rule, Message):
            object.__setattr__(self, "fix", self.rule.next)

    def __str__(self) -> str:
        return f"{self.path}: `{self.token}`: {self.rule} {self.fix}"

    def told(self) -> str:
        """The same in the reader's language."""
        place = grammar.PROBLEM(path=self.path, token=self.token, rule=self.rule)
        return str(told(place, self.fix, ""))

    def as_dict(self) -> dict[str, str]:
        """The problem as plain data, for API bodies and forms."""
        return {
            "path": self.path,
            "token": self.token,
            "rule": self.rule,
            "fix": self.fix,
            "code": self.code,
            "severity": self.severity,
        }


@dataclass(frozen=True, slots=True)
class Condition:
    """One ``operator: {key: [values]}`` line. ``operator`` is canonical, or as written when
    unknown.
    """

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, ready to compile.

    ``actions`` are lower-case patterns of three segments. ``complement`` means "every action except
    these"; no policy can say that, it only expresses what an unreadable ``NotAction`` might have
    covered. ``resources`` is None for "every resource". ``never`` switches an unreadable Allow off.
    """

    index: int
    effect: Effect
    actions: tuple[str, ...]
    resources: tuple[str, ...] | None = None
    conditions: tuple[Condition, ...] = ()
    sid: str = ""
    never: bool = False
    complement: bool = False
    unsafe: bool = False


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A readable policy. ``notes`` say what had to be ruled on while reading a stored document;
    ``unsafe`` means at least one Deny could not be read and was widened (see ``stored``)."""

    statements: tuple[Statement, ...]
    notes: tuple[Problem, ...] = ()
    unsafe: bool = False

    @property
    def condition_keys(self) -> frozenset[str]:
        """Every condition key the policy names, lower case."""
        return frozenset(c.key.lower() for s in self.statements for c in s.conditions)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as attached to a principal.

    ``scope`` narrows one attachment to, for example, one enterprise project: a mapping of condition
    key to permitted values. An Allow outside its scope does not count; a Deny counts unless the
    request is known to be outside.
    """

    id: str
    version: str
    name: str
    document: PolicyDocument
    scope: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[object, ...]:
        """Identity for caches: changes whenever the decisions of the attachment may change."""
        return (self.id, self.version, tuple(sorted((k, tuple(v)) for k, v in self.scope.items())))


@dataclass(frozen=True, slots=True)
class Validation:
    """Result of the strict check. ``document`` and ``source`` are None when there is any error."""

    document: PolicyDocument | None
    source: dict[str, Any] | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "warning")

    @property
    def ok(self) -> bool:
        return not self.errors
