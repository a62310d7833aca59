"""Packages made to cost: whatever a file does to its reader is a finding about that file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core import actor
from registry.model import services
from registry.model.models import Model
from registry.package import bounded, inspect, inspect_bounded
from registry.package.report import MAX_PROBLEMS, MAX_TEXT, PackageReport
from tests.badinput.linear import Row, check
from tests.registry.test_package import CONFIG, ENGINES, SERVICE, look, opener, package
from tests.storage import people

MIB = 1024 * 1024
BASE = "from model_service.pytorch_model_service import PTServingBaseService as B\n"


def bounded_look(*args: Any, **kwargs: Any) -> PackageReport:
    return inspect_bounded(package(*args, **kwargs), engine_types=ENGINES)


def of(make: Any) -> Any:
    return lambda n: package(**make(n))


def codes(report: PackageReport) -> set[tuple[str, str]]:
    return {(p.code, p.file) for p in report.problems if p.level == "error"}


def test_a_good_package_is_found_good_in_the_child() -> None:
    assert bounded_look() == look()
    broken = {"config": {**CONFIG, "runtime": 7}, "service": "x = ("}
    assert bounded_look(**broken) == look(**broken)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("1," * MIB, id="memory"),
        pytest.param("x = " + "-" * 300_000 + "1", id="stack of the parser"),
        pytest.param("x = a" + ".b" * 200_000, id="attributes"),
        pytest.param("x = " + "a+" * 200_000 + "a", id="sum"),
        pytest.param("x = " + "f(" * 190 + ")" * 190 + "[0]" * 100_000, id="subscripts"),
        pytest.param(BASE + "class A0(B): pass\n", id="good"),
        pytest.param(
            BASE + "".join(f"class A{n}(A{n + 1}): pass\n" for n in range(20_000)), id="chain"
        ),
    ],
)
def test_service_code_that_costs_is_a_finding(
    source: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(bounded, "MEMORY_BYTES", 200 * MIB)
    found = codes(bounded_look(service=source))
    if "good" in request.node.name:
        assert not found & {("FILE_UNREADABLE", "model/customize_service.py")}
    else:
        assert found == {("FILE_UNREADABLE", "model/customize_service.py")}


@pytest.mark.parametrize(
    "source",
    [
        BASE + "class L(L): pass\nclass S(L, B):\n    def __init__(self): pass\n",
        BASE + "class L(M): pass\nclass M(L): pass\nclass S(L, B):\n    def __init__(self): pass\n",
    ],
)
def test_classes_that_go_back_to_themselves_end(source: str) -> None:
    """They held a worker for ever."""
    assert bounded_look(service=source).service_class == "S"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 500_000, id="brackets"),
        pytest.param('{"a":' * 900 + "1" + "}" * 900, id="objects"),
        pytest.param('{"metrics": {"f1": ' + "9" * 500_000 + "}}", id="digits"),
        pytest.param('{"metrics": {"f1": 1e999}}', id="infinite"),
        pytest.param('{"metrics": {"f1": NaN}}', id="not a number"),
        pytest.param('{"model_algorithm": "a\\u0000b"}', id="NUL"),
        pytest.param('{"model_algorithm": "a\\ud800b"}', id="half a pair"),
        pytest.param('{"apis": [{"url\\u0000": "/"}]}', id="NUL in a key"),
    ],
)
def test_a_config_that_nothing_can_keep_is_a_finding(text: str) -> None:
    assert ("CONFIG_JSON", "model/config.json") in codes(bounded_look(text))


def test_findings_are_bounded_and_counted() -> None:
    fields = {f"{'x' * 5000}{n}\u202e\x1b": 1 for n in range(50)}
    names = {f"model/a b{n}": opener(b"") for n in range(3 * MAX_PROBLEMS)}
    report = bounded_look({**CONFIG, **fields}, extra=names)
    assert report.errors == 3 * MAX_PROBLEMS and report.warnings == 50
    assert len(report.problems) == MAX_PROBLEMS + 50 and not report.ok
    texts = [text for p in report.problems for text in (p.file, p.message, p.fix, p.where)]
    assert max(map(len, texts)) <= MAX_TEXT + 1
    assert not any(one in text for text in texts for one in "\u202e\x1b")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda n: {"service": BASE + "class A(B): pass\n" * n}, id="same class"),
        pytest.param(
            lambda n: {"service": BASE + "".join(f"class A{k}(A0, B): pass\n" for k in range(n))},
            id="classes",
        ),
        pytest.param(lambda n: {"service": SERVICE + "import a.b\n" * n}, id="imports"),
        pytest.param(lambda n: {"config": {**CONFIG, **{f"k{k}": 1 for k in range(n)}}}, id="keys"),
        pytest.param(lambda n: {"config": {**CONFIG, "apis": [{"url": "/"}] * n}}, id="apis"),
        pytest.param(
            lambda n: {
                "config": {**CONFIG, "dependencies": [{"packages": [{"package_name": "x-"}] * n}]}
            },
            id="packages",
        ),
        pytest.param(
            lambda n: {"config": {**CONFIG, "model_type": "Custom", "command": "'a' " * n}},
            id="command",
        ),
        pytest.param(
            lambda n: {
                "config": {
                    **CONFIG,
                    "dependencies": [{"packages": [{"package_name": "-." * n + "!"}]}],
                }
            },
            id="name of a package",
        ),
        pytest.param(lambda n: {"extra": {f"a/{k} x": b"" for k in range(n)}}, id="files"),
    ],
)
def test_the_check_grows_with_its_input(make: Any) -> None:
    check(Row("package", lambda files: inspect(files, engine_types=ENGINES), of(make), most=4000))


@pytest.mark.django_db
def test_a_model_with_such_a_file_fails_with_the_finding() -> None:
    owner = people.root("crusher")
    model = Model.objects.create(
        account_id=owner.user.account_id, region="cn-north-1", name="m", phase="Publishing"
    )
    report = bounded_look(service="x = " + "-" * 300_000 + "1")
    model = services.checked(model, report, actor=actor.system("registry"))
    assert (model.phase, model.reason) == ("Failed", "FILE_UNREADABLE")
    assert "customize_service.py" in model.message and model.detail["next"]
    assert json.dumps(model.problems)
