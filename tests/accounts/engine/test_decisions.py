"""Explanations, caches, scopes and list answers: what the callers of the engine rely on."""

import threading

from accounts.engine import (
    CompiledCache,
    Everything,
    Nothing,
    Paths,
    Patterns,
    Policy,
    Request,
    compile_policies,
    dump,
    evaluate,
    evaluate_guarded,
    load_stored,
    policy_key,
    resource_filter,
    validate,
)

from .support import ACCOUNT, compiled, document, policy, request, statement

GET = "obs:object:GetObject"


def test_the_trace_names_every_statement_and_why() -> None:
    policies = compile_policies(
        [
            policy(document(statement("Allow", "obs:*:*", Sid="Base")), "base"),
            policy(
                document(
                    statement("Deny", GET, Resource=["obs:*:*:object:team1/secret/*"]),
                    statement("Deny", "obs:*:*", Condition={"Bool": {"g:MFAPresent": ["false"]}}),
                    statement("Deny", "iam:*:*"),
                ),
                "limits",
            ),
        ]
    )
    name = f"obs:r:{ACCOUNT}:object:team1/a"
    outcome = evaluate(policies, Request(GET, name, {"g:MFAPresent": "false"}, ACCOUNT))
    lines = [(s.policy_name, s.statement, s.sid, s.matched, s.reason) for s in outcome.trace]
    assert sorted(lines[:-1]) == [
        ("base", 0, "Base", True, "applies"),
        ("limits", 0, "", False, "the resource does not match"),
        ("limits", 1, "", True, "applies"),
    ]
    assert lines[-1][-1] == outcome.reason
    assert outcome.reason == f"`{GET}` is denied by statement 1 of policy `limits`."
    assert (outcome.policy_id, outcome.statement, outcome.sid) == ("limits", 1, "")
    allowed = evaluate(policies, Request(GET, name, {"g:MFAPresent": "true"}, ACCOUNT))
    assert allowed.reason == f"`{GET}` is allowed by statement 0 of policy `base`."
    assert "conditions are not met" in {s.reason.removeprefix("the ") for s in allowed.trace}


def test_reasons_without_a_statement() -> None:
    nothing = compiled()
    assert evaluate(nothing, request(GET)).reason == f"No policy allows `{GET}`."
    assert "not an action name" in evaluate(nothing, request("x")).reason
    assert "not a resource name" in evaluate(nothing, request(GET, "x")).reason
    foreign = evaluate(nothing, request(GET, "obs:r:2000000002:object:a/b"))
    assert "another account" in foreign.reason


def test_a_change_of_version_changes_the_key() -> None:
    loaded = load_stored(document(statement("Allow", GET)))
    one = Policy("a", "1", "a", loaded)
    two = Policy("b", "7", "b", loaded)
    assert policy_key([one, two]) == policy_key([two, one])
    assert policy_key([one]) != policy_key([Policy("a", "2", "a", loaded)])
    assert policy_key([one]) != policy_key([Policy("a", "1", "a", loaded, {"g:X": ("1",)})])


def test_the_cache_is_bounded_and_loads_once() -> None:
    cache, loads = CompiledCache(size=3), []

    def load(name: str) -> list[Policy]:
        loads.append(name)
        return [policy(document(statement("Allow", GET)), name)]

    for name in ("a", "b", "a", "c", "d", "a", "b"):
        assert evaluate(cache.get(name, lambda name=name: load(name)), request(GET)).allowed  # type: ignore[misc]
    assert loads == ["a", "b", "c", "d", "b"]
    assert len(cache) == 3
    cache.clear()
    assert len(cache) == 0


def test_an_attachment_is_narrowed_by_its_scope() -> None:
    """An Allow needs the key; a Deny applies unless the request is known to be outside."""
    allow = policy(document(statement("Allow", GET)), "a", **{"g:EnterpriseProjectId": ("EP1",)})
    deny = policy(document(statement("Deny", GET)), "d", **{"g:EnterpriseProjectId": ("EP1",)})
    everywhere = policy(document(statement("Allow", GET)), "all")

    def effect(policies: list[Policy], **context: str) -> str:
        return evaluate(compile_policies(policies), request(GET, **context)).effect

    inside, outside = {"g:EnterpriseProjectId": "EP1"}, {"g:EnterpriseProjectId": "EP2"}
    assert effect([allow], **inside) == "allow"
    assert effect([allow], **outside) == effect([allow]) == "implicit_deny"
    assert effect([deny, everywhere], **inside) == "explicit_deny"
    assert effect([deny, everywhere]) == "explicit_deny"
    assert effect([deny, everywhere], **outside) == "allow"


