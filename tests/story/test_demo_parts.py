"""The pieces of the demonstration that can be looked at without starting anything."""

import json
import stat

import pytest

from accounts import engine
from client import api as client
from demo import keep, rights
from demo.report import Report

POLICIES = [(name, doc) for group in rights.POLICIES.values() for name, doc in group.items()]


@pytest.mark.parametrize(("name", "document"), POLICIES, ids=[name for name, _doc in POLICIES])
def test_the_policies_are_valid_and_mean_what_they_say(name, document):
    checked = engine.validate(document)
    assert not checked.errors
    assert not checked.warnings


def test_the_developer_may_neither_delete_nor_deploy_nor_do_everything():
    for name in rights.GROUP_POLICIES:
        for statement in rights.POLICIES["owner"][name]["Statement"]:
            for action in statement["Action"]:
                assert "*" not in action
                assert not action.rpartition(":")[2].lower().startswith(("delete", "deploy"))


def test_the_passwords_are_kept_privately_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELYARD_VAR", str(tmp_path))
    assert keep.load().people == {}
    kept = keep.Kept(runs=1)
    kept.people["owner"] = keep.Person("demo-owner", keep.new_password(), account_id="1234567890")
    kept.save()
    kept.runs = 2
    kept.save()
    path = tmp_path / "demo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["demo.json"]
    again = keep.load()
    assert (again.people, again.runs, again.fresh) == (kept.people, 2, set())
    assert again.suffix == "-2"


def test_waiting_ends_with_what_was_seen_last():
    states = iter(["Pending", "Running"])
    told = []
    found = client.wait(
        "It",
        lambda: {"phase": next(states)},
        lambda row: row["phase"] == "Running",
        within=5,
        every=0.01,
        seen=told.append,
    )
    assert [row["phase"] for row in told] == ["Pending", "Running"]
    assert found == {"phase": "Running"}
    with pytest.raises(client.StepFailed, match=r"It took more than 0 s.*Pending no room"):
        client.wait(
            "It",
            lambda: {"phase": "Pending", "message": "no room"},
            lambda row: False,
            within=0,
            every=0.01,
        )


def test_a_refusal_tells_every_problem():
    body = {
        "error_code": "VALIDATION_FAILED",
        "error_msg": "Two problems.",
        "hint": "Look below.",
        "problems": [{"field": "name", "text": "Taken.", "next": "Choose another."}],
        "explanation": {"decision_id": "d1"},
    }
    refused = client.Refused("POST /x", 400, json.loads(json.dumps(body)))
    assert str(refused).splitlines() == [
        "POST /x: 400 VALIDATION_FAILED Two problems.",
        "Look below.",
        "name Taken. Choose another.",
    ]
    assert refused.explanation["decision_id"] == "d1"


def test_what_should_be_refused_and_is_not_fails_the_story(monkeypatch):
    monkeypatch.setattr(
        client, "call", lambda *_args, **_options: client.Answer(200, {}, b'{"id": 1}')
    )
    with pytest.raises(client.StepFailed, match="should have been refused and answered 200"):
        client.Api("http://127.0.0.1:1", label="dev").refusal("DELETE", "/models/1")


def test_a_step_that_breaks_off_counts_as_failed(capsys):
    report = Report()
    with report.step("first") as step:
        step.result = "done well"
    with pytest.raises(client.StepFailed), report.step("second"):
        raise client.StepFailed("no")
    report.table()
    shown = capsys.readouterr().out
    assert [step.done for step in report.steps] == [True, False]
    assert "ok      1. first" in shown
    assert "FAILED  2. second" in shown
