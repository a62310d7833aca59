"""Strict checks of the Resource and Condition elements of one statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts import grammar
from accounts.engine.catalog import Action, ConditionKey
from accounts.engine.conditions import (
    OperatorName,
    operator_names,
    parse_operator,
    scalar,
    value_problem,
)
from accounts.engine.lint import (
    lint_condition,
    lint_constant,
    lint_key_use,
    lint_path,
    lint_resource_type,
)
from accounts.engine.matching import glob, resource_pattern
from accounts.engine.model import Condition, Effect
from accounts.engine.reader import printable
from accounts.engine.report import Report, either
from accounts.engine.stored import as_list

# Keys whose prefix is not the name of the service that supplies them.
KEY_OWNERS = {"ram": "resource_share"}

CleanConditions = dict[str, dict[str, list[str]]]


def check_resources(
    report: Report,
    path: str,
    raw: Mapping[str, Any],
    effect: Effect | None,
    actions: tuple[Action, ...],
) -> tuple[str, ...] | None:
    """The readable resources of the statement, None when it names none; problems go to
    ``report``.
    """
    if "Resource" not in raw:
        return None
    found: list[str] = []
    for here, token in _resources(report, f"{path}.Resource", raw["Resource"]):
        pattern = resource_pattern(token)
        if pattern is None or token != token.strip():
            report.add(
                here,
                token,
                grammar.RESOURCE_SHAPE(),
                "malformed_resource",
            )
            continue
        found.append(token)
        meant = tuple(a for a in actions if glob(pattern.service, a.service.lower()))
        if actions and not meant:
            report.add(
                here,
                token,
                grammar.RESOURCE_SERVICE(service=pattern.service),
                "resource_service",
            )
        pathless = next((a for a in meant if not a.resource_paths), None)
        if pathless is not None and pattern.path != "*":
            report.add(
                here,
                token,
                grammar.RESOURCE_PATH(
                    action=pathless.name, service=pathless.service, type=pathless.type
                ),
                "resource_path",
            )
        fits = any(glob(pattern.type, a.type.lower()) for a in meant)
        report.extend(lint_resource_type(here, token, pattern.type, meant, fits))
        if effect is not None:
            report.extend(lint_path(here, token, effect, pattern))
    return tuple(found)


def _resources(report: Report, path: str, raw: object) -> list[tuple[str, str]]:
    """(place, resource) for every one named. The older form ``{"uri": ["/service/type/id"]}``, the
    only one the vendor takes for agencies that may be assumed, is read as ``service:*:*:type:id``.
    """
    if not isinstance(raw, Mapping):
        return report.strings(path, raw, grammar.RESOURCE())
    if set(raw) != {"uri"}:
        report.add(path, raw, grammar.RESOURCE_FORM(), "resource_form")
        return []
    found = []
    for here, text in report.strings(f"{path}.uri", raw["uri"], grammar.RESOURCE()):
        parts = text.split("/")
        if len(parts) != 4 or parts[0] or not all(parts[1:]):
            rule, fix = grammar.RESOURCE_FORM(), grammar.WRITE_URI()
            report.add(here, text, rule, "resource_form", fix)
        else:
            found.append((here, f"{parts[1]}:*:*:{parts[2]}:{parts[3]}"))
    return found


def check_conditions(
    report: Report,
    path: str,
    raw: Mapping[str, Any],
    effect: Effect | None,
    actions: tuple[Action, ...],
) -> tuple[tuple[Condition, ...], CleanConditions]:
    """The conditions, and the same as normalised policy data; problems go to ``report``."""
    if "Condition" not in raw:
        return (), {}
    block = raw["Condition"]
    here = f"{path}.Condition"
    if not isinstance(block, Mapping) or not block:
        report.add(here, block, grammar.CONDITION_FORM(), "condition")
        return (), {}
    found: list[tuple[str, OperatorName, Condition]] = []
    for name, keys in block.items():
        at = f"{here}.{printable(name)}"
        operator = parse_operator(str(name))
        if operator is None:
            fix = report.near(str(name), operator_names(), grammar.SEE_OPERATORS())
            report.add(at, name, grammar.UNKNOWN_OPERATOR(), "operator", fix)
        elif not isinstance(keys, Mapping) or not keys:
            report.add(at, keys, grammar.OPERATOR_FORM(), "condition")
        else:
            for key, value in keys.items():
                line = f"{at}.{printable(key)}"
                condition = _condition(report, line, operator, str(key), value)
                if condition is not None:
                    found.append((line, operator, condition))
    clean: CleanConditions = {}
    siblings = tuple(c for _, _, c in found)
    for at, operator, condition in found:
        keys = clean.setdefault(operator.text, {})
        if condition.key in keys:
            # Two spellings of one operator; a dictionary could keep only one of them.
            report.add(
                at,
                operator.text,
                grammar.OPERATOR_TWICE(operator=operator.text, key=condition.key),
                "duplicate_operator",
            )
        keys[condition.key] = list(condition.values)
        _key_use(report, at, operator, condition, effect, actions, siblings)
    return siblings, clean


def _condition(
    report: Report, at: str, operator: OperatorName, key: str, value: object
) -> Condition | None:
    listed = as_list(value)
    if any(not isinstance(v, str | bool | int | float) for v in listed):
        report.add(at, value, grammar.VALUES_FORM(), "type")
        return None
    texts = [v if isinstance(v, str) else scalar(v) for v in listed]
    checked = report.strings(at, texts, grammar.VALUE())
    for here, text in checked:
        problem = value_problem(operator.kind, text)
        if problem is not None:
            report.add(here, text, problem, "value")
    return Condition(operator.text, key, tuple(texts)) if checked else None


def _key_use(
    report: Report,
    at: str,
    operator: OperatorName,
    condition: Condition,
    effect: Effect | None,
    actions: tuple[Action, ...],
    siblings: tuple[Condition, ...],
) -> None:
    key = report.catalog.key(condition.key) or _foreign_key(report, condition.key)
    if key is None:
        fix = report.near_keys(condition.key)
        report.add(at, condition.key, grammar.UNKNOWN_KEY(), "key", fix)
        return
    service = key.name.split(":")[0].lower()
    owner = KEY_OWNERS.get(service, service)
    if owner != "g" and actions and all(a.service.lower() != owner for a in actions):
        report.add(
            at,
            condition.key,
            grammar.KEY_SERVICE(owner=owner),
            "key_service",
        )
    if effect is None or _restricted(report, at, operator, key, effect):
        return
    report.extend(lint_condition(at, effect, operator, key, actions, siblings))
    found = lint_constant(at, effect, condition, key)
    report.extend(found or lint_key_use(at, key, actions))


def _foreign_key(report: Report, name: str) -> ConditionKey | None:
    """A key of a service that this installation does not have: nothing supplies it."""
    service, colon, rest = name.lower().partition(":")
    ours = {k.name.partition(":")[0].lower() for k in report.catalog.keys.values()}
    if not (colon and rest and name.isascii()) or service in ours | report.catalog.served:
        return None
    return ConditionKey(name, "string", "Key of another service.", supplied=False)


def _restricted(
    report: Report, at: str, operator: OperatorName, key: ConditionKey, effect: Effect
) -> bool:
    """Keys that the vendor allows with one operator and one effect only (best practices 2.3.7)."""
    before = len(report.problems)
    if key.effects and effect not in key.effects:
        report.add(
            at,
            effect,
            grammar.KEY_EFFECT(key=key.name, effects=either(key.effects)),
            "key_effect",
        )
    if key.operators and operator.text not in key.operators:
        report.add(
            at,
            operator.text,
            grammar.KEY_OPERATOR(key=key.name, operators=either(key.operators)),
            "key_operator",
        )
    return len(report.problems) > before