def test_a_deny_counts_among_guarded_keys_whatever_it_names() -> None:
    keys = frozenset({"modelarts:sfsId"})
    allow = statement(
        "Allow",
        "modelarts:trainJob:create",
        Condition={"StringEqualsIfExists": {"modelarts:sfsId": ["X"]}},
    )
    asked = request("modelarts:trainJob:create", **{"modelarts:sfsId": "X"})
    assert evaluate_guarded(compiled(document(allow)), asked, keys).allowed
    deny = statement("Deny", "modelarts:trainJob:*")
    outcome = evaluate_guarded(compiled(document(allow, deny)), asked, keys)
    assert outcome.effect == "explicit_deny"
    assert outcome.trace[-1].effect == "explicit_deny"


def test_threads_share_one_compiled_set() -> None:
    """The memo overflows while eight threads fill it; every answer stays right."""
    policies = compiled(document(statement("Allow", "a:*:x*"), statement("Deny", "a:b:x7*")))
    wrong: list[str] = []

    def ask(seed: int) -> None:
        for i in range(1500):
            action = f"a:b:x{(i * 7 + seed) % 3000}"
            expected = "explicit_deny" if action.startswith("a:b:x7") else "allow"
            if evaluate(policies, request(action)).effect != expected:
                wrong.append(action)

    threads = [threading.Thread(target=ask, args=(n * 311,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_list_answers() -> None:
    allow_all = document(statement("Allow", GET))
    team = document(statement("Allow", GET, Resource=["obs:*:*:object:team1/*"]))
    deny_all = document(statement("Deny", GET, Resource=["*"]))
    deny_type = document(statement("Deny", GET, Resource=["obs:*:*:object:*"]))
    assert isinstance(resource_filter(compiled(), GET), Nothing)
    assert isinstance(resource_filter(compiled(allow_all), "no action"), Nothing)
    assert isinstance(resource_filter(compiled(allow_all), GET), Everything)
    assert isinstance(resource_filter(compiled(allow_all, deny_all), GET), Nothing)
    found = resource_filter(compiled(team), GET)
    assert isinstance(found, Patterns)
    assert [p.text for p in found.allow] == ["obs:*:*:object:team1/*"]
    rows = found.paths(account=ACCOUNT, type="object")
    assert rows == Paths(("team1/*",), ())
    assert isinstance(rows.below("team1/"), Everything)
    assert isinstance(rows.below("team2/"), Nothing)
    assert isinstance(found.paths(account=ACCOUNT, type="bucket"), Nothing)
    narrowed = resource_filter(compiled(allow_all, deny_type), GET)
    assert isinstance(narrowed.paths(account=ACCOUNT, type="object"), Nothing)
    assert isinstance(narrowed.paths(account=ACCOUNT, type="bucket"), Everything)


def test_a_listing_obeys_conditions() -> None:
    deny = statement("Deny", GET, Condition={"Bool": {"g:MFAPresent": ["false"]}})
    policies = compiled(document(statement("Allow", GET), deny))
    assert isinstance(resource_filter(policies, GET, {"g:MFAPresent": "false"}), Nothing)
    assert isinstance(resource_filter(policies, GET, {"g:MFAPresent": "true"}), Everything)


def test_dump_is_the_inverse_of_reading() -> None:
    source = document(
        statement("Allow", ["obs:bucket:*"], Resource=["obs:*:*:bucket:a*"], Sid="One"),
        statement("Deny", ["obs:object:*"], Condition={"Null": {"g:TagKeys": ["true"]}}),
    )
    assert dump(load_stored(source)) == source


def test_single_values_and_spellings_are_normalised_on_save() -> None:
    found = validate(
        {
            "Version": "1.1",
            "Statement": [
                {
                    "Effect": "ALLOW",
                    "Action": "obs:bucket:ListBucket",
                    "Resource": "*",
                    "Condition": {"stringlikeifexists": {"obs:prefix": "a*"}},
                }
            ],
        }
    )
    assert found.source == document(
        statement(
            "Allow",
            ["obs:bucket:ListBucket"],
            Resource=["*"],
            Condition={"StringLikeIfExists": {"obs:prefix": ["a*"]}},
        )
    )


def test_problems_say_where_what_and_how() -> None:
    (problem,) = validate(document(statement("Allow", "modelarts:trainJob:creat"))).errors
    start = "$.Statement[0].Action[0]: `modelarts:trainJob:creat`: Unknown action. "
    assert str(problem).startswith(start + "Did you mean `modelarts:trainJob:create`")
    assert problem.as_dict()["code"] == "action"
