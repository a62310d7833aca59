"""Model packages: good ones pass, and every broken rule is named with file, place and fix."""

import io
import json
from pathlib import Path

import pytest

from registry.package import Opener, from_directory, inspect

ENGINES = {
    "PyTorch": ["pytorch_2.13-cpu-py_3.11"],
    "Scikit_Learn": ["python_3.11-sklearn-cpu"],
}
SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "digits"
SERVICE = """
from model_service.pytorch_model_service import PTServingBaseService
class Digits(PTServingBaseService):
    def __init__(self, model_name, model_path):
        self.model = None
"""
CONFIG = {
    "model_algorithm": "image_classification",
    "model_type": "PyTorch",
    "runtime": "pytorch_2.13-cpu-py_3.11",
}


def opener(data, *, is_link=False, size=None):
    data = data if isinstance(data, bytes) else data.encode()
    return Opener(len(data) if size is None else size, lambda: io.BytesIO(data), is_link)


def package(config=None, *, service=SERVICE, drop=(), **more):
    config = CONFIG if config is None else config
    files = {
        "model/config.json": opener(config if isinstance(config, str) else json.dumps(config)),
        "model/customize_service.py": opener(service),
        "model/mnist_cnn.pt": opener(b"weights"),
    }
    files |= {
        name: opener(data) if isinstance(data, str | bytes) else data
        for name, data in more.pop("extra", {}).items()
    }
    for name in drop:
        del files[name]
    return files


def look(*args, **kwargs):
    return inspect(package(*args, **kwargs), engine_types=ENGINES)


def found(report, level="error"):
    return {(p.code, p.file, p.where) for p in report.problems if p.level == level}


def test_a_good_package_passes():
    report = look()
    assert report.ok and report.problems == []
    assert (report.service_class, report.base_class) == ("Digits", "PTServingBaseService")
    assert (report.weights, report.engine) == ("model/mnist_cnn.pt", "pytorch_2.13-cpu-py_3.11")
    assert report.file_count == 3 and report.total_size > 100


@pytest.mark.parametrize(("kind", "weights"), [("sklearn", "d.joblib"), ("pytorch", "m.pt")])
def test_the_sample_packages_pass(tmp_path, kind, weights):
    model = tmp_path / "model"
    model.mkdir()
    for source in (SAMPLES / kind / "infer").glob("*.*"):
        (model / source.name).write_bytes(source.read_bytes())
    (model / weights).write_bytes(b"w")
    report = inspect(from_directory(tmp_path), engine_types=ENGINES)
    assert report.problems == []
    assert report.service_class == "DigitService" and report.engine == report.runtime
    assert report.apis[0]["request"]["data"]["properties"]["image"] == {"type": "file"}


def test_the_vendor_config_runs_with_the_installed_engine_and_says_so():
    """The MNIST walk-through asks for a runtime of 2021 and must still be deployable."""
    report = look(CONFIG | {"runtime": "pytorch_1.8.0-cuda_10.2-py_3.7-ubuntu_18.04-x86_64"})
    assert report.ok and report.engine == "pytorch_2.13-cpu-py_3.11"
    assert found(report, "warning") == {("RUNTIME_REPLACED", "model/config.json", "$.runtime")}


LAYOUT = [
    ({"drop": ["model/config.json"]}, "NO_CONFIG", "model/config.json"),
    ({"drop": ["model/customize_service.py"]}, "NO_SERVICE_CODE", "model/customize_service.py"),
    ({"drop": ["model/mnist_cnn.pt"]}, "NO_WEIGHTS", "model"),
    ({"extra": {"model/two.pth": b"w"}}, "SEVERAL_WEIGHTS", "model/two.pth"),
    ({"extra": {"model/mnist_cnn.pt": b""}}, "EMPTY_WEIGHTS", "model/mnist_cnn.pt"),
    ({"extra": {"model/my file.txt": b"x"}}, "SPACE_IN_PATH", "model/my file.txt"),
    ({"extra": {"model/../up.txt": b"x"}}, "BAD_PATH", "model/../up.txt"),
    ({"extra": {"model/a\x07": b"x"}}, "BAD_PATH", "model/a\\x07"),
    ({"extra": {"model/l": opener(b"x", is_link=True)}}, "LINK", "model/l"),
    ({"extra": {"model/big.bin": opener(b"", size=21 * 2**30)}}, "TOO_LARGE", "model"),
    (
        {"extra": {"model/Config.JSON": b"x"}, "drop": ["model/config.json"]},
        "WRONG_CASE",
        "model/Config.JSON",
    ),
    (
        {"extra": {"model/sub/x.pt": b"x"}, "drop": ["model/mnist_cnn.pt"]},
        "WEIGHTS_NESTED",
        "model/sub/x.pt",
    ),
]


@pytest.mark.parametrize(("changes", "code", "file"), LAYOUT, ids=[row[1] for row in LAYOUT])
def test_layout_rules(changes, code, file):
    report = look(**changes)
    assert (code, file) in {(p.code, p.file) for p in report.problems if p.level == "error"}
    assert all(p.message.endswith(".") and p.fix for p in report.problems)


