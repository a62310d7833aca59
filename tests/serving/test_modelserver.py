"""The model server as a real process of the real engine: contract, limits, failures, drain."""

import asyncio
import json
import signal

import aiohttp
import pytest

from tests.serving.modelserver import HEAD, ModelServer, form, write_package

ECHO = (
    HEAD
    + """
import io, log, numpy as np, time, threading
from pathlib import Path
logger = log.getLogger(__name__)

class Service(SingleNodeService):
    def __init__(self, model_name, model_path):
        super().__init__(model_name, model_path)
        logger.info("constructed")
    def _preprocess(self, data):
        if isinstance(data, dict) and "refuse" in data:
            raise ValueError("send something else")
        return data
    def _inference(self, data):
        do = data.get("do") if isinstance(data, dict) else None
        if do == "fail":
            return {}["missing"]
        if do == "exit":
            raise SystemExit(3)
        if do == "wait":
            while not Path(data["until"]).exists():
                time.sleep(0.005)
        if do == "numpy":
            return {"a": np.arange(3), "b": np.float32(0.5), np.int64(7): np.bool_(True),
                    "c": (1, 2), "d": {"x"}, "e": [np.ones((2, 1))]}
        if do == "nan":
            return [{"loss": float("nan")}]
        if do == "odd":
            return {"value": object()}
        if do == "thread":
            return threading.current_thread().name
        return data
    def _postprocess(self, data):
        if isinstance(data, dict):
            return {key: opened(value) for key, value in data.items()}
        return data

def opened(value):
    if isinstance(value, dict) and any(isinstance(f, io.BytesIO) for f in value.values()):
        return {name: file.read().decode() for name, file in value.items()}
    return value
"""
)


