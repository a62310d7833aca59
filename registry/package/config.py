"""config.json: read it, check every field, normalise what documents and samples misspell."""

from __future__ import annotations

import codecs
from collections.abc import Collection
from typing import Any

from core import strict_json
from core.visible import unkeepable

from .apis import check_apis
from .dependencies import check_dependencies
from .example import is_too_large
from .layout import CONFIG, PRESET_TYPES
from .own_server import OWN_FIELDS, check_health, check_own_server
from .report import Opener, PackageReport

MAX_CONFIG_BYTES = 1024 * 1024
MODEL_TYPES = (*PRESET_TYPES, "Image", "Custom")
ALGORITHMS = ("image_classification", "object_detection", "predict_analysis")
FORBIDDEN = "&!'\"<>="
METRICS = ("f1", "recall", "precision", "accuracy")
FIELDS = {
    "model_algorithm",
    "model_type",
    "runtime",
    "swr_location",
    "metrics",
    "apis",
    "dependencies",
    "health",
    *OWN_FIELDS,
}


#: kinds of ``strict_json.Refused`` with a code of their own, and how to mend them in a package
REFUSED = {
    "encoding": ("CONFIG_ENCODING", "Save it as UTF-8."),
    "twice": ("CONFIG_DUPLICATE_KEY", "Keep one of them."),
    "syntax": (
        "CONFIG_JSON",
        "Correct the place; a trailing comma or a single quote is the usual cause.",
    ),
    "number": ("CONFIG_JSON", "Shorten it."),
}


def read_config(opener: Opener, report: PackageReport) -> dict[str, Any] | None:
    """Parse config.json into an object, or record why not and return None."""
    if opener.size > MAX_CONFIG_BYTES:
        report.error(
            "CONFIG_TOO_LARGE",
            CONFIG,
            f"config.json has {opener.size:,} bytes; the limit is {MAX_CONFIG_BYTES:,}.",
            "It holds settings only; move data to another file.",
        )
        return None
    with opener.open() as file:
        data = file.read(MAX_CONFIG_BYTES + 1)
    if data.startswith(codecs.BOM_UTF8):
        data = data.removeprefix(codecs.BOM_UTF8)
        report.warn(
            "CONFIG_BOM", CONFIG, "config.json starts with a byte order mark.", "Save it without."
        )
    try:
        raw = strict_json.read(data)
    except strict_json.Refused as error:
        code, fix = REFUSED.get(error.kind, ("CONFIG_JSON", error.hint))
        place = f"line {error.line}" if error.line else ""
        report.error(code, CONFIG, f"config.json {error}", fix, place)
        return None
    if _unkeepable(raw):
        report.error(
            "CONFIG_JSON",
            CONFIG,
            "config.json holds U+0000 or half a surrogate pair in a text; no database keeps that.",
            "Take it out, or write the bytes as base64.",
        )
        return None
    if not isinstance(raw, dict):
        report.error(
            "CONFIG_JSON", CONFIG, "config.json must be one JSON object.", "Wrap it in { }.", "$"
        )
        return None
    return raw


def _unkeepable(raw: Any) -> bool:
    """Whether any text in it is one that no database keeps."""
    waiting = [raw]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and unkeepable(value):
            return True
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
    return False


def check_config(raw: dict[str, Any], report: PackageReport, files: Collection[str] = ()) -> None:
    """Check every field; fill ``report.config`` with the normalised content.

    ``files``: paths of the package, for the fields that name one.
    """
    config: dict[str, Any] = {}
    report.config = config
    for key in sorted(set(raw) - FIELDS):
        report.warn(
            "UNKNOWN_FIELD",
            CONFIG,
            f"`{key}` is not a field of config.json and is ignored.",
            "Remove it or correct its spelling.",
            f"$.{key}",
        )
    _algorithm(raw, config, report)
    _model_type(raw, config, report)
    _runtime(raw, config, report)
    if "metrics" in raw:
        _metrics(raw["metrics"], config, report)
    if "apis" in raw:
        config["apis"] = check_apis(raw["apis"], report)
        if is_too_large(config):
            report.warn(
                "EXAMPLE_TOO_LARGE",
                CONFIG,
                "The example request that `apis` describes has more than 1,000 values or 64 KiB; "
                "it is not built, so whether an instance is ready is judged by its health alone.",
                "Give `data` a short `example`, or lower `minItems` and `minLength`.",
                "$.apis[0].request.data",
            )
    if "dependencies" in raw:
        config["dependencies"] = check_dependencies(raw["dependencies"], report)
    if "health" in raw:
        _health(raw["health"], config, report)
    check_own_server(raw, config, report, files)


def _text(raw: dict[str, Any], key: str, report: PackageReport) -> str:
    value = raw.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        report.error(
            "FIELD_TYPE", CONFIG, f"`{key}` must be text.", "Put it in quotes.", f"$.{key}"
        )
        return ""
    if value != value.strip():
        report.warn(
            "FIELD_TRIMMED", CONFIG, f"`{key}` has spaces around it.", "Remove them.", f"$.{key}"
        )
    return value.strip()


