"""Collects the problems of one policy, bounded, so that a hostile policy cannot make checking
slow.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from accounts import grammar
from accounts.engine.catalog import Catalog
from accounts.engine.model import Problem
from accounts.engine.reader import printable
from accounts.engine.stored import as_list
from core.codes import Message

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

    def add(self, path: str, token: object, rule: Message, code: str, fix: str = "") -> None:
        self.extend([Problem(path, printable(token), rule, code, fix)])

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

    def near(self, token: str, names: Iterable[str], otherwise: Message) -> Message:
        """A fix naming the closest of ``names``, or ``otherwise``."""
        if not self.may_suggest():
            return otherwise
        lowered = {name.lower(): name for name in names}
        close = difflib.get_close_matches(token.strip().lower()[:100], lowered, n=3, cutoff=0.6)
        return did_you_mean((lowered[c] for c in close), otherwise)

    def near_actions(self, token: str) -> Message:
        return did_you_mean(
            self.catalog.suggest(token) if self.may_suggest() else (), grammar.SEE_ACTIONS()
        )

    def near_keys(self, token: str) -> Message:
        return did_you_mean(
            self.catalog.suggest_keys(token) if self.may_suggest() else (), grammar.SEE_KEYS()
        )

    def strings(self, path: str, value: object, what: Message) -> list[tuple[str, str]]:
        """(path, text) for a non-empty list of strings; one string counts as a list of one."""
        listed = as_list(value)
        if not listed:
            self.add(path, value, grammar.AT_LEAST_ONE(what=what), "empty")
        self.entries += len(listed)
        if self.entries > MAX_ENTRIES:
            self.add(
                path,
                grammar.ENTRIES(n=self.entries),
                grammar.TOO_MANY_ENTRIES(most=MAX_ENTRIES),
                "too_many",
            )
            raise Enough
        found = []
        for position, text in enumerate(listed):
            here = f"{path}[{position}]"
            if isinstance(text, str):
                found.append((here, text))
            else:
                self.add(here, text, grammar.STRINGS(what=what), "type")
        return found


def either(names: Iterable[str]) -> str:
    """The names with "or" between them, "" without any."""
    found: str = ""
    for name in names:
        found = grammar.EITHER(one=found, other=f"`{name}`") if found else f"`{name}`"
    return found


def did_you_mean(names: Iterable[str], otherwise: Message) -> Message:
    listed = either(names)
    return grammar.DID_YOU_MEAN(names=listed) if listed else otherwise