@pytest.fixture
def start(tmp_path):
    servers = []

    def start(service, *options, config=None, weights=None):
        folder = write_package(tmp_path / "model", service, config=config, weights=weights)
        servers.append(ModelServer(folder, *options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    folder = write_package(tmp_path_factory.mktemp("echo") / "model", ECHO)
    server = ModelServer(
        folder, "--timeout", 1, "--concurrency", 2, "--backlog", 2, "--max-body", 100_000
    ).wait_ready()
    yield server
    server.close()


def test_it_becomes_ready_and_tells_every_step(echo):
    lines = echo.lines("MODELYARD_STATUS")
    assert [line["stage"] for line in lines][:3] == ["import", "load", "ready"]
    assert all(line["seconds"] >= 0 for line in lines)
    assert lines[-1]["total_seconds"] >= lines[-1]["seconds"]
    assert "INFO customize_service: constructed" in echo.output()
    status, _, body = echo.call("/health", "GET")
    assert (status, body["stage"]) == (200, "ready")


def test_json_arrives_as_dict_and_the_request_id_comes_back(echo):
    status, headers, body = echo.call(json={"x": [1, "图"]}, headers={"X-Request-Id": "abc-1"})
    assert (status, body, headers["x-request-id"]) == (200, {"x": [1, "图"]}, "abc-1")
    assert headers["content-type"] == "application/json"


def test_json_without_its_content_type_is_read_as_curl_sends_it(echo):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert echo.call(data=b'{"x": 1}', headers=kind)[2] == {"x": 1}
    assert echo.call(data=b"x=1&y=2", headers=kind)[2] == {"x": "1", "y": "2"}


def test_multipart_arrives_as_fields_of_files(echo):
    body = form(
        ("image", "a.png", b"A"), ("image", "a.png", b"B"), ("other", "c", b"C"), ("note", "hello")
    )
    assert echo.call(data=body)[2] == {
        "image": {"a.png": "A", "a.png (2)": "B"},
        "other": {"c": "C"},
        "note": "hello",
    }


def test_numpy_values_are_converted(echo):
    assert echo.call(json={"do": "numpy"})[2] == {
        "a": [0, 1, 2],
        "b": 0.5,
        "7": True,
        "c": [1, 2],
        "d": ["x"],
        "e": [[[1.0], [1.0]]],
    }


@pytest.mark.parametrize(
    ("do", "text"),
    [
        ("fail", "KeyError: 'missing' (customize_service.py:18)"),
        ("exit", "SystemExit: 3 (customize_service.py:20)"),
        ("nan", "nan at $[0].loss"),
        ("odd", "builtins.object at $.value"),
    ],
)
def test_failing_inference_is_500_with_the_last_line_and_its_place(echo, do, text):
    status, headers, body = echo.call(json={"do": do})
    assert (status, body["error_code"]) == (500, "INFERENCE_FAILED")
    assert text in body["error_msg"] and body["request_id"] == headers["x-request-id"]
    assert f"request {body['request_id']}: Traceback" in echo.output()
    assert echo.call(json={"x": 1})[0] == 200


def test_a_value_error_of_preprocess_is_the_callers_fault(echo):
    status, _, body = echo.call(json={"refuse": 1})
    assert (status, body["error_code"]) == (400, "INPUT_REJECTED")
    assert "send something else" in body["error_msg"]


@pytest.mark.parametrize(
    ("kwargs", "status", "code"),
    [
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, "BAD_JSON"),
        ({"data": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}, 400, "BAD_JSON"),
        ({"data": b"[" * 50_000, "headers": {"Content-Type": "application/json"}}, 400, "BAD_JSON"),
        ({"data": b"x", "headers": {"Content-Type": "image/png"}}, 415, "CONTENT_TYPE"),
        ({"data": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "BAD_FORM"),
        (
            {"data": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
            400,
            "BAD_FORM",
        ),
        (
            {"data": b"x" * 100_001, "headers": {"Content-Type": "application/json"}},
            413,
            "BODY_TOO_LARGE",
        ),
        ({"path": "/other", "json": {}}, 404, "NO_SUCH_PATH"),
        ({"method": "GET"}, 405, "METHOD"),
    ],
)
def test_unusable_requests_are_named(echo, kwargs, status, code):
    got, _, body = echo.call(**kwargs)
    assert (got, body["error_code"]) == (status, code) and body["error_msg"].endswith(".")


def test_time_limit_busy_and_stuck(echo, tmp_path):
    """Overdue threads hold their slots; health says so and recovers when they end."""
    until = tmp_path / "go"

    async def go():
        async with echo.session() as session:

            async def post(content):
                async with session.post("http://model/", json=content) as answer:
                    return answer.status, (await answer.json()).get("error_code")

            async def stage(wanted):
                while True:
                    async with session.get("http://model/health") as answer:
                        found = (await answer.json())["stage"]
                    if found == wanted:
                        return answer.status
                    await asyncio.sleep(0.01)

            waiting = {"do": "wait", "until": str(until)}
            both = await asyncio.gather(post(waiting), post(waiting))
            assert both == [(504, "PREDICT_TIMEOUT")] * 2
            assert await asyncio.wait_for(stage("stuck"), 60) == 503
            # Two wait for a free thread and give up, the third is refused at once.
            crowd = await asyncio.gather(*(post({"x": 1}) for _ in range(3)))
            assert crowd == [(503, "BUSY")] * 3
            until.touch()
            assert await asyncio.wait_for(stage("ready"), 60) == 200
            assert await post({"x": 1}) == (200, None)

    asyncio.run(go())


def test_loading_is_503_with_its_stage_until_ready(start, tmp_path):
    gate = tmp_path / "gate"
    server = start(
        HEAD
        + f"""
import time
from pathlib import Path
class S(SingleNodeService):
    def __init__(self, name, path):
        while not Path({str(gate)!r}).exists():
            time.sleep(0.005)
    def _inference(self, data):
        return self.model_path, self.model_name
""",
        "--model-name",
        "digits",
    )
    server.wait(lambda: "load" in server.stages() and server.socket.exists())
    status, _, body = server.call("/health", "GET")
    assert (status, body["stage"]) == (503, "load")
    assert server.call(json={})[0] == 503
    gate.touch()
    server.wait_ready()
    assert server.call(json={})[2] == [str(tmp_path / "model"), "digits"]


@pytest.mark.parametrize(
    ("model_type", "file"), [("PyTorch", "net.pt"), ("Scikit_Learn", "m.joblib")]
)
def test_the_service_gets_the_path_of_the_model_file(start, tmp_path, model_type, file):
    server = start(
        HEAD + "class S(SingleNodeService):\n"
        "    def __init__(self, model_path):\n        self.path = model_path\n"
        "    def _inference(self, data):\n        return [self.path, self.model_path]\n",
        config={"model_type": model_type},
        weights={file: b"w"},
    ).wait_ready()
    assert server.call(json={})[2] == [str(tmp_path / "model" / file)] * 2


def test_own_modules_and_names_like_pythons_own_do_not_break_the_server(start, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "helper.py").write_text("VALUE = 5\n")
    (model / "uvicorn.py").write_text("raise RuntimeError('shadowed')\n")
    (model / "app.py").write_text("VALUE = 6\n")
    server = start(
        HEAD + "import app, helper\nclass S(SingleNodeService):\n"
        "    def _inference(self, data):\n"
        "        return [helper.VALUE, app.VALUE]\n"
    ).wait_ready()
    assert server.call(json={})[2] == [5, 6]


def test_the_vendors_classic_example_that_parses_json_itself_runs(start):
    server = start(
        """
import json, collections
from model_service.python_model_service import XgSklServingBaseService
class user_Service(XgSklServingBaseService):
    def _preprocess(self, data):
        rows = json.loads(data, object_pairs_hook=collections.OrderedDict)
        return [list(row.values()) for row in rows["data"]["req_data"]]
    def _inference(self, data):
        return [sum(row) for row in data]
""",
        config={"model_type": "Scikit_Learn"},
        weights={"m.pkl": b"w"},
    ).wait_ready()
    body = {"data": {"req_data": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}}
    for _ in range(2):
        assert server.call(json=body)[2] == [{"predictresult": 3}, {"predictresult": 7}]


FAILURES = [
    ("import nothing_like_this\n", None, "ModuleNotFoundError", "customize_service.py", 1),
    ("def x(:\n", None, "SyntaxError", "customize_service.py", 1),
    ("x = 1\n", None, "PackageError", None, None),
    (None, None, "PackageError", None, None),
    (
        HEAD + "class S(SingleNodeService):\n    def __init__(self, a, b):\n        1 / 0\n",
        None,
        "ZeroDivisionError",
        "customize_service.py",
        4,
    ),
    (
        HEAD + "class S(SingleNodeService):\n    def __init__(self, a, b):\n        exit(0)\n",
        None,
        "SystemExit",
        "customize_service.py",
        4,
    ),
    ("", "{", "PackageError", None, None),
    ("", {"model_type": "PyTorch"}, "PackageError", None, None),
    (
        "from model_service.tfserving_model_service import TfServingBaseService\n"
        "class S(TfServingBaseService):\n    pass\n",
        {"model_type": "TensorFlow"},
        "ModuleNotFoundError",
        None,
        None,
    ),
]


@pytest.mark.parametrize(
    ("service", "config", "kind", "file", "line"),
    FAILURES,
    ids=[f"{row[2]}-{i}" for i, row in enumerate(FAILURES)],
)
def test_a_package_that_cannot_load_ends_the_process_with_a_named_reason(
    start, service, config, kind, file, line
):
    server = start(service, config=config)
    assert server.exit_status() == 78
    [found] = server.lines("MODELYARD_LOAD_FAILED")
    assert (found["type"], found.get("file"), found.get("line")) == (kind, file, line)
    assert found["error"] and "Traceback" in server.output()
    reasons = {"ModuleNotFoundError": "NO_MODULE", "PackageError": "PACKAGE"}
    assert found["reason"] == reasons.get(kind, "USER_CODE")
    if found["reason"] == "NO_MODULE":
        assert "is missing in this engine" in found["hint"]
    assert "ready" not in server.stages() and not server.socket.exists()
    if config == {"model_type": "TensorFlow"}:
        assert "TensorFlow is not installed in this engine" in found["error"]


def test_sigterm_drains_what_runs_and_closes_connections(start, tmp_path):
    server = start(ECHO, "--linger", 0.3).wait_ready()
    until = tmp_path / "go"

    async def go():
        async with server.session() as busy, server.session() as idle:
            async with idle.post("http://model/", json={"x": 1}) as answer:
                assert answer.status == 200
            running = asyncio.ensure_future(
                busy.post("http://model/", json={"do": "wait", "until": str(until)})
            )
            active = 0
            while not active:
                async with idle.get("http://model/health") as answer:
                    active = (await answer.json())["active"]
            server.process.send_signal(signal.SIGTERM)
            while server.socket.exists():
                await asyncio.sleep(0.005)
            # An open connection is still answered, and told to go elsewhere; new ones are refused.
            async with idle.post("http://model/", json={"x": 1}) as answer:
                late = answer.status, answer.headers["connection"]
            with pytest.raises(aiohttp.ClientConnectorError):
                await idle.get("http://model/health")
            until.touch()
            async with await running as answer:
                return answer.status, late

    assert asyncio.run(go()) == (200, (200, "close"))
    assert server.exit_status() == 0
    assert server.stages()[-2:] == ["draining", "stopped"]
    assert server.lines("MODELYARD_STATUS")[-1]["clean"] is True
    assert not server.socket.exists()


def test_sigterm_while_loading_ends_at_once(start):
    server = start(
        HEAD + "import time\nclass S(SingleNodeService):\n"
        "    def __init__(self, a, b):\n        time.sleep(600)\n"
    )
    server.wait(lambda: "load" in server.stages())
    server.process.terminate()
    assert server.exit_status() == 143
    assert server.lines("MODELYARD_LOAD_FAILED") == []


def test_predictions_run_in_bounded_threads(echo):
    async def go():
        async with echo.session() as session:

            async def one():
                async with session.post("http://model/", json={"do": "thread"}) as answer:
                    return json.loads(await answer.read())

            return {name for _ in range(20) for name in await asyncio.gather(one(), one())}

    assert asyncio.run(go()) <= {"predict_0", "predict_1"}


def test_a_socket_path_that_is_too_long_is_said(start, tmp_path):
    server = start(ECHO, "--socket", "/tmp/" + "x" * 120)
    assert server.exit_status() == 70 and "unix socket allows 107" in server.output()