def _algorithm(raw: dict[str, Any], config: dict[str, Any], report: PackageReport) -> None:
    value = _text(raw, "model_algorithm", report)
    where = "$.model_algorithm"
    if not value:
        report.error(
            "ALGORITHM_MISSING",
            CONFIG,
            "`model_algorithm` is required.",
            f"Use one of {', '.join(ALGORITHMS)}, or your own word.",
            where,
        )
        return
    config["model_algorithm"] = value
    if len(value) > 36:
        report.error(
            "ALGORITHM_LONG",
            CONFIG,
            f"`model_algorithm` has {len(value)} characters; at most 36 are allowed.",
            "Shorten it.",
            where,
        )
    if not (value[0].isascii() and value[0].isalpha()):
        report.error(
            "ALGORITHM_START",
            CONFIG,
            f"`model_algorithm` is `{value}`; it must start with a letter.",
            "Start it with a to z.",
            where,
        )
    bad = sorted({char for char in value if char in FORBIDDEN or not char.isascii()})
    if bad:
        report.error(
            "ALGORITHM_CHARS",
            CONFIG,
            f"`model_algorithm` contains {' '.join(bad)}; none of & ! ' \" < > = and no "
            "characters outside ASCII are allowed.",
            "Remove them.",
            where,
        )


def _model_type(raw: dict[str, Any], config: dict[str, Any], report: PackageReport) -> None:
    value = _text(raw, "model_type", report)
    if not value:
        report.error(
            "TYPE_MISSING",
            CONFIG,
            "`model_type` is required.",
            f"Use one of {', '.join(MODEL_TYPES)}.",
            "$.model_type",
        )
        return
    flat = {name.lower().replace("_", ""): name for name in MODEL_TYPES}
    known = flat.get(value.lower().replace("_", "").replace("-", ""))
    if known is None:
        report.error(
            "TYPE_UNKNOWN",
            CONFIG,
            f"`model_type` is `{value}`, which is no known type.",
            f"Use one of {', '.join(MODEL_TYPES)}.",
            "$.model_type",
        )
        return
    if known != value:
        report.warn(
            "TYPE_SPELLING",
            CONFIG,
            f"`{value}` was read as `{known}`.",
            f"Write `{known}`.",
            "$.model_type",
        )
    config["model_type"] = report.model_type = known


def _runtime(raw: dict[str, Any], config: dict[str, Any], report: PackageReport) -> None:
    runtime = _text(raw, "runtime", report)
    location = _text(raw, "swr_location", report)
    if report.model_type == "Image":
        if runtime:
            report.error(
                "RUNTIME_WITH_IMAGE",
                CONFIG,
                "`runtime` is not allowed when model_type is Image.",
                "Remove it; the image is the runtime.",
                "$.runtime",
            )
        if not location:
            report.error(
                "IMAGE_MISSING",
                CONFIG,
                "`swr_location` is required when model_type is Image.",
                "Write the image's address.",
                "$.swr_location",
            )
    elif report.model_type in PRESET_TYPES and not runtime:
        report.error(
            "RUNTIME_MISSING",
            CONFIG,
            "`runtime` is required: its default changed between versions of the platform.",
            "Write the engine's name, for example `python_3.11-sklearn-cpu`.",
            "$.runtime",
        )
    if runtime:
        config["runtime"] = report.runtime = runtime
    if location:
        config["swr_location"] = location
        if report.model_type in PRESET_TYPES:
            report.warn(
                "IMAGE_IGNORED",
                CONFIG,
                "`swr_location` has no meaning with a preset engine.",
                "Remove it, or set model_type to Image.",
                "$.swr_location",
            )


def _metrics(raw: Any, config: dict[str, Any], report: PackageReport) -> None:
    if not isinstance(raw, dict):
        report.error("FIELD_TYPE", CONFIG, "`metrics` must be an object.", "Use { }.", "$.metrics")
        return
    metrics: dict[str, float] = {}
    for name, value in raw.items():
        where = f"$.metrics.{name}"
        if name not in METRICS:
            report.warn(
                "METRIC_UNKNOWN",
                CONFIG,
                f"`{name}` is none of {', '.join(METRICS)}; it is kept but not shown.",
                "Rename or remove it.",
                where,
            )
        if isinstance(value, str):
            try:
                number = float(value)
            except ValueError:
                number = None
            if number is not None:
                report.warn(
                    "METRIC_TEXT", CONFIG, f"`{name}` is text.", "Write it without quotes.", where
                )
                value = number
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            report.error(
                "METRIC_TYPE", CONFIG, f"`{name}` must be a number.", "Write a number.", where
            )
            continue
        metrics[name] = value
    config["metrics"] = metrics


def _health(raw: Any, config: dict[str, Any], report: PackageReport) -> None:
    if report.model_type in PRESET_TYPES:
        report.warn(
            "HEALTH_IGNORED",
            CONFIG,
            "`health` applies to Image and Custom only; preset engines answer /health themselves.",
            "Remove it.",
            "$.health",
        )
        return
    check_health(raw, config, report)
