"""Collects the problems of one policy, bounded, so that a hostile policy cannot make checking
slow.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from accounts.engine.catalog import Catalog
from accounts.engine.model import Problem
from accounts.engine.reader import printable
from accounts.engine.stored import as_list

MAX_ENTRIES = 1000
MAX_PROBLEMS = 100
MAX_SUGGESTIONS = 20


class Enough(Exception):
    """There are so many problems that listing more does not help. A signal, not an error."""


class Report:
    """The problems found so far. ``add`` and ``extend`` raise Enough at the hundredth error, and
    leave out warnings after the hundredth: a policy is not refused for having many."""

    def __init__(self, catalog: Catalog, problems: list[Problem]) -> None:
        self.catalog = catalog
        self.problems = problems
        self.suggested = 0
        self.entries = 0
        self.warned = 0

    def add(self, path: str, token: object, rule: str, fix: str, code: str) -> None:
        self.extend([Problem(path, printable(token), rule, fix, code)])

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            if problem.severity == "warning":
                self.warned += 1
                if self.warned > MAX_PROBLEMS:
                    continue
            elif len(self.problems) - min(self.warned, MAX_PROBLEMS) >= MAX_PROBLEMS:
                raise Enough
            self.problems.append(problem)

    def may_suggest(self) -> bool:
        """Comparing names is slow; after twenty suggestions there are no more."""
        self.suggested += 1
        return self.suggested <= MAX_SUGGESTIONS

    def near(self, token: str, names: Iterable[str], otherwise: str) -> str:
        """A fix naming the closest of ``names``, or ``otherwise``."""
        if not self.may_suggest():
            return otherwise
        lowered = {name.lower(): name for name in names}
        close = difflib.get_close_matches(token.strip().lower()[:100], lowered, n=3, cutoff=0.6)
        return did_you_mean((lowered[c] for c in close), otherwise)

    def near_actions(self, token: str, otherwise: str = "") -> str:
        otherwise = otherwise or "Look the name up in the list of actions."
        return did_you_mean(self.catalog.suggest(token) if self.may_suggest() else (), otherwise)

    def near_keys(self, token: str) -> str:
        otherwise = "See the list of condition keys."
        return did_you_mean(
            self.catalog.suggest_keys(token) if self.may_suggest() else (), otherwise
        )

    def strings(self, path: str, value: object, what: str) -> list[tuple[str, str]]:
        """(path, text) for a non-empty list of strings; one string counts as a list of one."""
        listed = as_list(value)
        if not listed:
            self.add(
                path, value, f"There must be at least one {what}.", f"Add one {what}.", "empty"
            )
        self.entries += len(listed)
        if self.entries > MAX_ENTRIES:
            self.add(
                path,
                f"{self.entries} entries",
                f"A policy names at most {MAX_ENTRIES} actions, resources and values.",
                "Split it into several policies.",
                "too_many",
            )
            raise Enough
        found = []
        for position, text in enumerate(listed):
            here = f"{path}[{position}]"
            if isinstance(text, str):
                found.append((here, text))
            else:
                self.add(
                    here, text, f"Each {what} is a string.", 'Put it in double quotes ("").', "type"
                )
        return found


def either(names: Iterable[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


def did_you_mean(names: Iterable[str], otherwise: str) -> str:
    listed = either(names)
    return f"Did you mean {listed}?" if listed else otherwise
