"""Warnings about policies that are legal but probably not what was meant."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.engine.catalog import Action, ConditionKey
from accounts.engine.conditions import OperatorName
from accounts.engine.model import ALLOW, DENY, Condition, Effect, Problem, Statement


def warning(path: str, token: str, rule: str, fix: str, code: str) -> Problem:
    return Problem(path, token, rule, fix, code, "warning")


def lint_condition(
    path: str,
    effect: Effect,
    operator: OperatorName,
    key: ConditionKey,
    actions: Iterable[Action],
    siblings: Iterable[Condition],
) -> list[Problem]:
    """Conditions that behave surprisingly when a request does not carry the key."""
    if operator.base is None or key.always or operator.if_exists:
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
