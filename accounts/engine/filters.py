"""Lists: the same decision as ``evaluate``, asked once for every row a query could return.

``resource_filter`` answers Everything, Nothing or Patterns; the caller turns patterns into SQL.
Each answer also has ``matches``, the reference a query must agree with: for any resource,
``resource_filter(c, action, context).matches(resource, account)`` equals ``evaluate(c,
Request(action, resource, context, account)).allowed``.

Stored keys must be in normal form (``matching.normalise_path(key) == key``), else SQL and
evaluation would look at different spellings of one path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accounts.engine.compile import CompiledPolicies, CompiledStatement
from accounts.engine.conditions import ContextValue, normalise_context
from accounts.engine.matching import (
    EVERY_RESOURCE,
    ResourceName,
    ResourcePattern,
    glob,
    parse_resource,
)


@dataclass(frozen=True, slots=True)
class Paths:
    """Path patterns for rows of one service, region, account and type. A row is visible when at
    least one ``allow`` and no ``deny`` matches. ``*`` crosses slashes, case counts.
    """

    allow: tuple[str, ...]
    deny: tuple[str, ...]

    def matches(self, path: str) -> bool:
        return any(glob(p, path) for p in self.allow) and not any(glob(p, path) for p in self.deny)

    def below(self, prefix: str) -> Everything | Nothing | Paths:
        """The same question for what follows ``prefix``, for example for the keys inside one
        bucket: ``paths.below("team1/").matches("a/b")`` equals ``paths.matches("team1/a/b")``.
        """
        return _paths(
            {rest for p in self.allow for rest in remainders(p, prefix)},
            {rest for p in self.deny for rest in remainders(p, prefix)},
        )


@dataclass(frozen=True, slots=True)
class Everything:
    """Every row of the caller's account (and of the one account a share opens)."""

    service: str = ""

    def matches(self, resource: str, account: str = "", shared_from: str | None = None) -> bool:
        """Reference answer for a resource name; rows of a query are in reach already."""
        name = parse_resource(resource)
        return (
            name is not None and name.service == self.service and _near(name, account, shared_from)
        )

    def paths(self, *, account: str, type: str, region: str = "") -> Everything:
        return self

    def below(self, prefix: str) -> Everything:
        return self


@dataclass(frozen=True, slots=True)
class Nothing:
    """No row at all: there is no Allow, or a Deny covers everything."""

    def matches(self, resource: str, account: str = "", shared_from: str | None = None) -> bool:
        return False

    def paths(self, *, account: str, type: str, region: str = "") -> Nothing:
        return self

    def below(self, prefix: str) -> Nothing:
        return self


@dataclass(frozen=True, slots=True)
class Patterns:
    """Rows covered by an ``allow`` pattern and by no ``deny`` pattern."""

    service: str
    allow: tuple[ResourcePattern, ...]
    deny: tuple[ResourcePattern, ...]

    def matches(self, resource: str, account: str = "", shared_from: str | None = None) -> bool:
        name = parse_resource(resource)
        if name is None or name.service != self.service or not _near(name, account, shared_from):
            return False
        return any(p.matches(name) for p in self.allow) and not any(
            p.matches(name) for p in self.deny
        )

    def paths(self, *, account: str, type: str, region: str = "") -> Everything | Nothing | Paths:
        """What is left to ask of rows that share service, region, account and type: only their
        paths.
        """

        def fitting(patterns: tuple[ResourcePattern, ...]) -> set[str]:
            return {
                p.path
                for p in patterns
                if glob(p.service, self.service)
                and glob(p.type, type.lower())
                and glob(p.account, account.lower())
                and glob(p.region, region.lower())
            }

        return _paths(fitting(self.allow), fitting(self.deny), self.service)


ResourceFilter = Everything | Nothing | Patterns


def resource_filter(
    compiled: CompiledPolicies, action: str, context: Mapping[str, ContextValue] | None = None
) -> ResourceFilter:
    """Which resources may the principal ``action``? A Deny on a path hides its rows, only a Deny on
    every resource empties the list (vector V12).
    """
    plan = compiled.plan(action)
    if plan is None:
        return Nothing()
    values = normalise_context(context or {})
    denied: list[ResourcePattern] = []
    for statement in plan.denies:
        if statement.conditions_hold(values):
            if _everything(statement, plan.service):
                return Nothing()
            denied.extend(statement.resources or ())
    allowed: list[ResourcePattern] = []
    everything = False
    for statement in plan.allows:
        if statement.conditions_hold(values):
            if _everything(statement, plan.service):
                everything = True
                break
            allowed.extend(statement.resources or ())
    if everything:
        if not denied:
            return Everything(plan.service)
        return Patterns(plan.service, (EVERY_RESOURCE,), _unique(denied))
    if not allowed:
        return Nothing()
    return Patterns(plan.service, _unique(allowed), _unique(denied))


def _everything(statement: CompiledStatement, service: str) -> bool:
    if statement.resources is None:
        return True
    return any(p.is_universal(service) for p in statement.resources)


def _near(name: ResourceName, account: str, shared_from: str | None) -> bool:
    return name.account == account.lower() or (
        shared_from is not None and name.account == shared_from.lower()
    )


def _unique(patterns: Iterable[ResourcePattern]) -> tuple[ResourcePattern, ...]:
    return tuple(dict.fromkeys(patterns))


def _paths(allow: set[str], deny: set[str], service: str = "") -> Everything | Nothing | Paths:
    if not allow or "*" in deny:
        return Nothing()
    if "*" in allow:
        if not deny:
            return Everything(service)
        allow = {"*"}
    return Paths(tuple(sorted(allow)), tuple(sorted(deny)))


def remainders(pattern: str, prefix: str) -> frozenset[str]:
    """Every pattern that is left of ``pattern`` once ``prefix`` has been consumed; empty when none
    is.

    A ``*`` may stop anywhere inside the prefix, so there can be several: ``*a/x`` after ``ba/``
    leaves ``*a/x`` (the star goes on) and ``x``.
    """
    positions = _past_stars(pattern, {0})
    for character in prefix:
        moved: set[int] = set()
        for at in positions:
            if at < len(pattern):
                if pattern[at] == "*":
                    moved.add(at)
                elif pattern[at] == character:
                    moved.add(at + 1)
        if not moved:
            return frozenset()
        positions = _past_stars(pattern, moved)
    # A position just behind a star is implied by the star itself: "*x" covers "x".
    return frozenset(
        pattern[at:]
        for at in positions
        if not (at and pattern[at - 1] == "*" and at - 1 in positions)
    )


def _past_stars(pattern: str, positions: set[int]) -> set[int]:
    result = set(positions)
    for at in positions:
        while at < len(pattern) and pattern[at] == "*":
            at += 1
            result.add(at)
    return result
