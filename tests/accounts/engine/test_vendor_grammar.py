"""Policies as accounts of the vendor hold them are taken; what cannot act in them is told."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.engine import Request, compile_policies, evaluate, load_stored, validate
from accounts.engine.model import Validation

from .support import ACCOUNT, compiled, document, policy, request, statement


def codes(found: Validation) -> list[str]:
    return sorted(p.code for p in found.problems)


def told(effect: str, condition: dict[str, Any], action: str = "obs:bucket:CreateBucket") -> Any:
    allow = statement("Allow", "obs:*:*")
    return validate(document(allow, statement(effect, action, Condition=condition)))


@pytest.mark.parametrize(
    ("actions", "wanted"),
    [
        (["swr::createLoginSecret"], ["unknown_action"]),
        (["vpcep::list", "dli:*:*"], ["unknown_action", "nothing_asks"]),
        (["elb:*:*", "ecs:cloudServers:vnc"], ["unknown_action"] * 2),
        (["smn:topic:create", "vpc:vpcs:update", "ims:images:list"], ["unknown_action"] * 3),
        (["iam:*:get*", "iam:*:list*", "iam:*:check*"], ["unknown_action"]),
        (["obs:bucket:PutBucketStoragePolicy", "obs:object:RestoreObject"], ["nothing_asks"] * 2),
        (["modelarts:notebook:create", "modelarts:*:*"], ["nothing_asks"]),
        (["obs:bucket:GetBucketWebsite", "OBS:BUCKET:listbucket"], ["nothing_asks"]),
    ],
)
def test_actions_that_nothing_asks_are_told_and_kept(actions: list[str], wanted: list[str]) -> None:
    found = validate(document(statement("Allow", actions)))
    assert found.ok
    assert codes(found) == sorted(wanted)
    assert found.source is not None
    assert found.source["Statement"][0]["Action"] == actions


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("obs:object:GetObjekt", "obs:object:GetObject"),
        ("modelarts:trainJobs:create", "modelarts:trainJob:create"),
        ("iam:user:listUsers", "iam:users:listUsers"),
    ],
)
def test_a_slip_of_one_letter_is_refused(written: str, meant: str) -> None:
    [problem] = validate(document(statement("Deny", written))).errors
    assert problem.code == "action" and meant in problem.fix


def test_a_pattern_over_any_type_covers_an_action_without_one() -> None:
    held = compiled(document(statement("Allow", ["swr:*:create*"])))
    assert evaluate(held, request("swr::createLoginSecret")).allowed
    exact = compiled(document(statement("Deny", "swr::createLoginSecret"), statement("Allow", "*")))
    assert not evaluate(exact, request("swr::createLoginSecret")).allowed
    assert evaluate(exact, request("swr:repo:createLoginSecret")).allowed


@pytest.mark.parametrize("version", ["1.0", "1.1", "5.0"])
def test_versions_are_stored_as_one(version: str) -> None:
    found = validate({"Version": version, "Statement": [statement("Allow", "obs:*:*")]})
    assert found.source == document(statement("Allow", ["obs:*:*"]))


def test_a_role_tells_what_it_depends_on() -> None:
    depends = [{"catalog": "BASE", "display_name": "Tenant Guest"}]
    role = {"Version": "1.0", "Statement": [statement("Allow", "obs:*:*")], "Depends": depends}
    found = validate(role)
    assert codes(found) == ["depends"]
    assert found.source == document(statement("Allow", ["obs:*:*"]))
    assert not validate({**role, "Version": "1.1"}).ok


def test_the_older_form_of_resources() -> None:
    uri = {"uri": ["/iam/agencies/0123456789abcdef0123456789abcdef"]}
    found = validate(document(statement("Allow", "iam:agencies:assume", Resource=uri)))
    assert found.source is not None
    kept = found.source["Statement"][0]["Resource"]
    assert kept == ["iam:*:*:agencies:0123456789abcdef0123456789abcdef"]
    held = compile_policies([policy(found.source)])
    for name, allowed in (("0123456789abcdef0123456789abcdef", True), ("other", False)):
        asked = Request("iam:agencies:assume", f"iam::{ACCOUNT}:agencies:{name}", {}, ACCOUNT)
        assert evaluate(held, asked).allowed is allowed
    for wrong in ({"urn": ["x"]}, {"uri": ["agencies/1"]}, {"uri": []}, {"uri": [7]}):
        assert not validate(document(statement("Allow", "iam:agencies:assume", Resource=wrong))).ok


def test_a_name_of_a_global_service_has_no_region() -> None:
    text = f"obs::{ACCOUNT}:object:team1/*"
    held = compiled(document(statement("Allow", "obs:object:GetObject", Resource=[text])))
    asked = request("obs:object:GetObject", f"obs:cn-north-1:{ACCOUNT}:object:team1/a")
    assert evaluate(held, asked).allowed


@pytest.mark.parametrize(
    ("effect", "condition", "wanted", "words"),
    [
        ("Deny", {"StringEquals": {"g:SourceVpc": ["v"]}}, ["key_never_supplied"], "never denies"),
        ("Allow", {"Null": {"obs:SourceVpc": ["false"]}}, ["key_never_supplied"], "never permits"),
        ("Deny", {"StringNotEquals": {"g:SourceVpc": "v"}}, ["key_never_supplied"], "always holds"),
        ("Deny", {"NumberLessThan": {"g:MFAAge": 300}}, ["key_never_supplied"], "never denies"),
        ("Deny", {"Bool": {"g:MFAPresent": False}}, ["constant_key"], "always holds"),
        ("Allow", {"Bool": {"g:MFAPresent": ["true"]}}, ["constant_key"], "never permits"),
        ("Allow", {"DateLessThan": {"g:CurrentTime": "2022-08-01"}}, ["time_is_over"], ""),
        ("Deny", {"Null": {"g:CurrentTime": ["true"]}}, ["time_is_over"], "never denies"),
        ("Allow", {"DateGreaterThan": {"g:CurrentTime": "2022-08-01T00:00:00Z"}}, [], ""),
        ("Allow", {"DateLessThan": {"g:CurrentTime": ["9999-01-01T00:00:00Z"]}}, [], ""),
        ("Deny", {"Bool": {"g:SecureTransport": ["false"]}}, [], ""),
        ("Deny", {"StringEquals": {"g:ProjectName": ["cn-north-1"]}}, [], ""),
    ],
)
def test_conditions_that_no_request_changes(
    effect: str, condition: dict[str, Any], wanted: list[str], words: str
) -> None:
    found = told(effect, condition)
    assert found.ok
    assert codes(found) == wanted
    assert all(words in p.rule for p in found.warnings)


def test_keys_of_services_that_are_not_here() -> None:
    foreign = statement("Deny", "ecs:*:*", Condition={"StringEquals": {"ecs:ImageId": ["x"]}})
    found = validate(document(foreign, statement("Allow", "*")))
    assert codes(found) == ["key_never_supplied", "nothing_asks"]


def test_a_misspelt_key_of_ours_is_refused() -> None:
    for key in ("g:UserNam", "obs:prefixx", "modelarts:poolTyp", "UserName", "g:Überall"):
        assert [p.code for p in told("Deny", {"StringEquals": {key: ["x"]}}).errors] == ["key"]


@pytest.mark.parametrize(
    ("effect", "resource", "wanted"),
    [
        ("Deny", "obs:*:*:object:b/hidden", ["not_a_folder"]),
        ("Allow", "obs:*:*:object:b/hidden/", ["not_a_folder"]),
        ("Allow", "obs:*:*:object:b/README", []),
        ("Deny", "obs:*:*:object:b/key.txt", []),
        ("Deny", "obs:*:*:object:b/hidden/*", []),
        ("Allow", "obs:*:*:object:obs-example", ["no_such_path"]),
        ("Allow", "obs:*:*:object:obs-ex*", []),
        ("Allow", "obs:*:*:object:*", []),
    ],
)
def test_paths_that_name_less_than_was_meant(effect: str, resource: str, wanted: list[str]) -> None:
    action = "obs:object:GetObject"
    found = validate(
        document(statement("Allow", action), statement(effect, action, Resource=[resource]))
    )
    assert codes(found) == wanted


def test_a_bucket_has_no_slash() -> None:
    named = statement("Allow", "obs:bucket:ListBucket", Resource=["obs:*:*:bucket:b/x"])
    assert codes(validate(document(named))) == ["no_such_path"]


def test_operators_of_both_generations() -> None:
    condition = {
        "StringEqualsIgnoreCaseAnyOf": {"g:UserName": ["a"]},
        "ForAnyValue:StringMatch": {"g:TagKeys": ["team*"]},
        "ForAllValues:StringNotEquals": {"g:TagKeys": ["x"]},
        "NumericLessThanEqualsIfExists": {"obs:max-keys": 10},
        "BoolIfExists": {"g:SecureTransport": True},
        "NotIpAddress": {"g:SourceIp": "10.0.0.0/8"},
        "IsNullOrEmpty": {"g:UserAgent": ["false"]},
    }
    listed = statement("Allow", "obs:bucket:ListBucket", Condition=condition)
    found = validate(document(listed))
    assert found.errors == ()
    assert load_stored(found.source).notes == ()
