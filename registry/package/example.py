"""One example request from ``apis``, and a judgement of its answer: the first inference gate.

An instance is routed only after it answered one real request well. The request is made from the
JSON Schema in config.json, so it has the right form but arbitrary content.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from .apis import JSON, MULTIPART

BOUNDARY = "modelyard-example-boundary"
MAX_FINDINGS = 20
PICTURE_ALGORITHMS = ("image_classification", "object_detection")


@dataclass(frozen=True)
class ExampleRequest:
    """A request ready to send. ``guessed`` is true when config.json declares no ``apis``.

    The answer to a guessed request proves that the model answers, but a refusal proves nothing.
    """

    method: str
    path: str
    content_type: str
    body: bytes
    description: str
    guessed: bool = False


def build_example(config: dict[str, Any]) -> ExampleRequest | None:
    """Make a request for the first api of a normalised config.json.

    Without ``apis`` a picture is guessed for picture algorithms; None means nothing is known.
    """
    apis = config.get("apis") or []
    if apis and apis[0].get("request", {}).get("data"):
        api = apis[0]
        request = api["request"]
        schema = request["data"]
        if request.get("Content-type") == MULTIPART:
            body, parts = _multipart(schema)
            kind = f"{MULTIPART}; boundary={BOUNDARY}"
            text = f"{api['method']} {api['url']} with {', '.join(parts) or 'an empty form'}"
        else:
            body = json.dumps(example_value(schema)).encode()
            kind = JSON
            text = f"{api['method']} {api['url']} with JSON {body[:120].decode()}"
        return ExampleRequest(api["method"], api["url"], kind, body, text)
    if config.get("model_algorithm") in PICTURE_ALGORITHMS:
        body, _ = _multipart({"properties": {"image": {"type": "file"}}})
        return ExampleRequest(
            "POST",
            "/",
            f"{MULTIPART}; boundary={BOUNDARY}",
            body,
            "POST / with a 28 x 28 PNG as `image` (guessed: config.json declares no apis)",
            guessed=True,
        )
    return None


def judge_answer(config: dict[str, Any], status: int, content_type: str, body: bytes) -> list[str]:
    """Return what is wrong with an answer, one sentence each; empty means well-formed."""
    if status != 200:
        return [f"The answer has status {status}: {body[:300].decode('utf-8', 'replace')}"]
    if content_type.partition(";")[0].strip().lower() != JSON:
        return [f"The answer has the content type `{content_type}`; {JSON} is expected."]
    try:
        value = json.loads(body)
    except ValueError as error:
        return [f"The answer is not JSON: {error}."]
    apis = config.get("apis") or []
    schema = apis[0].get("response", {}).get("data", {}) if apis else {}
    findings: list[str] = []
    _match(value, schema, "$", findings)
    return findings[:MAX_FINDINGS]


def example_value(schema: dict[str, Any]) -> Any:
    """A small value that fits ``schema``; its own examples and defaults come first."""
    for key in ("example", "default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if kind == "object" or (kind is None and "properties" in schema):
        return {name: example_value(child) for name, child in schema.get("properties", {}).items()}
    if kind == "array":
        items = schema.get("items", {})
        if isinstance(items, list):
            return [example_value(item) for item in items]
        wanted = schema.get("minItems")
        count = wanted if type(wanted) is int and 0 < wanted <= 100_000 else 1
        return [example_value(items)] * count
    if kind in ("number", "integer"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", schema.get("maximum", 1)))
        low = low if isinstance(low, int | float) and not isinstance(low, bool) else 1
        if "minimum" not in schema and "exclusiveMinimum" in schema:
            low += 1
        return int(low) if kind == "integer" else float(low)
    if kind == "string":
        wanted = schema.get("minLength")
        return "text".ljust(wanted if type(wanted) is int and wanted < 10_000 else 0, "x")
    return {"boolean": True, "null": None}.get(kind, {})


def example_png(side: int = 28) -> bytes:
    """A grey PNG of a white upright bar on black: the digit 1 for a digit model."""
    bar = range(side * 3 // 7, side * 4 // 7)
    line = bytes([0, *(255 if column in bar else 0 for column in range(side))])
    blank = bytes(side + 1)
    margin = side // 7
    rows = b"".join(line if margin <= row < side - margin else blank for row in range(side))

    def chunk(tag: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _multipart(schema: dict[str, Any]) -> tuple[bytes, list[str]]:
    out, described = bytearray(), []
    for name, child in schema.get("properties", {}).items():
        field = name.replace("\\", "\\\\").replace('"', '\\"')
        out += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"'.encode()
        if child.get("type") == "file":
            out += b'; filename="example.png"\r\nContent-Type: image/png\r\n\r\n' + example_png()
            described.append(f"a 28 x 28 PNG as `{name}`")
        else:
            value = example_value(child)
            text = value if isinstance(value, str) else json.dumps(value)
            out += b"\r\n\r\n" + text.encode()
            described.append(f"`{name}` = {text[:40]}")
        out += b"\r\n"
    out += f"--{BOUNDARY}--\r\n".encode()
    return bytes(out), described


_CHECKS = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        type(value) is int or (isinstance(value, float) and value.is_integer())
    ),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def _match(value: Any, schema: dict[str, Any], where: str, findings: list[str]) -> None:
    if len(findings) >= MAX_FINDINGS:
        return
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds or []
    known = [kind for kind in kinds if kind in _CHECKS]
    if known and not any(_CHECKS[kind](value) for kind in known):
        findings.append(
            f"{where} is {json.dumps(value)[:60]}; `apis` promises {' or '.join(known)}."
        )
        return
    if isinstance(schema.get("enum"), list) and value not in schema["enum"]:
        findings.append(f"{where} is {json.dumps(value)[:60]}, which `apis` does not list.")
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                findings.append(f"{where}.{name} is missing; `apis` requires it.")
        for name, child in schema.get("properties", {}).items():
            if name in value:
                _match(value[name], child, f"{where}.{name}", findings)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for place, item in enumerate(value):
            _match(item, schema["items"], f"{where}[{place}]", findings)
