"""Warnings about policies that are legal but probably not what was meant."""

from __future__ import annotations

import time
from collections.abc import Iterable

from accounts.engine.catalog import Action, ConditionKey
from accounts.engine.conditions import OperatorName, compile_condition, parse_bool, parse_date
from accounts.engine.matching import ResourcePattern
from accounts.engine.model import ALLOW, DENY, Condition, Effect, Problem, Statement
from accounts.engine.reader import printable


def warning(path: str, token: str, rule: str, fix: str, code: str) -> Problem:
    return Problem(path, token, rule, fix, code, "warning")


def lint_action(path: str, token: str, matched: tuple[Action, ...]) -> list[Problem]:
    """Actions and patterns that nothing in this installation asks for."""
    if any(action.asked for action in matched):
        return []
    rule = "Nothing in this installation asks for it, so it neither permits nor denies anything."
    if not matched:
        fix = "Check the spelling; leave it if it is meant for another installation."
        return [warning(path, token, rule, fix, "unknown_action")]
    fix = "Leave it if it is meant for another installation, or for a later release."
    return [warning(path, token, rule, fix, "nothing_asks")]


def lint_depends(listed: object) -> list[Problem]:
    """What a role (version 1.0) needs besides is not part of a policy."""
    return [
        warning(
            "$.Depends",
            printable(listed),
            "Roles that this one depends on are not attached with it, and the element is not kept.",
            "Attach the policies of the same rights to the same users.",
            "depends",
        )
    ]


def lint_constant(
    path: str, effect: Effect, condition: Condition, key: ConditionKey
) -> list[Problem]:
    """Conditions whose answer no request changes: keys that none supplies or that are always the
    same, and dates that are over."""
    if not key.supplied:
        rule = f"`{key.name}` is never supplied by this installation"
        values: dict[str, tuple[str, ...]] = {}
    elif key.constant:
        rule = f"`{key.name}` is always `{key.constant}` in this installation"
        values = {condition.key.lower(): (key.constant,)}
    elif key.name == "g:CurrentTime":
        return _lint_time(path, effect, condition)
    else:
        return []
    holds = compile_condition(condition)(values) is True
    what = "the condition always holds" if holds else _never(effect)
    code = "constant_key" if key.supplied else "key_never_supplied"
    fix = (
        "Remove the statement if it is not meant for every request."
        if holds
        else "Ask for something that requests carry."
    )
    return [warning(path, key.name, f"{rule}: {what}.", fix, code)]


def _never(effect: Effect) -> str:
    verb = "denies" if effect == DENY else "permits"
    return f"the condition never holds, so the statement never {verb} anything"


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
            f"This time is over: {_never(effect)} again.",
            "Write a date that is still to come, or remove the statement.",
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
                "A bucket's path is its name alone; no bucket has a slash in it.",
                f"Write `obs:*:*:bucket:{where.partition('/')[0]}`, or the type `object`.",
                "no_such_path",
            )
        ]
    if "/" not in where and "*" not in where:
        return [
            warning(
                path,
                token,
                "An object's path is bucket/key; nothing has a path without a slash.",
                f"Write `obs:*:*:object:{where}/*` for every object of the bucket.",
                "no_such_path",
            )
        ]
    last = where.rpartition("/")[2]
    if "*" not in where and (not last or (effect == DENY and "." not in last)):
        folder = where.rstrip("/")
        return [
            warning(
                path,
                token,
                "It names one object of exactly this name, not what is in a folder.",
                f"`obs:*:*:object:{folder}/*` is the folder.",
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
                "A request without this key is not denied: a missing key does not fulfil "
                f"`{operator.text}`.",
                f"Use `{operator.text}IfExists` if such requests are to be denied too.",
                "deny_skips_missing_key",
            )
        ]
    guarded = any(c.operator == "Null" and c.key.lower() == key.name.lower() for c in siblings)
    if effect == ALLOW and not guarded and _true_when_missing(operator):
        return [
            warning(
                path,
                key.name,
                f"A request without the key is allowed: `{operator.text}` holds for a missing key.",
                f'Add "Null": {{"{key.name}": ["false"]}} if the key must be there.',
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
                f"None of the statement's actions, such as `{actions[0].name}`, supplies this key.",
                "Name the actions that do, or remove the condition.",
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
            f"No action of the statement works on resources of type `{kind}`.",
            f"For `{actions[0].name}` write the type `{actions[0].type}`.",
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
                "The policy only denies; by itself it permits nothing.",
                "Attach it beside a policy that allows.",
                "deny_only",
            )
        ]
    return []
