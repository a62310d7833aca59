"""Random policies and requests: the engine, its list filter and a naive evaluator never
disagree.
"""

from collections import Counter
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from accounts.engine import Request, evaluate, resource_filter

from . import naive
from .strategies import EXAMPLES, actions, contexts, policies, questions
from .support import ACCOUNT, compiled


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(policies, questions(), contexts)
def test_engine_equals_naive(
    sources: list[dict[str, Any]], asked: tuple[str, str | None], context: dict[str, Any]
) -> None:
    action, resource = asked
    outcome = evaluate(compiled(*sources), Request(action, resource, context, ACCOUNT))
    expected = naive.decide(sources, action, resource, context, ACCOUNT)
    event(expected)
    assert outcome.effect == expected, outcome.trace


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(policies, questions(always_resource=True), contexts)
def test_filter_equals_evaluation_of_each_row(
    sources: list[dict[str, Any]], asked: tuple[str, str], context: dict[str, Any]
) -> None:
    action, resource = asked
    policy_set = compiled(*sources)
    visible = resource_filter(policy_set, action, context).matches(resource, ACCOUNT)
    assert visible is evaluate(policy_set, Request(action, resource, context, ACCOUNT)).allowed


@settings(max_examples=EXAMPLES, deadline=None)
@given(policies, st.lists(st.tuples(actions, contexts), min_size=2, max_size=6))
def test_memo_never_changes_an_answer(
    sources: list[dict[str, Any]], asked: list[tuple[str, dict[str, Any]]]
) -> None:
    """A warm set of policies answers like a fresh one, in whatever case the action is written."""
    warm = compiled(*sources)
    for action, context in asked * 2:
        for spelled in (action, action.upper()):
            request = Request(spelled, None, context, ACCOUNT)
            assert evaluate(warm, request).effect == evaluate(compiled(*sources), request).effect


def test_random_cases_reach_every_effect() -> None:
    """The comparison means something only if all three answers are common."""
    seen: Counter[str] = Counter()

    @settings(max_examples=400, deadline=None, database=None, derandomize=True)
    @given(policies, questions(), contexts)
    def collect(sources: Any, asked: tuple[str, str | None], context: Any) -> None:
        action, resource = asked
        seen[naive.decide(sources, action, resource, context, ACCOUNT)] += 1

    collect()
    assert all(seen[e] >= 20 for e in ("allow", "explicit_deny", "implicit_deny")), seen
