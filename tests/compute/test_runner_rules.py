"""Rules of the runner that need no process: specifications, and what an end is called."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from compute.runner.classify import Evidence, classify
from compute.runner.spec import Input, Limits, Output, RunSpec, SpecError, is_safe_relative
from compute.sandbox import capabilities
from tests.compute.helpers import Lab

REPORT = capabilities()


@pytest.mark.parametrize("name", ["HOME", "data-url", "TAKEN", "MODELYARD_X"])
def test_a_path_needs_a_variable_of_its_own(name: str) -> None:
    spec = RunSpec("a", boot_file="m.py", code_name="c", engine="/e", api_url="http://x",
                   credential_file="/c", env={"TAKEN": "x"},
                   inputs=(Input(name, "b", access_method="env"),))  # fmt: skip
    assert spec.problems() == [f"{name!r} cannot be an environment variable of its own"]
    ways = replace(spec, inputs=(Input(name, "b", access_method="pipe"),)).problems()
    assert ways == [f"{name!r}: access_method is one of parameter, env"]


@pytest.mark.parametrize("path", ["", "/a", "a/../b", "..", "a//b", "a/.", "a\0b", "./a"])
def test_unsafe_paths_are_refused(path: str) -> None:
    assert not is_safe_relative(path)


def test_specification_lists_every_problem_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        RunSpec.from_dict({
            "schema": 1, "attempt": "../x", "boot_file": "/abs.py", "code_name": "c",
            "engine": "e", "hyperparameters": {"a b": "1"}, "env": {"HOME": "/x"},
            "outputs": [{"name": "o", "bucket": ""}], "network": "full",
            "limits": {"pids": -1},
        })  # fmt: skip
    assert len(caught.value.problems) >= 9
    with pytest.raises(SpecError, match="unknown fields: colour"):
        RunSpec.from_dict({"schema": 1, "attempt": "a", "colour": 1})
    with pytest.raises(SpecError, match="schema 2"):
        RunSpec.from_dict({"schema": 2})


@pytest.mark.skipif(
    REPORT.isolation != "full", reason=f"no isolation on this machine: {REPORT.fix}"
)
def test_specification_survives_its_json(lab: Lab) -> None:
    spec = lab.spec("", inputs=(Input("a", "b"),), outputs=(Output("c", "d"),))
    assert RunSpec.from_dict(json.loads(spec.to_json())) == spec


def test_classification_without_a_memory_group_rests_on_the_log() -> None:
    """Only where nothing else can prove it, the allocator's own words count."""
    tail = (
        'Traceback (most recent call last):\n  File "/c/t.py", line 3, in <module>\nMemoryError\n'
    )
    seen = Evidence(1, 0, tail, "/c", Limits(memory_mb=100), memory_is_per_job=False)
    assert classify(seen).code == "OOM_HOST"
    assert classify(replace(seen, memory_is_per_job=True)).code == "USER_CODE"
    assert classify(replace(seen, exit_code=0)).code == ""
    gpu = tail.replace("MemoryError", "torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB")
    assert classify(replace(seen, tail=gpu)).code == "OOM_GPU"
    broken = replace(seen, tail="bwrap: Can't bind", sandbox_reported=False)
    assert classify(broken).code == "SANDBOX_FAILED"
