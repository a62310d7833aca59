"""Reading policies that are already stored, whatever they hold: nothing is refused, everything
fails closed.

A stored document may come from an import or from a time with other rules. Refusing to load it would
drop the administrator's Deny, so every unreadable thing is ruled on by its effect (vector V8), and
noted:

- Allow: a statement with anything unreadable in it never matches.
- Deny, unknown operator or unreadable condition values: the condition counts as fulfilled.
- Single values that do not read as the operator's type match nothing in an Allow.
- Deny, unsupported element (``NotAction`` ...) or unreadable ``Effect``, ``Action``, ``Resource``:
  the whole policy is unsafe. Every action the statement might cover and every action the policy
  names is denied, and the decision carries an alarm.
"""

from __future__ import annotations

from typing import Any

from accounts import grammar
from accounts.engine.conditions import parse_operator, scalar, value_problem
from accounts.engine.matching import ANY_ACTION, action_pattern, resource_pattern
from accounts.engine.model import (
    ALLOW,
    DENY,
    POLICY_VERSION,
    Condition,
    Effect,
    PolicyDocument,
    Problem,
    Statement,
)
from accounts.engine.reader import printable, read_json
from core.codes import Message

ELEMENTS = frozenset({"Sid", "Effect", "Action", "Resource", "Condition"})
TOP_LEVEL = frozenset({"Version", "Statement"})
HARMLESS_TOP_LEVEL = frozenset({"Depends", "Id", "Description"})


def parse_effect(value: object) -> Effect | None:
    """``Allow`` or ``Deny`` in any case (the vendor's own Policy3 writes ``deny``), else None."""
    if not isinstance(value, str) or not value.isascii():
        return None
    lowered = value.lower()
    return ALLOW if lowered == "allow" else DENY if lowered == "deny" else None