@pytest.mark.parametrize(
    ("names", "fix"),
    [
        (["config.json", "a.pt"], "parent"),
        (["Model/config.json"], "Rename the directory `Model`"),
        (["out/model/config.json"], "directory named `model`"),
    ],
)
def test_a_missing_model_directory_tells_which_path_to_choose(names, fix):
    report = inspect({name: opener(b"{}") for name in names}, engine_types=ENGINES)
    assert found(report) == {("NO_MODEL_DIR", "model", "")}
    assert fix in report.problems[0].fix


def test_links_in_a_real_directory_are_found_and_not_followed(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "passwd").symlink_to("/etc/passwd")
    (tmp_path / "model" / "etc").symlink_to("/etc")
    files = from_directory(tmp_path)
    assert set(files) == {"model/passwd", "model/etc"}
    links = {p.file for p in inspect(files, engine_types={}).problems if p.code == "LINK"}
    assert links == set(files)


FIELDS = [
    ({"model_algorithm": None}, "ALGORITHM_MISSING", "$.model_algorithm"),
    ({"model_algorithm": "9lives"}, "ALGORITHM_START", "$.model_algorithm"),
    ({"model_algorithm": "a" * 37}, "ALGORITHM_LONG", "$.model_algorithm"),
    ({"model_algorithm": "a<b>"}, "ALGORITHM_CHARS", "$.model_algorithm"),
    ({"model_algorithm": "图像"}, "ALGORITHM_CHARS", "$.model_algorithm"),
    ({"model_algorithm": 5}, "FIELD_TYPE", "$.model_algorithm"),
    ({"model_type": None}, "TYPE_MISSING", "$.model_type"),
    ({"model_type": "Keras"}, "TYPE_UNKNOWN", "$.model_type"),
    ({"runtime": None}, "RUNTIME_MISSING", "$.runtime"),
    ({"model_type": "Image"}, "RUNTIME_WITH_IMAGE", "$.runtime"),
    ({"model_type": "Image"}, "IMAGE_MISSING", "$.swr_location"),
    ({"metrics": []}, "FIELD_TYPE", "$.metrics"),
    ({"metrics": {"f1": "good"}}, "METRIC_TYPE", "$.metrics.f1"),
    ({"metrics": {"f1": True}}, "METRIC_TYPE", "$.metrics.f1"),
    ({"apis": {}}, "APIS_TYPE", "$.apis"),
    ({"apis": [{"url": "/predict"}]}, "API_URL", "$.apis[0].url"),
    ({"apis": [{"method": "FETCH"}]}, "API_METHOD", "$.apis[0].method"),
    ({"apis": [{}, {"url": "/"}]}, "API_TWICE", "$.apis[1]"),
    (
        {"apis": [{"request": {"Content-type": "text/csv", "data": {}}}]},
        "CONTENT_TYPE",
        "$.apis[0].request.Content-type",
    ),
    (
        {
            "apis": [
                {
                    "request": {
                        "Content-type": "application/json",
                        "data": {"properties": {"i": {"type": "file"}}},
                    }
                }
            ]
        },
        "FILE_IN_JSON",
        "$.apis[0].request.data.properties.i.type",
    ),
    (
        {
            "apis": [
                {
                    "response": {
                        "Content-type": "application/json",
                        "data": {"type": "array", "items": {"type": "strng"}},
                    }
                }
            ]
        },
        "SCHEMA_TYPE",
        "$.apis[0].response.data.items.type",
    ),
    ({"dependencies": {}}, "FIELD_TYPE", "$.dependencies"),
    ({"dependencies": [{"installer": "pip"}]}, "DEPENDENCY_SHAPE", "$.dependencies[0]"),
    (
        {"dependencies": [{"installer": "conda", "packages": []}]},
        "INSTALLER_UNKNOWN",
        "$.dependencies[0].installer",
    ),
    (
        {"dependencies": [{"installer": "pip", "packages": [{"package_name": "a; rm -rf /"}]}]},
        "PACKAGE_NAME",
        "$.dependencies[0].packages[0].package_name",
    ),
    (
        {"dependencies": [{"packages": [{"package_name": "a", "package_version": "1.0"}]}]},
        "RESTRAINT",
        "$.dependencies[0].packages[0].restraint",
    ),
    (
        {
            "dependencies": [
                {
                    "packages": [
                        {"package_name": "a", "package_version": "--pre", "restraint": "EXACT"}
                    ]
                }
            ]
        },
        "PACKAGE_VERSION",
        "$.dependencies[0].packages[0].package_version",
    ),
]


@pytest.mark.parametrize(
    ("change", "code", "where"), FIELDS, ids=[f"{row[1]}-{i}" for i, row in enumerate(FIELDS)]
)
def test_config_rules(change, code, where):
    config = {key: value for key, value in (CONFIG | change).items() if value is not None}
    assert (code, "model/config.json", where) in found(look(config))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"model_type": "PyTorch",}', "CONFIG_JSON"),
        ("[1]", "CONFIG_JSON"),
        ('{"a": 1, "a": 2}', "CONFIG_DUPLICATE_KEY"),
        ("[" * 100_000, "CONFIG_JSON"),
    ],
)
def test_a_config_that_is_not_an_object(text, code):
    assert code in {p.code for p in look(text).problems}


