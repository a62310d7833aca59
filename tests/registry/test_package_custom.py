"""Packages with their own server: command, port, protocol, health; every rule by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.package import PackageReport, build_example, inspect, judge_answer
from tests.registry.test_package import found, opener

ENGINES = {
    "Scikit_Learn": ["python_3.11-sklearn-cpu"],
    "Custom": ["python_3.11-sklearn-cpu", "pytorch_2.13-cpu-py_3.11"],
}
CONFIG = {
    "model_algorithm": "chat",
    "model_type": "Custom",
    "command": ["python", "serve.py", "--fast"],
}


def look(*drop: str, files: tuple[str, ...] = ("serve.py",), **changes: Any) -> PackageReport:
    config = {key: value for key, value in (CONFIG | changes).items() if key not in drop}
    content = {f"model/{name}": opener("print()") for name in files}
    content["model/config.json"] = opener(json.dumps(config))
    return inspect(content, engine_types=ENGINES)


def test_a_command_is_all_that_a_custom_package_needs() -> None:
    report = look()
    assert report.ok and report.problems == []
    assert report.config["command"] == ["python", "serve.py", "--fast"]
    assert (report.config["port"], report.config["protocol"]) == (8080, "HTTP")
    assert report.engine == "python_3.11-sklearn-cpu"


def test_runtime_chooses_the_engine_of_the_command() -> None:
    assert look(runtime="pytorch_2.13-cpu-py_3.11").engine == "pytorch_2.13-cpu-py_3.11"
    report = look(runtime="cuda_12")
    assert found(report) == {("RUNTIME_UNKNOWN", "model/config.json", "$.runtime")}
    assert "pytorch_2.13-cpu-py_3.11" in report.problems[0].fix


def test_a_command_in_one_text_is_split_as_a_shell_would() -> None:
    report = look(command="python serve.py --title 'two words' a\\ b")
    assert report.problems == []
    assert report.config["command"] == ["python", "serve.py", "--title", "two words", "a b"]


def test_customize_service_py_is_not_asked_for_and_not_read() -> None:
    assert look(files=("serve.py", "customize_service.py")).problems == []


def test_dependencies_are_compared_with_the_engine() -> None:
    wanted = [{"installer": "pip", "packages": [{"package_name": "vllm"}]}]
    config = CONFIG | {"dependencies": wanted}
    files = {
        "model/config.json": opener(json.dumps(config)),
        "model/serve.py": opener(""),
    }
    engine = {"python_3.11-sklearn-cpu": {"numpy": "2.4.6"}}
    report = inspect(files, engine_types=ENGINES, engine_packages=engine)
    assert [p.code for p in report.problems] == ["DEPENDENCY_MISSING"]


RULES = [
    (["command"], {}, "COMMAND_MISSING", "$.command"),
    ([], {"command": 5}, "COMMAND_TYPE", "$.command"),
    ([], {"command": ["python", 5]}, "COMMAND_TYPE", "$.command"),
    ([], {"command": []}, "COMMAND_EMPTY", "$.command"),
    ([], {"command": "  "}, "COMMAND_EMPTY", "$.command"),
    ([], {"command": "python 'serve.py"}, "COMMAND_SPLIT", "$.command"),
    ([], {"command": "cd src && python serve.py"}, "COMMAND_SHELL", "$.command"),
    ([], {"command": ["python", *["x"] * 100]}, "COMMAND_LONG", "$.command"),
    ([], {"command": ["python", "x" * 9000]}, "COMMAND_LONG", "$.command"),
    ([], {"command": ["python", "-c", "a\nb"]}, "COMMAND_CHARS", "$.command"),
    ([], {"command": ["python", "-c", "\1"]}, "COMMAND_CHARS", "$.command"),
    ([], {"command": ["python", "server.py"]}, "COMMAND_FILE", "$.command[1]"),
    ([], {"command": ["./start", "--fast"]}, "COMMAND_FILE", "$.command[0]"),
    ([], {"command": ["python", "model/serve.py"]}, "COMMAND_FILE", "$.command[1]"),
    ([], {"port": 80}, "PORT_PRIVILEGED", "$.port"),
    ([], {"port": 1023}, "PORT_PRIVILEGED", "$.port"),
    ([], {"port": 0}, "PORT_RANGE", "$.port"),
    ([], {"port": 65536}, "PORT_RANGE", "$.port"),
    ([], {"port": True}, "PORT_RANGE", "$.port"),
    ([], {"port": 80.5}, "PORT_RANGE", "$.port"),
    ([], {"port": "eighty"}, "PORT_RANGE", "$.port"),
    ([], {"protocol": "https"}, "PROTOCOL_HTTPS", "$.protocol"),
    ([], {"protocol": "GRPC"}, "PROTOCOL_UNKNOWN", "$.protocol"),
    ([], {"health": {}}, "HEALTH_URL", "$.health.url"),
    ([], {"health": {"url": "health"}}, "HEALTH_URL", "$.health.url"),
    ([], {"health": {"url": "/a b"}}, "HEALTH_URL", "$.health.url"),
    ([], {"health": {"url": "/h\r\nX: y"}}, "HEALTH_URL", "$.health.url"),
    ([], {"health": {"url": "/../h"}}, "HEALTH_URL", "$.health.url"),
    ([], {"health": {"url": "/h", "protocol": "HTTPS"}}, "PROTOCOL_HTTPS", "$.health.protocol"),
    (
        [],
        {"health": {"url": "/h", "check_method": "EXEC"}},
        "HEALTH_METHOD",
        "$.health.check_method",
    ),
    (
        [],
        {"health": {"url": "/h", "timeout_seconds": -1}},
        "HEALTH_NUMBER",
        "$.health.timeout_seconds",
    ),
    (
        [],
        {"health": {"url": "/h", "timeout_seconds": 0}},
        "HEALTH_RANGE",
        "$.health.timeout_seconds",
    ),
    (
        [],
        {"health": {"url": "/h", "period_seconds": 301}},
        "HEALTH_RANGE",
        "$.health.period_seconds",
    ),
    (
        [],
        {"health": {"url": "/h", "failure_threshold": 0}},
        "HEALTH_RANGE",
        "$.health.failure_threshold",
    ),
    (
        [],
        {"health": {"url": "/h", "initial_delay_seconds": 1201}},
        "HEALTH_RANGE",
        "$.health.initial_delay_seconds",
    ),
    ([], {"apis": [{"url": "predict"}]}, "API_URL", "$.apis[0].url"),
    ([], {"apis": [{"url": "/v1/{name}"}]}, "API_URL", "$.apis[0].url"),
    ([], {"apis": [{"url": "/predict?x=1"}]}, "API_URL", "$.apis[0].url"),
    ([], {"apis": [{"url": "/health"}]}, "API_RESERVED", "$.apis[0].url"),
]


@pytest.mark.parametrize(
    ("drop", "changes", "code", "where"), RULES, ids=[f"{r[2]}-{i}" for i, r in enumerate(RULES)]
)
def test_rules_of_a_custom_package(
    drop: list[str], changes: dict[str, Any], code: str, where: str
) -> None:
    report = look(*drop, **changes)
    assert found(report) == {(code, "model/config.json", where)}
    [problem] = [p for p in report.problems if p.code == code]
    assert problem.message.endswith(".") and problem.fix


READ = [
    ({"port": "9000"}, "PORT_TEXT", "port", 9000),
    (
        {"health": {"url": "/h", "period": 3}},
        "KEY_SPELLING",
        "health",
        {"url": "/h", "period_seconds": 3},
    ),
    (
        {"health": {"url": "/h", "period_seconds": "3"}},
        "HEALTH_TEXT",
        "health",
        {"url": "/h", "period_seconds": 3},
    ),
]


@pytest.mark.parametrize(("changes", "code", "key", "value"), READ, ids=[r[1] for r in READ])
def test_what_is_meant_is_read_with_a_warning(
    changes: dict[str, Any], code: str, key: str, value: Any
) -> None:
    report = look(**changes)
    assert report.ok and {p.code for p in report.problems} == {code}
    assert report.config[key] == value


def test_a_variable_that_no_shell_replaces_is_a_warning() -> None:
    assert {p.code for p in look(command="python serve.py $PORT").problems} == {"COMMAND_VARIABLE"}
    assert look(command=["sh", "-c", "exec python serve.py $PORT"]).problems == []


def test_programs_of_the_engine_and_of_the_system_are_left_to_the_start() -> None:
    for command in (["uvicorn", "app:app"], ["/usr/bin/env", "python"], ["python", "-m", "serve"]):
        assert look(command=command, files=()).problems == []


@pytest.mark.parametrize("key", ["command", "port", "protocol"])
def test_fields_of_a_command_are_ignored_elsewhere_with_a_warning(key: str) -> None:
    config = {"model_algorithm": "a", "model_type": "Image", "swr_location": "h/a:1", key: "x"}
    report = inspect({"model/config.json": opener(json.dumps(config))}, engine_types=ENGINES)
    assert {(p.code, p.where, p.level) for p in report.problems} == {
        ("COMMAND_IGNORED", f"$.{key}", "warning")
    }
    assert key not in report.config


def test_other_paths_than_the_root_are_allowed_and_asked() -> None:
    request = {
        "Content-type": "application/json",
        "data": {"properties": {"x": {"type": "integer"}}},
    }
    report = look(apis=[{"url": "/v1/predict", "request": request}])
    assert report.problems == []
    example = build_example(report.config)
    assert example is not None and not example.guessed
    assert (example.method, example.path, example.body) == ("POST", "/v1/predict", b'{"x": 1}')


def test_the_example_request_of_a_custom_package_is_never_guessed() -> None:
    assert build_example(look(model_algorithm="image_classification").config) is None
    assert build_example(look(apis=[{"url": "/go"}]).config) is None
    example = build_example(look(apis=[{"url": "/go", "method": "get"}]).config)
    assert example is not None and (example.method, example.path, example.body) == (
        "GET",
        "/go",
        b"",
    )


def test_an_answer_is_held_against_the_response_only_where_one_is_declared() -> None:
    free = look(apis=[{"url": "/go", "method": "get"}]).config
    assert judge_answer(free, 204, "", b"") == []
    assert judge_answer(free, 200, "image/png", b"\x89PNG") == []
    assert "status 404" in judge_answer(free, 404, "", b"no")[0]
    response = {"Content-type": "application/json", "data": {"required": ["y"]}}
    bound = look(apis=[{"url": "/go", "method": "get", "response": response}]).config
    assert "image/png" in judge_answer(bound, 200, "image/png", b"")[0]
    assert "$.y is missing" in judge_answer(bound, 200, "application/json", b"{}")[0]
