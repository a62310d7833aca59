"""The strict check a policy passes before it is saved: every problem at once, with its place and
fix.

Errors refuse the save. Warnings (``lint``) are legal policies that probably do not mean what they
say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts import grammar
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
from accounts.engine.report import Enough, Report, did_you_mean
from accounts.engine.scopes import check_scopes
from accounts.engine.stored import ELEMENTS, TOP_LEVEL, parse_effect
from core.codes import Message

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
        problems.append(Problem("$", "...", grammar.MORE_PROBLEMS(), "more"))
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
            add("$", data, grammar.NO_OBJECT(), "shape")
            return
        version = data.get("Version")
        role = version == "1.0"
        known = TOP_LEVEL | {"Depends"} if role else TOP_LEVEL
        self.names("$", data, known, grammar.ELEMENTS_OF_POLICY())
        if version not in READ_VERSIONS:
            add("$.Version", version, grammar.VERSION(), "version")
        if role and data.get("Depends"):
            self.report.extend(lint_depends(data["Depends"]))
        statements = data.get("Statement")
        if not isinstance(statements, list) or not statements:
            add("$.Statement", statements, grammar.NO_STATEMENTS(), "statement")
            return
        if len(statements) > MAX_STATEMENTS:
            add(
                "$.Statement",
                grammar.STATEMENTS(n=len(statements)),
                grammar.TOO_MANY_STATEMENTS(most=MAX_STATEMENTS),
                "too_many",
            )
            return
        for index, statement in enumerate(statements):
            self.statement(index, statement)
        self.report.extend(check_scopes(self.patterns, self.report.catalog))
        self.report.extend(lint_whole(tuple(self.statements)))

    def names(
        self, path: str, data: Mapping[str, Any], known: frozenset[str], rule: Message
    ) -> None:
        for name in data:
            if name in known:
                continue
            if name in ("NotAction", "NotResource"):
                fix = grammar.NO_NEGATION(name=name[3:])
            elif name in ("Principal", "NotPrincipal"):
                fix = grammar.NO_PRINCIPAL()
            else:
                fix = self.report.near(str(name), known, grammar.REMOVE())
            self.report.add(f"{path}.{printable(name)}", name, rule, "element", fix)

    def statement(self, index: int, raw: object) -> None:
        add = self.report.add
        path = f"$.Statement[{index}]"
        if not isinstance(raw, Mapping):
            add(path, raw, grammar.NO_STATEMENT(), "statement")
            return
        self.names(path, raw, ELEMENTS, grammar.ELEMENTS_OF_STATEMENT())
        effect = parse_effect(raw.get("Effect"))
        if effect is None:
            add(f"{path}.Effect", raw.get("Effect"), grammar.EFFECT(), "effect")
        sid = raw.get("Sid", "")
        if not isinstance(sid, str) or len(sid) > MAX_SID or printable(sid) != sid:
            add(f"{path}.Sid", sid, grammar.SID(most=MAX_SID), "sid")
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
        for here, token in self.report.strings(
            f"{path}.Action", raw.get("Action"), grammar.ACTION()
        ):
            pattern = action_pattern(token)
            if pattern is None:
                self.report.add(here, token, *self.malformed_action(token))
                continue
            if pattern not in self.matched:
                self.matched[pattern] = self.report.catalog.matching(pattern)
            matched = self.matched[pattern]
            if not matched and (meant := self.report.catalog.misspelt(pattern)) is not None:
                fix = did_you_mean([meant.name], grammar.SEE_ACTIONS())
                self.report.add(here, token, grammar.UNKNOWN_ACTION(), "action", fix)
                continue
            self.report.extend(lint_action(here, token, matched))
            found.append(ANY_ACTION if pattern == ANY_ACTION else token)
            self.patterns.append((here, token))
            covered.update((a.name, a) for a in matched)
        return tuple(found), tuple(covered.values())

    def malformed_action(self, token: str) -> tuple[Message, str, str]:
        """Rule, code and fix for something that is not an action pattern at all."""
        if action_pattern(token.strip()) is not None:
            return grammar.BLANKS(action=token.strip()), "blank", ""
        if not token.isascii():
            return grammar.ACTION_FORM(), "lookalike", grammar.LOOKALIKE()
        return grammar.ACTION_FORM(), "malformed_action", self.report.near_actions(token)
