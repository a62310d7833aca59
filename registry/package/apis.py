"""The ``apis`` of config.json: what a caller sends and gets, in JSON Schema."""

from __future__ import annotations

from typing import Any

from .layout import CONFIG
from .own_server import is_path
from .report import PackageReport, said

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
JSON, MULTIPART = "application/json", "multipart/form-data"
# Misspellings that stand in ModelArts' own published samples.
CONTENT_TYPE_TYPOS = {"applicaton/json": JSON, "application-json": JSON, "json": JSON}
KEY_TYPOS = {"procotol": "protocol", "item": "items"}
HEALTH = "/health"
SCHEMA_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null", "file")
MAX_DEPTH = 20


def check_apis(raw: Any, report: PackageReport) -> list[dict[str, Any]]:
    """Return the apis that pass, with method, url and content types filled in."""
    if not isinstance(raw, list):
        report.error("APIS_TYPE", CONFIG, "`apis` must be an array.", "Use [ ].", "$.apis")
        return []
    apis = []
    for place, item in enumerate(raw):
        where = f"$.apis[{place}]"
        if not isinstance(item, dict):
            report.error("APIS_TYPE", CONFIG, "An api must be an object.", "Use { }.", where)
            continue
        apis.append(_api(_fix_keys(item, where, report), where, report))
    seen = set()
    for place, api in enumerate(apis):
        key = (api["method"], api["url"])
        if key in seen:
            report.error(
                "API_TWICE",
                CONFIG,
                f"{api['method']} {api['url']} is declared twice.",
                "Keep one of them.",
                f"$.apis[{place}]",
            )
        seen.add(key)
    return apis


def _api(item: dict[str, Any], where: str, report: PackageReport) -> dict[str, Any]:
    url = item.get("url", "/")
    if not isinstance(url, str) or not url.startswith("/"):
        report.error(
            "API_URL",
            CONFIG,
            f"`url` is {said(url)}; it must be a path that starts with `/`.",
            'Use "/".',
            f"{where}.url",
        )
        url = "/"
    elif url != "/" and report.model_type not in ("Image", "Custom"):
        report.error(
            "API_URL",
            CONFIG,
            f"`url` is `{url}`; only Image and Custom may use a path other than `/`.",
            'Use "/".',
            f"{where}.url",
        )
    elif not is_path(url):
        report.error(
            "API_URL",
            CONFIG,
            f"`url` is `{url[:80]}`; it must be a plain path: no query, no template, no spaces.",
            'Example: "/predict".',
            f"{where}.url",
        )
    elif url == HEALTH and report.model_type == "Custom":
        report.error(
            "API_RESERVED",
            CONFIG,
            f"`{HEALTH}` is answered by the platform: it tells whether the instance is ready.",
            "Offer it to callers under another path; `health` may go on using this one.",
            f"{where}.url",
        )
    method = item.get("method", "POST")
    if not isinstance(method, str) or method.upper() not in METHODS:
        report.error(
            "API_METHOD",
            CONFIG,
            f"`method` is {said(method)}, which no API here can have.",
            f"Use one of {', '.join(METHODS)}.",
            f"{where}.method",
        )
        method = "POST"
    api: dict[str, Any] = {"url": url, "method": method.upper()}
    for side in ("request", "response"):
        if side in item:
            api[side] = _side(item[side], side, f"{where}.{side}", report)
    return api


