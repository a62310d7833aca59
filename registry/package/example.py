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
MAX_NODES = 1000  # values of one example, nested ones counted
MAX_BYTES = 64 * 1024  # of its text
MAX_STEPS = 1_000_000  # comparisons of one answer
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


class TooLarge(Exception):
    """The example that ``apis`` describes is larger than one is made."""


class _Budget:
    """What may still be put into one example."""

    def __init__(self) -> None:
        self.nodes = MAX_NODES
        self.text = MAX_BYTES

    def spend(self, nodes: int = 0, text: int = 0) -> None:
        self.nodes -= nodes
        self.text -= text
        if self.nodes < 0 or self.text < 0:
            raise TooLarge

    def whole(self, value: Any) -> Any:
        """A value that the package gives itself, counted with everything in it."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            self.spend(1, len(one) if isinstance(one, str) else 0)
            if isinstance(one, dict):
                self.spend(0, sum(map(len, one)))
                waiting.extend(one.values())
            elif isinstance(one, list):
                waiting.extend(one)
        return value


def build_example(config: dict[str, Any]) -> ExampleRequest | None:
    """Make a request for the first api of a normalised config.json.

    Without ``apis`` a picture is guessed for picture algorithms; None means that nothing is known,
    or that the example would be too large.
    """
    try:
        return _build(config)
    except (TooLarge, RecursionError):
        return None


def is_too_large(config: dict[str, Any]) -> bool:
    """Whether ``apis`` describes an example larger than one is made."""
    try:
        _build(config)
    except (TooLarge, RecursionError):
        return True
    return False


def _build(config: dict[str, Any]) -> ExampleRequest | None:
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
        if len(body) > MAX_BYTES:
            raise TooLarge
        return ExampleRequest(api["method"], api["url"], kind, body, text)
    if config.get("model_type") == "Custom":
        # Its paths are its own: nothing is guessed.
        return _without_body(apis[0]) if apis and apis[0]["method"] == "GET" else None
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


def _without_body(api: dict[str, Any]) -> ExampleRequest:
    text = f"{api['method']} {api['url']}"
    return ExampleRequest(api["method"], api["url"], "", b"", text)


def judge_answer(
    config: dict[str, Any], status: int, content_type: str, body: bytes | None
) -> list[str]:
    """Return what is wrong with an answer, one sentence each; empty means well-formed.

    ``body`` is None when it was too long to be read; then the rest is judged.
    """
    own = config.get("model_type") == "Custom"
    if status != 200 and not (own and 200 <= status < 300):
        words = (body or b"")[:300].decode("utf-8", "replace")
        return [f"The answer has status {status}: {words}"]
    if own and not any("response" in api for api in (config.get("apis") or [])[:1]):
        return []  # it may be a picture: only the package could say
    if content_type.partition(";")[0].strip().lower() != JSON:
        return [f"The answer has the content type `{content_type}`; {JSON} is expected."]
    if body is None:
        return []
    apis = config.get("apis") or []
    schema = apis[0].get("response", {}).get("data", {}) if apis else {}
    found = _Findings()
    try:
        _match(json.loads(body), schema, "$", found)
    except ValueError as error:
        return [f"The answer is not JSON: {error}."]
    except RecursionError:
        return ["The answer does not fit: it is nested too deeply."]
    return found.texts[:MAX_FINDINGS]


def example_value(schema: dict[str, Any], budget: _Budget | None = None) -> Any:
    """A small value that fits ``schema``; its own examples and defaults come first.

    Raises TooLarge when there is none within the budget.
    """
    budget = budget or _Budget()
    for key in ("example", "default", "const"):
        if key in schema:
            return budget.whole(schema[key])
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return budget.whole(schema[key][0])
    budget.spend(1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if kind == "object" or (kind is None and "properties" in schema):
        properties = schema.get("properties", {})
        budget.spend(0, sum(map(len, properties)))
        return {name: example_value(child, budget) for name, child in properties.items()}
    if kind == "array":
        items = schema.get("items", {})
        if isinstance(items, list):
            return [example_value(item, budget) for item in items]
        return [example_value(items, budget) for _one in range(_least(schema, "minItems", 1))]
    if kind in ("number", "integer"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", schema.get("maximum", 1)))
        fits = isinstance(low, int | float) and not isinstance(low, bool) and abs(low) < 1e300
        low = low if fits else 1
        if "minimum" not in schema and "exclusiveMinimum" in schema:
            low += 1
        return int(low) if kind == "integer" else float(low)
    if kind == "string":
        length = _least(schema, "minLength", 4)
        budget.spend(0, length)
        return "text".ljust(length, "x")
    return True if kind == "boolean" else None if kind == "null" else {}


def _least(schema: dict[str, Any], key: str, usual: int) -> int:
    """How many there must be, or as many as usual."""
    wanted = schema.get(key)
    return max(wanted, usual) if type(wanted) is int else usual


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
    out, described, budget = bytearray(), [], _Budget()
    for name, child in schema.get("properties", {}).items():
        field = name.replace("\\", "\\\\").replace('"', '\\"')
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"'
        out += head.encode("utf-8", "replace")
        if child.get("type") == "file":
            budget.spend(1)
            out += b'; filename="example.png"\r\nContent-Type: image/png\r\n\r\n' + example_png()
            described.append(f"a 28 x 28 PNG as `{name}`")
        else:
            value = example_value(child, budget)
            text = value if isinstance(value, str) else json.dumps(value)
            out += b"\r\n\r\n" + text.encode("utf-8", "replace")
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


class _Findings:
    """What was found so far, and how much of the answer is still looked at."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.steps = MAX_STEPS


def _match(value: Any, schema: dict[str, Any], where: str, found: _Findings) -> None:
    required, allowed = schema.get("required", []), schema.get("enum")
    found.steps -= 1 + len(required) + (len(allowed) if isinstance(allowed, list) else 0)
    if found.steps < 0 or len(found.texts) >= MAX_FINDINGS:
        return
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds or []
    known = [kind for kind in kinds if kind in _CHECKS]
    if known and not any(_CHECKS[kind](value) for kind in known):
        found.texts.append(
            f"{where} is {json.dumps(value)[:60]}; `apis` promises {' or '.join(known)}."
        )
        return
    if isinstance(allowed, list) and value not in allowed:
        found.texts.append(f"{where} is {json.dumps(value)[:60]}, which `apis` does not list.")
    if isinstance(value, dict):
        for name in required:
            if name not in value:
                found.texts.append(f"{where}.{name} is missing; `apis` requires it.")
        properties = schema.get("properties", {})
        for name, item in value.items():
            if name in properties:
                _match(item, properties[name], f"{where}.{name}", found)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for place, item in enumerate(value):
            _match(item, schema["items"], f"{where}[{place}]", found)
