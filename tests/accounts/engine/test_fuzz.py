"""Hostile documents: nothing crashes, nothing is quadratic, whatever is unreadable fails closed."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.engine import compile_policies, evaluate, load_stored, resource_filter, validate
from accounts.engine.compile import MEMO_SIZE
from accounts.engine.reader import MAX_TEXT
from tests.badinput.linear import Row, check

from .strategies import EXAMPLES, documents
from .support import compiled, document, policy, request, statement

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("Deny")
)
names = st.one_of(
    st.sampled_from(["Version", "Statement", "Effect", "Action", "Resource", "Condition", "Sid"]),
    st.sampled_from(["NotAction", "StringEquals", "Null", "g:UserName", "Bool"]),
    st.text(max_size=6),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=20,
)


def everything_denied_or_decided(source: Any) -> None:
    policies = compile_policies([policy(source)])
    for action in ("modelarts:notebook:list", "obs:object:GetObject", "", "nonsense"):
        outcome = evaluate(policies, request(action, "obs:r:1:object:k"))
        assert outcome.effect in ("allow", "explicit_deny", "implicit_deny")
        assert outcome.trace
        resource_filter(policies, action)


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(anything)
def test_any_json_is_survived(source: Any) -> None:
    found = validate(source)
    assert found.ok or all(p.path.startswith("$") and p.rule and p.fix for p in found.problems)
    everything_denied_or_decided(source)


@settings(max_examples=EXAMPLES, deadline=None)
@given(anything, st.integers(0, 5))
def test_a_statement_of_anything_is_survived(inner: Any, kind: int) -> None:
    name = ["Effect", "Action", "Resource", "Condition", "Sid", "Extra"][kind]
    source = document({**statement("Deny", "modelarts:*:*"), name: inner})
    validate(source)
    everything_denied_or_decided(source)


@settings(max_examples=EXAMPLES, deadline=None)
@given(documents, st.data())
def test_damaged_text_is_refused_or_read(source: Any, data: Any) -> None:
    text = json.dumps(source)
    at = data.draw(st.integers(0, len(text) - 1))
    damage = data.draw(st.sampled_from(["", '"', "}", "\\", "\x00", "\ud800", "[", "\u202e"]))
    broken = text[:at] + damage + text[at + 1 :]
    validate(broken)
    everything_denied_or_decided(broken)


def test_parsed_data_of_any_depth_is_survived() -> None:
    """Data that reaches the engine already parsed has not passed the text's depth limit."""
    deep: Any = "x"
    for _ in range(50_000):
        deep = [deep]
    for name in ("Effect", "Action", "Resource", "Condition", "Sid"):
        source = document({**statement("Deny", "obs:*:*"), name: deep})
        assert not validate(source).ok
        assert evaluate(compiled(source), request("obs:bucket:ListBucket")).effect == (
            "explicit_deny"
        )


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 50_000,
        "[" * 20 + "]" * 20,
        "",
        "null",
        "\ufeff{}",
        '{"Version": NaN}',
        '{"Version": ' + "9" * 5000 + "}",
        '{"Version": "1.1"',
        "x" * (MAX_TEXT + 1),
    ],
    ids=range(10),
)
def test_texts_that_are_no_policy(text: str) -> None:
    found = validate(text)
    assert not found.ok
    assert 1 <= len(found.problems) <= 3
    stored = load_stored(text)
    assert stored.unsafe
    allow = document(statement("Allow", "*"))
    assert evaluate(compiled(allow, text), request("obs:bucket:ListBucket")).alarm


