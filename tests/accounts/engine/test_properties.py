"""Laws of the language that must hold for every policy."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.engine import (
    Request,
    compile_policies,
    evaluate,
    load_stored,
    split_suggestion,
    validate,
)
from accounts.engine.scopes import default_catalog, scopes_of

from .strategies import EXAMPLES, contexts, documents, policies, questions
from .strategies import statements as any_statements
from .support import ACCOUNT, compiled, document, policy

requests = st.builds(
    lambda asked, context: Request(asked[0], asked[1], context, ACCOUNT), questions(), contexts
)
allows = any_statements(effects=("Allow",)).filter(lambda s: "NotAction" not in s)
denies = any_statements(effects=("Deny",))


@settings(max_examples=EXAMPLES, deadline=None)
@given(policies, denies, requests)
def test_adding_a_deny_never_allows(sources: Any, extra: Any, request: Request) -> None:
    before = evaluate(compiled(*sources), request)
    after = evaluate(compiled(*sources, document(extra)), request)
    assert before.allowed or not after.allowed
    if before.effect == "explicit_deny":
        assert after.effect == "explicit_deny"


@settings(max_examples=EXAMPLES, deadline=None)
@given(policies, allows, requests)
def test_adding_an_allow_never_denies(sources: Any, extra: Any, request: Request) -> None:
    before = evaluate(compiled(*sources), request)
    after = evaluate(compiled(*sources, document(extra)), request)
    assert after.allowed or not before.allowed
    assert (after.effect == "explicit_deny") is (before.effect == "explicit_deny")


@settings(max_examples=EXAMPLES, deadline=None)
@given(policies, requests, st.randoms(use_true_random=False))
def test_order_never_matters(sources: Any, request: Request, random: Any) -> None:
    """Order of policies, statements, actions, resources and conditions."""
    before = evaluate(compiled(*sources), request).effect
    mixed = []
    for source in sources:
        statements = []
        for made in source["Statement"]:
            copy = {k: made[k] for k in random.sample(sorted(made), len(made))}
            for name in ("Action", "NotAction", "Resource"):
                if name in copy:
                    copy[name] = random.sample(copy[name], len(copy[name]))
            if "Condition" in copy:
                block = copy["Condition"]
                copy["Condition"] = {o: block[o] for o in random.sample(sorted(block), len(block))}
            statements.append(copy)
        random.shuffle(statements)
        mixed.append({**source, "Statement": statements})
    random.shuffle(mixed)
    assert evaluate(compiled(*mixed), request).effect == before


@settings(max_examples=EXAMPLES, deadline=None)
@given(policies, requests)
def test_without_policies_for_it_nothing_is_allowed(sources: Any, request: Request) -> None:
    outcome = evaluate(compiled(*sources), request)
    if outcome.effect == "implicit_deny":
        assert outcome.decider is None
    elif outcome.decider is not None:
        assert outcome.decider.deny is (outcome.effect == "explicit_deny")
        decisive = [s for s in outcome.trace[:-1] if s.matched and s.effect == outcome.effect]
        assert (outcome.policy_id, outcome.statement) in {
            (s.policy_id, s.statement) for s in decisive
        }


@settings(max_examples=EXAMPLES, deadline=None)
@given(policies, requests)
def test_the_trace_ends_with_the_decision(sources: Any, request: Request) -> None:
    outcome = evaluate(compiled(*sources), request)
    trace = outcome.trace
    assert trace[-1].effect == outcome.effect
    matched = [s.effect for s in trace[:-1] if s.matched]
    if outcome.decider is not None:
        assert ("explicit_deny" in matched) is (outcome.effect == "explicit_deny")
        assert matched


@settings(max_examples=EXAMPLES, deadline=None)
@given(documents, requests)
def test_what_is_saved_decides_like_what_was_written(source: Any, request: Request) -> None:
    found = validate(source)
    if found.document is None or found.source is None:
        assert found.errors
        return
    assert validate(found.source).source == found.source
    stored = load_stored(found.source)
    assert not stored.notes
    before = evaluate(compiled(source), request).effect
    assert evaluate(compiled(found.source), request).effect == before
    strict = compile_policies([policy(found.source)])
    assert evaluate(strict, request).effect == before


def one_sided(statement: Any) -> Any:
    """The statement with patterns that name actions of one side alone, or of none."""
    catalog = default_catalog()
    listed = statement.get("Action", [])
    kept = [action for action in listed if len(scopes_of(action, catalog)) < 2]
    rest = {k: v for k, v in statement.items() if k not in ("Action", "NotAction")}
    return {**rest, "Action": kept or [GLOBAL]}


GLOBAL, PROJECT = "iam:users:getUser", "modelarts:model:get"
splittable = (
    st.tuples(
        st.lists(any_statements().map(one_sided), max_size=4), any_statements(), any_statements()
    )
    .flatmap(
        lambda drawn: st.permutations(
            [
                *drawn[0],
                {**one_sided(drawn[1]), "Action": [GLOBAL]},
                {**one_sided(drawn[2]), "Action": [PROJECT]},
            ]
        )
    )
    .map(lambda made: {"Version": "1.1", "Statement": made})
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(splittable, requests)
def test_a_split_policy_decides_like_the_whole(source: Any, request: Request) -> None:
    halves = split_suggestion(source)
    assert halves is not None
    whole = evaluate(compiled(source), request).effect
    assert evaluate(compiled(*halves), request).effect == whole
