"""Every policy printed in the vendor documents is accepted as it stands and means what they say."""

import json
from pathlib import Path
from typing import Any

import pytest

from accounts.engine import compile_policies, default_catalog, evaluate, split_suggestion, validate

from .support import compiled, policy, request

SAMPLES = json.loads(Path(__file__).with_name("vendor_samples.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("sample", SAMPLES["policies"], ids=lambda s: s["id"])
def test_sample_is_accepted_unchanged(sample: dict[str, Any]) -> None:
    text = json.dumps(sample["document"])
    found = validate(text)
    assert found.errors == ()
    assert found.source is not None
    for written, kept in zip(
        sample["document"]["Statement"], found.source["Statement"], strict=True
    ):
        assert kept["Action"] == written["Action"]
        assert kept.get("Condition") == written.get("Condition")
        assert kept["Effect"] == written["Effect"].capitalize()
    assert split_suggestion(sample["document"]) is None


@pytest.mark.parametrize("sample", SAMPLES["policies"], ids=lambda s: s["id"])
def test_sample_decides_as_documented(sample: dict[str, Any]) -> None:
    policies = compile_policies([policy(json.dumps(sample["document"]))])
    for action, context, effect in sample["decides"]:
        assert evaluate(policies, request(action, **context)).effect == effect, action


def test_the_template_with_placeholders_is_refused() -> None:
    """2.3.7 prints a template; its placeholders must be named, not silently kept."""
    template = SAMPLES["template"]
    found = validate(json.dumps(template))
    assert [(p.code, p.token) for p in found.errors] == [("malformed_action", "<modelarts_action>")]


def test_the_developer_group_of_chapter_2() -> None:
    """Policies 1, 2 and 3 together, as chapter 2.3.3 attaches them to the developers."""
    by_id = {s["id"]: s["document"] for s in SAMPLES["policies"]}
    group = compiled(by_id["policy1"], by_id["policy2"], by_id["policy3"])
    expected = {
        "modelarts:notebook:create": "allow",
        "modelarts:notebook:listAllNotebooks": "explicit_deny",
        "modelarts:pool:create": "explicit_deny",
        "modelarts:pool:list": "allow",
        "obs:object:GetObject": "allow",
        "obs:bucket:DeleteBucket": "implicit_deny",
        "iam:users:createUser": "implicit_deny",
    }
    assert {a: evaluate(group, request(a)).effect for a in expected} == expected


@pytest.mark.parametrize("action", SAMPLES["actions"])
def test_every_action_of_the_documents_is_known(action: str) -> None:
    catalog = default_catalog()
    assert catalog.matching(action), action
    head = action.split(":")[0]
    assert validate(
        {"Version": "1.1", "Statement": [{"Effect": "Allow", "Action": [action]}]}
    ).ok, head