@pytest.mark.parametrize(
    "text",
    [
        '{"Version":"1.1","Statement":[{"Effect":"Deny","Effect":"Allow","Action":["obs:*:*"]}]}',
        '{"Version":"1.1","Statement":[{"Effect":"Allow","Action":["obs:*:*"],'
        '"Condition":{"Bool":{"g:MFAPresent":["true"]},"Bool":{"g:MFAPresent":["false"]}}}]}',
        '{"Version":"1.1","Version":"1.1","Statement":[{"Effect":"Allow","Action":["obs:*:*"]}]}',
        '{"Version":"1.1","Statement":[{"Effect":"Allow","Action":["obs:*:*"],'
        '"\\u0041ction":["iam:*:*"]}]}',
    ],
    ids=["effect", "operator", "version", "escaped"],
)
def test_duplicate_keys_are_refused_and_fail_closed(text: str) -> None:
    found = validate(text)
    assert "duplicate_key" in [p.code for p in found.errors]
    outcome = evaluate(compiled(text), request("obs:bucket:ListBucket"))
    assert (outcome.effect, outcome.alarm) == ("explicit_deny", True)


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("modelarts:notеbook:list", "\\u0435"),
        ("modelarts：notebook:list", "\\uff1a"),
        ("modelarts:notebook:li\u200bst", "\\u200b"),
        ("modelarts:notebook:\u202elist", "\\u202e"),
        ("modelarts:networ\u212a:get", "\\u212a"),
        ("modelarts:notebook:ſist", "\\u017f"),
    ],
)
def test_look_alikes_are_named_and_never_match(token: str, shown: str) -> None:
    (problem,) = validate(document(statement("Allow", token))).errors
    assert problem.code == "lookalike"
    assert shown in problem.token
    assert problem.token.isascii()
    for action in ("modelarts:notebook:list", "modelarts:network:get", token):
        assert not evaluate(compiled(document(statement("Allow", token))), request(action)).allowed


def test_problems_and_suggestions_are_bounded() -> None:
    found = validate(document(*(statement("Perhaps", f"modelarts:x{i}:y") for i in range(150))))
    assert len(found.errors) == 101
    assert found.errors[-1].code == "more"
    assert len(found.warnings) == 100


def test_a_policy_is_not_refused_for_many_warnings() -> None:
    found = validate(document(*(statement("Deny", f"modelarts:x{i}:y") for i in range(150))))
    assert found.ok
    assert len(found.warnings) == 100


def test_too_many_statements_and_entries() -> None:
    many = document(*(statement("Allow", "obs:*:*") for _ in range(201)))
    assert [p.code for p in validate(many).errors] == ["too_many"]
    wide = document(statement("Allow", ["obs:*:*"] * 1001))
    assert "too_many" in [p.code for p in validate(wide).errors]


def big(count: int, salt: int) -> dict[str, Any]:
    return document(
        *(
            statement(
                "Allow" if i % 3 else "Deny",
                [f"modelarts:note*{i}:get{salt}", f"modelarts:x{i}:*", "obs:object:GetObject"],
                Resource=[f"obs:*:*:object:team{salt}-{i}/*"],
                Condition={"StringLike": {"g:UserName": [f"*a*b*{i}"]}},
            )
            for i in range(count)
        )
    )


def test_reading_and_deciding_grow_with_the_statements() -> None:
    """Reading, compiling and deciding policies that no cache has seen before."""
    salts = itertools.count()
    asked = request("obs:object:GetObject", "obs:r:1000000001:object:team1/x")
    check(
        Row(
            "accounts.engine",
            lambda text: evaluate(compile_policies([policy(text)]), asked),
            lambda count: json.dumps(big(count, next(salts))),
        )
    )


def test_ten_thousand_statements_are_too_many() -> None:
    assert [p.code for p in validate(big(10_000, 0)).errors] == ["too_many"]


def test_the_memo_is_bounded() -> None:
    policies = compiled(document(statement("Allow", "*")))
    for i in range(3 * MEMO_SIZE):
        assert evaluate(policies, request(f"a:b:c{i}")).allowed
    assert len(policies._memo) == MEMO_SIZE
    for i in range(100):
        evaluate(policies, request(f"not an action {i}"))
    assert len(policies._memo) == MEMO_SIZE
