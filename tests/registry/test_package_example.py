"""The first inference gate: an example made from `apis`, and a judgement of its answer."""

import io
import json

import pytest
from PIL import Image

from registry.package import build_example, example, inspect, judge_answer
from registry.package.example import BOUNDARY, example_png, example_value
from tests.registry.test_package import CONFIG, ENGINES, package

RESPONSE = {
    "Content-type": "application/json",
    "data": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"image": {"type": "integer"}, "probability": {"type": "number"}},
            "required": ["image"],
        },
    },
}


def config(request):
    return {"apis": [{"url": "/", "method": "POST", "request": request, "response": RESPONSE}]}


def test_a_file_property_becomes_a_png_upload():
    data = {"properties": {"image": {"type": "file"}, "top": {"type": "integer", "minimum": 3}}}
    example = build_example(config({"Content-type": "multipart/form-data", "data": data}))
    assert (example.method, example.path, example.guessed) == ("POST", "/", False)
    assert BOUNDARY in example.content_type
    assert b'name="image"; filename="example.png"' in example.body
    assert b'name="top"\r\n\r\n3\r\n' in example.body
    assert example.body.endswith(f"--{BOUNDARY}--\r\n".encode())
    picture = Image.open(io.BytesIO(example_png()))
    assert picture.size == (28, 28) and picture.getextrema() == (0, 255)


def test_a_json_schema_becomes_a_json_body():
    data = {
        "type": "object",
        "properties": {"rows": {"type": "array", "minItems": 2, "items": {"type": "number"}}},
    }
    example = build_example(config({"Content-type": "application/json", "data": data}))
    assert json.loads(example.body) == {"rows": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer", "minimum": 4}, 4),
        ({"type": "number", "maximum": -2}, -2.0),
        ({"type": "string"}, "text"),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": ["null", "boolean"]}, True),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": "string", "default": "d"}, "d"),
        ({"properties": {"x": {"type": "null"}}}, {"x": None}),
        ({"type": "array", "items": [{"type": "integer"}, {"type": "string"}]}, [1, "text"]),
    ],
)
def test_example_values_fit_their_schema(schema, value):
    assert example_value(schema) == value


def test_without_apis_a_picture_is_guessed_for_picture_models_only():
    guess = build_example({"model_algorithm": "image_classification"})
    assert guess.guessed and b'name="image"' in guess.body
    assert build_example({"model_algorithm": "predict_analysis"}) is None


def nested(schema, *counts):
    for count in counts:
        schema = {"type": "array", "minItems": count, "items": schema}
    return schema


WITHOUT_END = [
    nested({"type": "null"}, 2000),
    nested({"type": "null"}, 40, 40),
    nested({"default": [0] * 500}, 3),
    nested({"type": "string", "minLength": 9000}, 9),
    {"type": "string", "minLength": 1_000_000},
    {"type": "array", "minItems": 10**30},
    {"properties": {"n" * 70_000: {"type": "null"}}},
    {"properties": {f"n{number}": {"type": "null"} for number in range(1000)}},
    {"example": ["\1" * 20_000]},  # six bytes each
    {"enum": [{"a": ["x" * 70_000]}]},
]


@pytest.mark.parametrize("schema", WITHOUT_END)
def test_an_example_without_end_is_not_built(schema):
    data = {"type": "object", "properties": {"rows": schema}}
    for kind in ("application/json", "multipart/form-data"):
        asked = config({"Content-type": kind, "data": data})
        assert build_example(asked) is None
        report = inspected(asked["apis"])
        [problem] = [p for p in report.problems if p.code == "EXAMPLE_TOO_LARGE"]
        assert (problem.level, problem.where) == ("warning", "$.apis[0].request.data")
        assert report.ok and "health alone" in problem.message


def test_a_form_of_a_thousand_pictures_is_not_built():
    data = {"properties": {f"n{number}": {"type": "file"} for number in range(1001)}}
    assert build_example(config({"Content-type": "multipart/form-data", "data": data})) is None


def test_an_example_just_within_the_bounds_is_built():
    for schema in (nested({"type": "null"}, 31, 31), {"type": "string", "minLength": 60_000}):
        asked = config({"Content-type": "application/json", "data": schema})
        assert len(build_example(asked).body) > 4000
        assert not [p for p in inspected(asked["apis"]).problems if p.code == "EXAMPLE_TOO_LARGE"]


@pytest.mark.parametrize("low", ["1e999", "-1e999", "1" + "0" * 400])
def test_a_limit_beyond_all_numbers_is_left_out(low):
    schema = json.loads(f'{{"type": "integer", "minimum": {low}}}')
    assert example_value(schema) == 1
    assert example_value({**schema, "type": "number"}) == 1.0


def test_a_number_too_long_to_read_is_named():
    [problem] = inspect(package(f'{{"apis": {"9" * 5000}}}'), engine_types={}).problems
    assert (problem.code, problem.message) == (
        "CONFIG_JSON",
        "config.json has a number of more than 64 characters.",
    )


def inspected(apis):
    return inspect(package({**CONFIG, "apis": apis}), engine_types=ENGINES)


GOOD = [{"image": 7, "probability": 0.98}]


@pytest.mark.parametrize(
    ("status", "kind", "body", "finding"),
    [
        (500, "application/json", b'{"error_msg": "boom"}', "status 500"),
        (200, "text/html", b"<p>", "text/html"),
        (200, "application/json", b"{", "not JSON"),
        (200, "application/json", b'{"image": 7}', r"$ is"),
        (200, "application/json", b'[{"image": "7"}]', r"$[0].image"),
        (200, "application/json", b'[{"image": true}]', r"$[0].image"),
        (200, "application/json", b'[{"probability": 1}]', r"$[0].image is missing"),
    ],
)
def test_bad_answers_are_named(status, kind, body, finding):
    [text] = judge_answer(config({}), status, kind, body)
    assert finding in text


def test_a_good_answer_passes():
    body = json.dumps(GOOD).encode()
    assert judge_answer(config({}), 200, "application/json; charset=utf-8", body) == []
    assert judge_answer({}, 200, "application/json", b"[1, 2]") == []


def test_an_answer_is_looked_at_up_to_a_bound(monkeypatch):
    schema = {"type": "array", "items": {"enum": list(range(10))}}
    bound = {"apis": [{"response": {"Content-type": "application/json", "data": schema}}]}
    body = json.dumps([1] * 50 + ["wrong"]).encode()
    assert len(judge_answer(bound, 200, "application/json", body)) == 1
    monkeypatch.setattr(example, "MAX_STEPS", 500)
    assert judge_answer(bound, 200, "application/json", body) == []