def as_list(value: object) -> list[Any]:
    """A JSON list, or the one value that was written without brackets."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def condition_values(value: object) -> tuple[str, ...] | None:
    """Condition values as text; None when one of them is not a scalar."""
    values = as_list(value)
    if any(not isinstance(v, str | bool | int | float) for v in values):
        return None
    return tuple(v if isinstance(v, str) else scalar(v) for v in values)


def load_stored(source: object) -> PolicyDocument:
    """Build a document from stored text or data. Never raises on content; see the module's
    rules.
    """
    data: object = source
    notes: list[Problem] = []
    if isinstance(source, str):
        data, notes = read_json(source, limit=None)
    if not isinstance(data, dict) or any(n.code in ("duplicate_key", "too_deep") for n in notes):
        notes.append(_note("$", data, grammar.UNREADABLE(), "unreadable"))
        return PolicyDocument((_catch_all(0, (ANY_ACTION,)),), tuple(notes), unsafe=True)
    return _Loader(data, notes).load()


def _note(path: str, token: object, rule: Message, code: str) -> Problem:
    return Problem(path, printable(token), rule, code, grammar.EDIT_AGAIN(), "warning")


def _catch_all(index: int, actions: tuple[str, ...], complement: bool = False) -> Statement:
    return Statement(index, DENY, actions, complement=complement, unsafe=True)


class _Loader:
    def __init__(self, data: dict[str, Any], notes: list[Problem]) -> None:
        self.data = data
        self.notes = notes
        self.statements: list[Statement] = []
        self.unsafe: list[Statement] = []

    def load(self) -> PolicyDocument:
        foreign = self.data.get("Version") != POLICY_VERSION
        if foreign:
            self.note("$.Version", self.data.get("Version"), grammar.NOT_THIS_VERSION(), "version")
        odd = [k for k in self.data if k not in TOP_LEVEL]
        for name in odd:
            self.note(f"$.{printable(name)}", name, grammar.NO_SUCH_ELEMENT(), "element")
        strange = any(k not in HARMLESS_TOP_LEVEL for k in odd)
        statements = self.data.get("Statement")
        if not isinstance(statements, list):
            self.note("$.Statement", statements, grammar.NO_LIST(), "statement")
        for index, raw in enumerate(as_list(statements)):
            self.statement(index, raw, switched_off=foreign or strange)
        if strange and any(s.effect == DENY for s in self.statements):
            self.unsafe.append(_catch_all(len(self.statements), (ANY_ACTION,)))
        if self.unsafe:
            # An Allow of an unsafe policy must not be usable, and what it names is denied with the
            # rest.
            named = {p for s in self.statements if not s.complement for p in s.actions}
            if named:
                self.unsafe.append(_catch_all(len(self.statements), tuple(sorted(named))))
        return PolicyDocument(
            tuple(self.statements + self.unsafe), tuple(self.notes), unsafe=bool(self.unsafe)
        )

    def note(self, path: str, token: object, rule: Message, code: str) -> None:
        self.notes.append(_note(path, token, rule, code))

    def statement(self, index: int, raw: object, *, switched_off: bool) -> None:
        path = f"$.Statement[{index}]"
        if not isinstance(raw, dict):
            self.note(path, raw, grammar.NO_STATEMENT(), "statement")
            self.unsafe.append(_catch_all(index, (ANY_ACTION,)))
            return
        effect = parse_effect(raw.get("Effect"))
        if effect is None:
            self.note(f"{path}.Effect", raw.get("Effect"), grammar.EFFECT_UNREADABLE(), "effect")
        readable = effect is not None
        for name in raw:
            if name not in ELEMENTS:
                readable = False
                self.note(f"{path}.{printable(name)}", name, grammar.NO_SUCH_ELEMENT(), "element")
        actions, actions_ok = self.actions(path, raw, effect)
        resources, resources_ok = self.resources(path, raw)
        conditions, conditions_ok = self.conditions(path, raw)
        readable = readable and actions_ok and resources_ok
        sid = raw.get("Sid") if isinstance(raw.get("Sid"), str) else ""
        if effect == ALLOW:
            never = switched_off or not (readable and conditions_ok and actions)
            self.statements.append(
                Statement(index, ALLOW, actions, resources, conditions, str(sid), never)
            )
        elif readable:
            self.statements.append(Statement(index, DENY, actions, resources, conditions, str(sid)))
        else:
            self.widen(index, raw, actions, actions_ok)

    def widen(
        self, index: int, raw: dict[str, Any], actions: tuple[str, ...], actions_ok: bool
    ) -> None:
        """Deny everything the unreadable statement might have covered."""
        if "NotAction" in raw:
            spared = [
                action_pattern(a) if isinstance(a, str) else None for a in as_list(raw["NotAction"])
            ]
            known = tuple(p for p in spared if p is not None)
            if known and len(known) == len(spared):
                self.unsafe.append(_catch_all(index, known, complement=True))
                if actions:
                    self.unsafe.append(_catch_all(index, actions))
                return
        self.unsafe.append(_catch_all(index, actions if actions_ok and actions else (ANY_ACTION,)))

    def actions(
        self, path: str, raw: dict[str, Any], effect: Effect | None
    ) -> tuple[tuple[str, ...], bool]:
        """Readable patterns, and whether a Deny may rely on them being all there is."""
        found: list[str] = []
        complete = True
        listed = as_list(raw.get("Action"))
        for position, token in enumerate(listed):
            pattern = action_pattern(token) if isinstance(token, str) else None
            if pattern is None:
                self.note(f"{path}.Action[{position}]", token, grammar.NO_ACTION(), "action")
                # Blanks around a name: an Allow never matches (V2e), a Deny still means what it
                # says.
                stripped = action_pattern(token.strip()) if isinstance(token, str) else None
                if effect == ALLOW:
                    continue
                if stripped is None:
                    complete = False
                    continue
                pattern = stripped
            found.append(pattern)
        if not listed:
            self.note(f"{path}.Action", raw.get("Action"), grammar.WITHOUT_ACTION(), "action")
            complete = False
        return tuple(found), complete or effect == ALLOW

    def resources(self, path: str, raw: dict[str, Any]) -> tuple[tuple[str, ...] | None, bool]:
        if "Resource" not in raw:
            return None, True
        found: list[str] = []
        listed = as_list(raw["Resource"])
        for position, token in enumerate(listed):
            if isinstance(token, str) and resource_pattern(token) is not None:
                found.append(token)
            else:
                self.note(f"{path}.Resource[{position}]", token, grammar.NO_RESOURCE(), "resource")
        return tuple(found), bool(found) and len(found) == len(listed)

    def conditions(self, path: str, raw: dict[str, Any]) -> tuple[tuple[Condition, ...], bool]:
        """Every condition line; an unreadable one stays in as undecidable (so a Deny still
        applies).
        """
        if "Condition" not in raw:
            return (), True
        block = raw["Condition"]
        if not isinstance(block, dict):
            self.note(f"{path}.Condition", block, grammar.NO_CONDITION(), "condition")
            return (), False
        found: list[Condition] = []
        complete = True
        for operator, keys in block.items():
            parsed = parse_operator(operator)
            known = parsed is not None
            if not known:
                self.note(f"{path}.Condition", operator, grammar.NO_OPERATOR(), "operator")
            if not isinstance(keys, dict):
                self.note(f"{path}.Condition", keys, grammar.OPERATOR_FORM(), "condition")
                complete = False
                continue
            complete = complete and known
            for key, value in keys.items():
                values = condition_values(value)
                if not values:
                    self.note(f"{path}.Condition", value, grammar.VALUES_UNREADABLE(), "value")
                    complete = False
                if parsed is not None and parsed.kind != "string":
                    self.check_values(path, parsed.kind, values or ())
                found.append(Condition(operator, key, values or ()))
        return tuple(found), complete

    def check_values(self, path: str, kind: str, values: tuple[str, ...]) -> None:
        for value in values:
            rule = value_problem(kind, value)
            if rule is not None:
                self.note(f"{path}.Condition", value, rule, "value")