def _side(raw: Any, side: str, where: str, report: PackageReport) -> dict[str, Any]:
    if not isinstance(raw, dict):
        report.error("API_SHAPE", CONFIG, f"`{side}` must be an object.", "Use { }.", where)
        return {"Content-type": JSON, "data": {}}
    raw = _fix_keys(raw, where, report)
    allowed = (JSON, MULTIPART)
    content_type = raw.get("Content-type")
    key = next((key for key in raw if key.lower().replace("_", "-") == "content-type"), None)
    if content_type is None and key is not None:
        content_type = raw[key]
        report.warn(
            "KEY_SPELLING",
            CONFIG,
            f"`{key}` was read as `Content-type`.",
            "Correct it.",
            f"{where}.{key}",
        )
    if content_type is None:
        content_type = JSON
        report.warn(
            "CONTENT_TYPE_MISSING",
            CONFIG,
            f"`{side}` has no Content-type; {JSON} was assumed.",
            f'Add "Content-type": "{JSON}".',
            where,
        )
    plain = content_type.strip().lower() if isinstance(content_type, str) else content_type
    if isinstance(plain, str) and plain in CONTENT_TYPE_TYPOS:
        report.warn(
            "CONTENT_TYPE_SPELLING",
            CONFIG,
            f"`{content_type}` was read as `{CONTENT_TYPE_TYPOS[plain]}`.",
            "Correct it.",
            f"{where}.Content-type",
        )
        plain = CONTENT_TYPE_TYPOS[plain]
    if plain not in allowed:
        report.error(
            "CONTENT_TYPE",
            CONFIG,
            f"The Content-type of `{side}` is {said(content_type)}, which is not known here.",
            f"Use {' or '.join(allowed)}.",
            f"{where}.Content-type",
        )
        plain = JSON
    return {
        "Content-type": plain,
        "data": _schema(raw.get("data", {}), f"{where}.data", report, plain == MULTIPART, 0),
    }


def _schema(
    raw: Any, where: str, report: PackageReport, files_allowed: bool, depth: int
) -> dict[str, Any]:
    """Check one JSON Schema node and return it with known misspellings corrected."""
    if not isinstance(raw, dict) or depth > MAX_DEPTH:
        report.error(
            "SCHEMA_SHAPE",
            CONFIG,
            "A JSON Schema must be an object, nested at most 20 deep.",
            'Example: {"type": "object", "properties": {}}.',
            where,
        )
        return {}
    node = _fix_keys(raw, where, report)
    kinds = node.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind is not None and kind not in SCHEMA_TYPES:
            report.error(
                "SCHEMA_TYPE",
                CONFIG,
                f"`type` is {said(kind)}, which JSON Schema does not have.",
                f"Use one of {', '.join(SCHEMA_TYPES)}.",
                f"{where}.type",
            )
        elif kind == "file" and not files_allowed:
            report.error(
                "FILE_IN_JSON",
                CONFIG,
                f"`type: file` needs the content type {MULTIPART}.",
                f"Set the request's Content-type to {MULTIPART}.",
                f"{where}.type",
            )
    properties = node.get("properties")
    if properties is not None:
        if isinstance(properties, dict):
            # Names below `properties` are the user's: `item` is no misspelling there.
            node["properties"] = {
                name: _schema(child, f"{where}.properties.{name}", report, files_allowed, depth + 1)
                for name, child in properties.items()
            }
        else:
            report.error(
                "SCHEMA_SHAPE",
                CONFIG,
                "`properties` must be an object.",
                "Use { }.",
                f"{where}.properties",
            )
            node.pop("properties")
    items = node.get("items")
    if isinstance(items, list):
        node["items"] = [
            _schema(child, f"{where}.items[{at}]", report, files_allowed, depth + 1)
            for at, child in enumerate(items)
        ]
    elif items is not None:
        node["items"] = _schema(items, f"{where}.items", report, files_allowed, depth + 1)
    required = node.get("required")
    if isinstance(required, bool):
        report.warn(
            "REQUIRED_FLAG",
            CONFIG,
            "`required` is true/false; JSON Schema wants a list of names on the object.",
            "Move the name into the object's `required` list.",
            f"{where}.required",
        )
        node.pop("required")
    elif required is not None and not (
        isinstance(required, list) and all(isinstance(name, str) for name in required)
    ):
        report.error(
            "SCHEMA_SHAPE",
            CONFIG,
            "`required` must be a list of names.",
            'Example: ["image"].',
            f"{where}.required",
        )
        node.pop("required")
    return node


def _fix_keys(raw: dict[str, Any], where: str, report: PackageReport) -> dict[str, Any]:
    fixed = {}
    for key, value in raw.items():
        right = KEY_TYPOS.get(key, key)
        if right != key and right not in raw:
            report.warn(
                "KEY_SPELLING",
                CONFIG,
                f"`{key}` was read as `{right}`.",
                "Correct it.",
                f"{where}.{key}",
            )
            fixed[right] = value
        else:
            fixed[key] = value
    return fixed
