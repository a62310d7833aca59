"""Warnings about policies that are legal but probably not what was meant."""

from __future__ import annotations

import time
from collections.abc import Iterable

from accounts import grammar
from accounts.engine.catalog import Action, ConditionKey
from accounts.engine.conditions import OperatorName, compile_condition, parse_bool, parse_date
from accounts.engine.matching import ResourcePattern
from accounts.engine.model import ALLOW, DENY, Condition, Effect, Problem, Statement
from accounts.engine.reader import printable
from core.codes import Message


def warning(path: str, token: str, rule: Message, code: str, fix: str = "") -> Problem:
    return Problem(path, token, rule, code, fix, "warning")


def lint_action(path: str, token: str, matched: tuple[Action, ...]) -> list[Problem]:
    """Actions and patterns that nothing in this installation asks for."""
    if any(action.asked for action in matched):
        return []
    rule = grammar.NOTHING_ASKS()
    if not matched:
        return [warning(path, token, rule, "unknown_action", grammar.CHECK_SPELLING())]
    return [warning(path, token, rule, "nothing_asks")]


def lint_depends(listed: object) -> list[Problem]:
    """What a role (version 1.0) needs besides is not part of a policy."""
    return [
        warning(
            "$.Depends",
            printable(listed),
            grammar.DEPENDS(),
            "depends",
        )
    ]


def lint_constant(
    path: str, effect: Effect, condition: Condition, key: ConditionKey
) -> list[Problem]:
    """Conditions whose answer no request changes: keys that none supplies or that are always the
    same, and dates that are over."""
    if not key.supplied:
        rule, code = grammar.KEY_NEVER_SUPPLIED, "key_never_supplied"
        values: dict[str, tuple[str, ...]] = {}
    elif key.constant:
        rule, code = grammar.KEY_CONSTANT, "constant_key"
        values = {condition.key.lower(): (key.constant,)}
    elif key.name == "g:CurrentTime":
        return _lint_time(path, effect, condition)
    else:
        return []
    holds = compile_condition(condition)(values) is True
    what = grammar.ALWAYS_HOLDS() if holds else _never(effect)
    fix = grammar.NOT_FOR_EVERY() if holds else ""
    said = rule(key=key.name, constant=key.constant, what=what)
    return [warning(path, key.name, said, code, fix)]


def _never(effect: Effect) -> Message:
    return grammar.NEVER_DENIES() if effect == DENY else grammar.NEVER_PERMITS()


def _lint_time(path: str, effect: Effect, condition: Condition) -> list[Problem]:
    moments = [parse_date(value) for value in condition.values]
    name = condition.operator.lower()
    if name.startswith(("datelessthan", "dateequals")):
        dead = all(moment is not None and moment < time.time() for moment in moments)
    else:
        dead = name == "null" and any(parse_bool(value) for value in condition.values)
    if not dead:
        return []
    return [
        warning(
            path,
            ", ".join(condition.values),
            grammar.TIME_IS_OVER(what=_never(effect)),
            "time_is_over",
        )
    ]


def lint_path(path: str, token: str, effect: Effect, pattern: ResourcePattern) -> list[Problem]:
    """Paths of buckets and objects that name nothing, or less than was meant."""
    where = pattern.path
    if pattern.service != "obs" or pattern.type not in ("object", "bucket"):
        return []
    if pattern.type == "bucket":
        if "/" not in where:
            return []
        return [
            warning(
                path,
                token,
                grammar.BUCKET_PATH(bucket=where.partition("/")[0]),
                "no_such_path",
            )
        ]
    if "/" not in where and "*" not in where:
        return [
            warning(
                path,
                token,
                grammar.OBJECT_PATH(bucket=where),
                "no_such_path",
            )
        ]
    last = where.rpartition("/")[2]
    if "*" not in where and (not last or (effect == DENY and "." not in last)):
        return [
            warning(
                path,
                token,
                grammar.NOT_A_FOLDER(folder=where.rstrip("/")),
                "not_a_folder",
            )
        ]
    return []


def lint_condition(
    path: str,
    effect: Effect,
    operator: OperatorName,
    key: ConditionKey,
    actions: Iterable[Action],
    siblings: Iterable[Condition],
) -> list[Problem]:
    """Conditions that behave surprisingly when a request does not carry the key."""
    if operator.base is None or key.always or operator.if_exists or not key.supplied:
        return []
    required = {a.name for a in actions if key.name in a.required_keys}
    if required and all(a.name in required for a in actions):
        return []
    if effect == DENY and not operator.base.negated and operator.qualifier != "ForAllValues":
        return [
            warning(
                path,
                key.name,
                grammar.DENY_SKIPS(operator=operator.text),
                "deny_skips_missing_key",
            )
        ]
    guarded = any(c.operator == "Null" and c.key.lower() == key.name.lower() for c in siblings)
    if effect == ALLOW and not guarded and _true_when_missing(operator):
        return [
            warning(
                path,
                key.name,
                grammar.ALLOW_TAKES(operator=operator.text, key=key.name),
                "allow_takes_missing_key",
            )
        ]
    return []


def _true_when_missing(operator: OperatorName) -> bool:
    if operator.qualifier == "ForAllValues":
        return True
    return operator.base is not None and operator.base.negated and not operator.qualifier


def lint_key_use(path: str, key: ConditionKey, actions: tuple[Action, ...]) -> list[Problem]:
    """A service key that no action of the statement ever supplies makes the statement dead."""
    if not actions or key.name.lower().startswith("g:"):
        return []
    name = key.name
    if any(name in a.required_keys or name in a.optional_keys for a in actions):
        return []
    services = {a.service for a in actions}
    if name.split(":")[0] in services and not _declared_anywhere(name):
        return [
            warning(
                path,
                name,
                grammar.KEY_ACTIONS(action=actions[0].name),
                "key_never_supplied",
            )
        ]
    return []


def _declared_anywhere(name: str) -> bool:
    # Keys with obs: and ram: prefixes that describe the request as a whole go with every action.
    return name.split(":")[1] in ("SourceIp", "SecureTransport")


def lint_resource_type(
    path: str, token: str, kind: str, actions: tuple[Action, ...], matches: bool
) -> list[Problem]:
    if matches or not actions:
        return []
    return [
        warning(
            path,
            token,
            grammar.RESOURCE_TYPE(kind=kind, action=actions[0].name, type=actions[0].type),
            "resource_type",
        )
    ]


def lint_whole(statements: tuple[Statement, ...]) -> list[Problem]:
    """Properties of the whole policy."""
    if statements and all(s.effect == DENY for s in statements):
        return [
            warning(
                "$.Statement",
                "Deny",
                grammar.DENY_ONLY(),
                "deny_only",
            )
        ]
    return []
