"""The strict check a policy passes before it is saved: every problem at once, with its place and
fix.

Errors refuse the save. Warnings (``lint``) are legal policies that probably do not mean what they
say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.engine.catalog import Action, Catalog, default_catalog
from accounts.engine.clauses import check_conditions, check_resources
from accounts.engine.lint import lint_action, lint_depends, lint_whole
from accounts.engine.matching import ANY_ACTION, action_pattern
from accounts.engine.model import (
    POLICY_VERSION,
    READ_VERSIONS,
    PolicyDocument,
    Problem,
    Statement,
    Validation,
)
from accounts.engine.reader import printable, read_json
from accounts.engine.report import Enough, Report
from accounts.engine.scopes import check_scopes
from accounts.engine.stored import ELEMENTS, TOP_LEVEL, parse_effect

MAX_STATEMENTS = 200
MAX_SID = 64


def validate(source: str | Mapping[str, Any], catalog: Catalog | None = None) -> Validation:
    """Check a policy for saving. Never raises on content.

    ``source`` is JSON text or parsed data. The result's ``source`` is the normalised policy to
    store (version 1.1, Effect spelled ``Allow``/``Deny``, ``*`` written ``*:*:*``, single values in
    lists), its ``document`` the same ready to compile; both are None when there is an error.
    """
    problems: list[Problem] = []
    data: Any = source
    if isinstance(source, str):
        data, problems = read_json(source)
        if data is None and problems:
            return Validation(None, None, tuple(problems))
    checker = _Checker(catalog or default_catalog(), problems)
    try:
        checker.document(data)
    except Enough:
        problems.append(
            Problem("$", "...", "There are more problems.", "Correct these first.", "more")
        )
    found = tuple(sorted(problems, key=lambda p: p.severity))
    if any(p.severity == "error" for p in found):
        return Validation(None, None, found)
    document = PolicyDocument(tuple(checker.statements))
    return Validation(document, {"Version": POLICY_VERSION, "Statement": checker.clean}, found)


class _Checker:
    def __init__(self, catalog: Catalog, problems: list[Problem]) -> None:
        self.report = Report(catalog, problems)
        self.statements: list[Statement] = []
        self.clean: list[dict[str, Any]] = []
        self.patterns: list[tuple[str, str]] = []
        self.matched: dict[str, tuple[Action, ...]] = {}

    def document(self, data: object) -> None:
        add = self.report.add
        if not isinstance(data, Mapping):
            fix = 'Start with {"Version": "1.1", "Statement": [...]}.'
            add("$", data, "A policy is a JSON object.", fix, "shape")
            return
        version = data.get("Version")
        role = version == "1.0"
        known = TOP_LEVEL | {"Depends"} if role else TOP_LEVEL
        self.names("$", data, known, "A policy has the elements Version and Statement.")
        if version not in READ_VERSIONS:
            add("$.Version", version, "The version must be 1.1.", 'Write "1.1".', "version")
        if role and data.get("Depends"):
            self.report.extend(lint_depends(data["Depends"]))
        statements = data.get("Statement")
        if not isinstance(statements, list) or not statements:
            add(
                "$.Statement",
                statements,
                "A policy holds a list of one or more statements.",
                "Write the statements inside [ ].",
                "statement",
            )
            return
        if len(statements) > MAX_STATEMENTS:
            add(
                "$.Statement",
                f"{len(statements)} statements",
                f"A policy holds at most {MAX_STATEMENTS} statements.",
                "Split it into several policies.",
                "too_many",
            )
            return
        for index, statement in enumerate(statements):
            self.statement(index, statement)
        self.report.extend(check_scopes(self.patterns, self.report.catalog))
        self.report.extend(lint_whole(tuple(self.statements)))

    def names(self, path: str, data: Mapping[str, Any], known: frozenset[str], rule: str) -> None:
        for name in data:
            if name in known:
                continue
            if name in ("NotAction", "NotResource"):
                fix = f"Name what is meant in `{name[3:]}`; version 1.1 cannot negate it."
            elif name in ("Principal", "NotPrincipal"):
                fix = "Remove it; who is meant follows from whom the policy is attached to."
            else:
                fix = self.report.near(str(name), known, "Remove it.")
            self.report.add(f"{path}.{printable(name)}", name, rule, fix, "element")

    def statement(self, index: int, raw: object) -> None:
        add = self.report.add
        path = f"$.Statement[{index}]"
        if not isinstance(raw, Mapping):
            add(path, raw, "A statement is an object.", "Write it inside { }.", "statement")
            return
        rule = "A statement has Effect, Action, and optionally Resource, Condition and Sid."
        self.names(path, raw, ELEMENTS, rule)
        effect = parse_effect(raw.get("Effect"))
        if effect is None:
            rule = "The effect must be Allow or Deny."
            add(f"{path}.Effect", raw.get("Effect"), rule, 'Write "Allow" or "Deny".', "effect")
        sid = raw.get("Sid", "")
        if not isinstance(sid, str) or len(sid) > MAX_SID or printable(sid) != sid:
            rule = f"A Sid is plain text of at most {MAX_SID} characters."
            add(f"{path}.Sid", sid, rule, "Shorten it.", "sid")
            sid = ""
        patterns, actions = self.actions(path, raw)
        resources = check_resources(self.report, path, raw, effect, actions)
        conditions, clean_conditions = check_conditions(self.report, path, raw, effect, actions)
        if effect is None:
            return
        lowered = tuple(p.lower() for p in patterns)
        self.statements.append(Statement(index, effect, lowered, resources, conditions, sid))
        clean: dict[str, Any] = {"Sid": sid} if sid else {}
        clean |= {"Effect": effect, "Action": list(patterns)}
        if resources is not None:
            clean["Resource"] = list(resources)
        if clean_conditions:
            clean["Condition"] = clean_conditions
        self.clean.append(clean)

    def actions(
        self, path: str, raw: Mapping[str, Any]
    ) -> tuple[tuple[str, ...], tuple[Action, ...]]:
        """The readable patterns as written, and every known action they cover."""
        found: list[str] = []
        covered: dict[str, Action] = {}
        for here, token in self.report.strings(f"{path}.Action", raw.get("Action"), "action"):
            pattern = action_pattern(token)
            if pattern is None:
                self.report.add(here, token, *self.malformed_action(token))
                continue
            if pattern not in self.matched:
                self.matched[pattern] = self.report.catalog.matching(pattern)
            matched = self.matched[pattern]
            if not matched and (meant := self.report.catalog.misspelt(pattern)) is not None:
                fix = f"Did you mean `{meant.name}`?"
                self.report.add(here, token, "Unknown action.", fix, "action")
                continue
            self.report.extend(lint_action(here, token, matched))
            found.append(ANY_ACTION if pattern == ANY_ACTION else token)
            self.patterns.append((here, token))
            covered.update((a.name, a) for a in matched)
        return tuple(found), tuple(covered.values())

    def malformed_action(self, token: str) -> tuple[str, str, str]:
        """Rule, fix and code for something that is not an action pattern at all."""
        if action_pattern(token.strip()) is not None:
            return "An action has no blanks around it.", f"Write `{token.strip()}`.", "blank"
        rule = "An action is service:type:operation in ASCII letters, digits, -, _ and *."
        if not token.isascii():
            return rule, "Retype it; some characters only look like ASCII.", "lookalike"
        return rule, self.report.near_actions(token), "malformed_action"
