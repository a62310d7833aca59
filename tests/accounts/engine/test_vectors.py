"""The hard vectors, run by the evaluator, by the list filter and by the strict check."""

from typing import Any

import pytest

from accounts.engine import (
    CompiledPolicies,
    Policy,
    PolicyDocument,
    Request,
    allowed_by_default,
    compile_policies,
    evaluate,
    evaluate_guarded,
    load_stored,
    missing_required_keys,
    resource_filter,
    split_suggestion,
    validate,
)

from .support import load_vectors

VECTORS = load_vectors()


def each(part: str) -> Any:
    cells = [(v, c) for v in VECTORS for c in v.get(part, ())]
    return pytest.mark.parametrize(
        ("vector", "case"), cells, ids=[f"{v['vector']}-{c['id']}" for v, c in cells]
    )


def read(vector: dict[str, Any], name: str, strict: bool) -> PolicyDocument:
    source = vector["policies"][name]
    if not strict or name in vector.get("stored_only", ()):
        return load_stored(source)
    found = validate(source)
    assert found.document is not None, [str(p) for p in found.errors]
    return found.document


def attach(vector: dict[str, Any], names: list[str], strict: bool) -> CompiledPolicies:
    scopes = vector.get("scopes", {})
    return compile_policies(
        [
            Policy(
                id=f"id-{n}",
                version="1",
                name=n,
                document=read(vector, n, strict),
                scope={k: tuple(v) for k, v in scopes.get(n, {}).items()},
            )
            for n in names
        ]
    )


def make_request(vector: dict[str, Any], case: dict[str, Any]) -> Request:
    asked = {"account": vector["account"], **case["request"]}
    return Request(**asked)


@pytest.mark.parametrize("strict", [True, False], ids=["saved", "stored"])
@each("cases")
def test_evaluator(vector: dict[str, Any], case: dict[str, Any], strict: bool) -> None:
    policies = attach(vector, case["attached"], strict)
    request = make_request(vector, case)
    outcome = evaluate(policies, request)
    assert outcome.effect == case["expect"], outcome.trace
    assert outcome.allowed is (case["expect"] == "allow")
    if "decided_by" in case:
        assert outcome.policy_name == case["decided_by"]
    assert outcome.alarm is case.get("alarm", False)
    assert outcome.trace[-1].effect == outcome.effect
    assert outcome.reason
    if "guarded" in case:
        keys = frozenset(case["guarded"]["keys"])
        assert evaluate_guarded(policies, request, keys).effect == case["guarded"]["expect"]
    if "default" in case:
        wanted = case["default"]
        assert allowed_by_default(request.action, strict=wanted["strict"]) is wanted["allowed"]
    if "missing_keys" in case:
        missing = missing_required_keys(request.action, request.context)
        assert list(missing) == case["missing_keys"]


@each("cases")
def test_list_filter(vector: dict[str, Any], case: dict[str, Any]) -> None:
    request = make_request(vector, case)
    if request.resource is None:
        return
    policies = attach(vector, case["attached"], strict=False)
    found = resource_filter(policies, request.action, request.context)
    visible = found.matches(request.resource, request.account, request.shared_from)
    assert visible is (case["expect"] == "allow")


@each("lists")
def test_lists(vector: dict[str, Any], case: dict[str, Any]) -> None:
    policies = attach(vector, case["attached"], strict=True)
    account, below = vector["account"], case.get("below", "")
    found = resource_filter(policies, case["action"])
    paths = found.paths(account=account, type=case["type"], region=case["region"])
    if below:
        paths = paths.below(below)
    service = case["action"].split(":")[0]
    head = f"{service}:{case['region']}:{account}:{case['type']}:"
    shown = []
    for row in case["rows"]:
        resource = head + below + row
        allowed = evaluate(policies, Request(case["action"], resource, {}, account)).allowed
        kind = type(paths).__name__
        hit = kind == "Everything" or (kind == "Paths" and paths.matches(row))  # type: ignore[call-arg]
        assert hit is allowed, resource
        assert found.matches(resource, account) is allowed
        if hit:
            shown.append(row)
    assert shown == case["visible"]


@each("save")
def test_save(vector: dict[str, Any], case: dict[str, Any]) -> None:
    found = validate(case["document"])
    wanted = case["errors"]
    assert sorted(p.code for p in found.errors) == sorted(w["code"] for w in wanted), found.problems
    for want in wanted:
        fitting = [
            p
            for p in found.errors
            if p.code == want["code"]
            and p.path == want.get("path", p.path)
            and p.token == want.get("token", p.token)
            and want.get("suggests", "") in p.fix
        ]
        assert fitting, (want, [p.as_dict() for p in found.errors])
    if "warnings" in case:
        # Most vectors speak of names from the vendor's documents that nothing here asks for.
        codes = [p.code for p in found.warnings if p.code != "nothing_asks"]
        assert sorted(codes) == sorted(case["warnings"])
    if "normalised" in case:
        assert found.source == case["normalised"]
    if "split" in case:
        assert list(split_suggestion(case["document"]) or ()) == case["split"]
        assert all(validate(half).ok for half in case["split"])


@pytest.mark.parametrize(
    ("vector", "name"), [(v, n) for v in VECTORS for n in v.get("stored_only", ())]
)
def test_stored_only_policies_are_refused_on_save(vector: dict[str, Any], name: str) -> None:
    """What the lenient reading rules on must never pass the strict check."""
    source = vector["policies"][name]
    assert not validate(source).ok
    assert load_stored(source).notes
