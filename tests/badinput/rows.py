"""What reads input from outside, each with inputs that are bad for it.

A module that parses (``PARSES`` in test_linear.py) has a row here, or a line there that says why
not. ``ROWS`` is the whole; add yours to a list of your own below it.
"""

from __future__ import annotations

import io
import json
from typing import Any

from accounts.engine import load_stored, validate
from accounts.engine.reader import read_json
from console.api import parsers
from core import strict_json
from core.errors import AppError
from registry.package.config import check_config, read_config
from registry.package.example import judge_answer
from registry.package.report import Opener, PackageReport
from tests.badinput.linear import Row

BAD_JSON = {
    "names, the first one twice": lambda n: (
        "{" + ",".join(f'"{i:x}":1' for i in range(n)) + ',"0":1}'
    ),
    "every name twice": lambda n: "{" + ",".join(f'"{i:x}":1,"{i:x}":2' for i in range(n)) + "}",
    "one name many times": lambda n: "{" + ",".join(['"a":1'] * n) + "}",
    "many lists": lambda n: "[" + ",".join(["[]"] * n) + "]",
    "levels": lambda n: "[" * n + "]" * n,
    "levels of objects, not closed": lambda n: '{"a":' * n,
    "a number": lambda n: "[" + "9" * n + "]",
    "a fraction": lambda n: "[0." + "9" * n + "e5]",
    "many numbers": lambda n: "[" + ",".join(["9" * 60] * n) + "]",
    "a long name above many items": lambda n: '{"' + "k" * n + '":[' + "1," * n + "1]}",
    "a text of escapes": lambda n: '["' + "\\u0041" * n + '"]',
    "texts that cannot be stored": lambda n: "[" + ",".join(['"\\u0000"'] * n) + "]",
    "blanks": lambda n: " " * n + "x",
}


def _policy(n: int) -> dict[str, Any]:
    return {
        "Version": "1.1",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [f"obs:bucket:List{i}" for i in range(n)],
                "Resource": [f"obs:*:*:bucket:b{i}*" for i in range(n)],
                "Condition": {"StringLike": {"g:UserName": ["*" * 9 + str(i) for i in range(n)]}},
            }
        ],
    }


def _statements(n: int) -> dict[str, Any]:
    one = {"Effect": "Allow", "Action": ["obs:*:*"], "Odd": 1}
    return {"Version": "1.1", "Statement": [dict(one, Sid=f"s{i}") for i in range(n)], **_odd(n)}


def _odd(n: int) -> dict[str, Any]:
    return {f"odd{i}": i for i in range(n)}


def _config(data: bytes) -> None:
    report = PackageReport()
    raw = read_config(Opener(len(data), lambda: io.BytesIO(data)), report)
    if raw is not None:
        check_config(raw, report)


def _apis(n: int) -> bytes:
    field = {"type": "string", "description": "d"}
    body = {"type": "object", "properties": {f"f{i}": field for i in range(n)}}
    one = {"protocol": "http", "url": "/", "method": "post", "request": {"data": body}}
    return json.dumps({"apis": [one] * 3, **_odd(n)}).encode()


JSON_ROWS = [
    Row(f"{reader}: {name}", read, make, refuses=(AppError, strict_json.Refused))
    for reader, read in {
        "console.api.parsers": lambda text: parsers.read(text.encode()),
        "core.strict_json": strict_json.read,
        "core.strict_json, duplicates kept": lambda text: strict_json.read(
            text, keep_duplicates=True
        ),
        "accounts.engine.reader": read_json,
        "registry.package.config": lambda text: _config(text.encode()),
    }.items()
    for name, make in BAD_JSON.items()
]

POLICY_ROWS = [
    Row(f"accounts.engine.{reader}: {name}", read, make, n=50, most=1000)
    for reader, read in {"validation": validate, "stored": load_stored}.items()
    for name, make in {
        "entries": _policy,
        "statements": _statements,
        "unknown elements": _odd,
    }.items()
]

_SCHEMA = {"type": "array", "items": {"type": "object", "required": ["a"], "properties": {}}}
_ANSWERED = {"model_type": "PyTorch", "apis": [{"response": {"data": _SCHEMA}}]}


def _judged(body: str) -> list[str]:
    return judge_answer(_ANSWERED, 200, "application/json", body.encode())


PACKAGE_ROWS = [
    Row("registry.package.config: many fields", _config, _apis, most=4000),
    *(
        Row(f"registry.package.example: an answer of {name}", _judged, make)
        for name, make in {**BAD_JSON, "objects": lambda n: "[" + "{}," * n + "{}]"}.items()
    ),
]

ROWS = [*JSON_ROWS, *POLICY_ROWS, *PACKAGE_ROWS]
