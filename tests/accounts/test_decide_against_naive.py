"""The product's ``decide()``, with its database and memo, against the tests' naive evaluator."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from core.access import Target, decide
from core.services import NO_TAGS
from tests.accounts import make
from tests.accounts.engine import naive

pytestmark = pytest.mark.django_db

ROUNDS, QUESTIONS = 40, 120
ACTIONS = [
    "modelarts:trainJob:create", "modelarts:trainJob:delete", "modelarts:model:get",
    "modelarts:service:infer", "obs:object:GetObject", "obs:object:PutObject",
    "OBS:Object:getobject",
]  # fmt: skip
UNKNOWN = [
    "modelarts:trainJob:explode", "modelarts:nothing:known", "newservice:thing:get",
    "obs:object:GetObjects", "modelarts:trainjob", "a:b:c:d", "*", "modelarts:*:*", "",
]  # fmt: skip
PATTERNS = [
    "*", "*:*:*", "modelarts:*:*", "modelarts:trainJob:*", "*:*:get*", "obs:object:*",
    "obs:*:GetObject", "modelarts:*:delete*", "newservice:*:*", "modelarts:trainJob:explode",
]  # fmt: skip
PATHS = ["team1/a", "team1/secret/x", "team2/b.csv", "team10/a"]
KEYS = {
    "modelarts:poolType": ["public", "dedicated", "PUBLIC"],
    "g:TagKeys": ["team", "cost"],
    "g:MFAAge": ["10", "600", "soon"],
}
OPERATORS = [
    "StringEquals", "StringNotEquals", "StringLike", "NumberLessThan", "NumberNotEquals",
    "StringEqualsIfExists", "StringNotEqualsIfExists", "Null", "Frobnicate",
]  # fmt: skip


def some_statement(chance: random.Random) -> dict[str, Any]:
    effect = chance.choice(["Allow", "Allow", "Allow", "Deny"])
    made = make.statement(effect, *chance.sample(PATTERNS, chance.randint(1, 2)))
    if chance.random() < 0.3:
        path = chance.choice(["team1/*", "*/a", "team1/secret/*", "*", "team2/b.csv"])
        made["Resource"] = [f"obs:*:*:object:{path}"]
    if chance.random() < 0.4:
        key = chance.choice(list(KEYS))
        operator = chance.choice(OPERATORS)
        wanted = ["true"] if operator == "Null" else [chance.choice(KEYS[key])]
        made["Condition"] = {operator: {key: wanted}}
    return made


def some_context(chance: random.Random) -> dict[str, str]:
    """Each key is missing half of the time."""
    return {key: chance.choice(words) for key, words in KEYS.items() if chance.random() < 0.5}


def test_decide_is_never_wrong_on_unknown_actions_and_missing_keys() -> None:
    """Thousands of questions under changing rights; each is asked twice, cold and remembered."""
    chance = random.Random(20261121)
    owner = make.account()
    seen: Counter[tuple[str, bool]] = Counter()
    for _round in range(ROUNDS):
        statements = [some_statement(chance) for _number in range(chance.randint(1, 5))]
        user = make.user(owner)
        make.attach(user, *statements)
        actor = make.actor(user, region="cn-north-1")
        policy = [{"Version": "1.1", "Statement": statements}]
        for _question in range(QUESTIONS):
            kind = chance.choice(["known", "unknown"])
            action = chance.choice(ACTIONS if kind == "known" else UNKNOWN)
            stored = action.lower().startswith("obs:object:")
            path = chance.choice(PATHS) if stored else ""
            context = some_context(chance)
            resource = None
            if path:
                service, row, _operation = action.split(":")
                resource = f"{service}:cn-north-1:{owner.pk}:{row}:{path}"
            expected = naive.decide(policy, action, resource, context, owner.pk) == "allow"
            known = {**NO_TAGS, **context}  # all is said that the request will name
            for _again in range(2):
                found = decide(actor, action, Target(owner.pk, path, "cn-north-1"), known)
                if found.step == "required_keys":  # refused before any policy is looked at
                    assert not found.allowed
                    seen["required", False] += 1
                    continue
                assert found.allowed is expected, (action, path, context, statements, found.reason)
                seen[kind, expected] += 1
    assert seen["known", True] > 500 and seen["known", False] > 500, seen
    assert seen["unknown", True] > 200 and seen["unknown", False] > 500, seen
