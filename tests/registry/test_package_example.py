"""The first inference gate: an example made from `apis`, and a judgement of its answer."""

import io
import json

import pytest
from PIL import Image

from registry.package import build_example, judge_answer
from registry.package.example import BOUNDARY, example_png, example_value

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