def test_a_config_that_is_not_utf8():
    files = package()
    files["model/config.json"] = opener('{"a": "é"}'.encode("latin-1"))
    assert "CONFIG_ENCODING" in {p.code for p in inspect(files, engine_types={}).problems}


def test_known_misspellings_are_normalised_with_a_warning():
    report = look(
        CONFIG
        | {
            "model_type": "pytorch",
            "metrics": {"f1": "0.52", "recall": 1},
            "apis": [
                {
                    "procotol": "https",
                    "url": "/",
                    "method": "post",
                    "request": {
                        "Content-Type": "multipart/form-data",
                        "data": {"type": "object", "properties": {"item": {"type": "file"}}},
                    },
                    "response": {
                        "Content-type": "applicaton/json",
                        "data": {"type": "array", "item": {"type": "number"}},
                    },
                }
            ],
        }
    )
    assert report.ok, report.problems
    assert report.config["model_type"] == "PyTorch"
    assert report.config["metrics"] == {"f1": 0.52, "recall": 1}
    [api] = report.apis
    assert api["method"] == "POST"
    assert api["request"]["Content-type"] == "multipart/form-data"
    assert api["request"]["data"]["properties"] == {"item": {"type": "file"}}
    assert api["response"] == {
        "Content-type": "application/json",
        "data": {"type": "array", "items": {"type": "number"}},
    }
    assert {p.code for p in report.problems} == {
        "TYPE_SPELLING",
        "METRIC_TEXT",
        "KEY_SPELLING",
        "CONTENT_TYPE_SPELLING",
    }


CODE = [
    ("def broken(:\n", "CODE_SYNTAX", "line 1"),
    ("x = 1", "NO_SERVICE_CLASS", ""),
    ("class A(object): pass", "NO_SERVICE_CLASS", ""),
    (
        "class PTServingBaseService: pass\nclass A(PTServingBaseService): pass",
        "NO_SERVICE_CLASS",
        "",
    ),
    (
        SERVICE + "class Other(PTServingBaseService):\n def __init__(self, a, b): pass",
        "SEVERAL_SERVICE_CLASSES",
        "line 6",
    ),
    (
        SERVICE.replace("pytorch_model_service", "tfserving_model_service").replace("PTS", "TfS"),
        "BASE_MISMATCH",
        "line 3",
    ),
    (
        "from model_service.pytorch_model_service import PTServingBaseService as B\n"
        "class A(B): pass",
        "NO_INIT",
        "line 2",
    ),
    (
        "import model_service.model_service as m\nclass A(m.SingleNodeService):\n"
        " def __init__(self, n, p): pass",
        "NO_INFERENCE",
        "line 2",
    ),
    ("x = '\x00'", "CODE_SYNTAX", ""),
]


@pytest.mark.parametrize(
    ("source", "code", "where"), CODE, ids=[f"{row[1]}-{i}" for i, row in enumerate(CODE)]
)
def test_service_code_rules(source, code, where):
    assert (code, "model/customize_service.py", where) in found(look(service=source))


def test_the_service_code_is_never_run(tmp_path):
    mark = tmp_path / "ran"
    look(service=f"open({str(mark)!r}, 'w')\n{SERVICE}")
    assert not mark.exists()


def test_a_service_class_behind_an_intermediate_class_is_found():
    report = look(service=SERVICE + "class Final(Digits):\n    pass\n")
    assert report.ok and report.service_class == "Final"


def test_all_problems_come_at_once():
    report = look(
        {"model_type": "PyTorch", "metrics": {"f1": "x"}},
        service="x = 1",
        drop=["model/mnist_cnn.pt"],
        extra={"model/a b": b""},
    )
    assert {p.code for p in report.problems} == {
        "ALGORITHM_MISSING",
        "RUNTIME_MISSING",
        "METRIC_TYPE",
        "NO_WEIGHTS",
        "NO_SERVICE_CLASS",
        "SPACE_IN_PATH",
    }


def test_a_type_without_an_engine_is_known_but_unproved():
    files = package(
        CONFIG | {"model_type": "MindSpore"},
        drop=["model/mnist_cnn.pt"],
        extra={"model/net.ckpt": b"x"},
        service="from model_service.model_service import SingleNodeService\n"
        "class S(SingleNodeService):\n def _inference(self, data): pass\n",
    )
    report = inspect(files, engine_types=ENGINES)
    assert report.ok and report.engine == ""
    [warning] = report.problems
    assert warning.code == "ENGINE_UNSUPPORTED" and "python_3.11-sklearn-cpu" in warning.fix


def test_an_image_package_needs_only_its_config():
    config = {
        "model_algorithm": "chat",
        "model_type": "Image",
        "swr_location": "host/a:1",
        "health": {"url": "/health", "initial_delay_seconds": "12"},
    }
    report = inspect({"model/config.json": opener(json.dumps(config))}, engine_types=ENGINES)
    assert report.ok and report.config["health"]["initial_delay_seconds"] == 12
