"""Reading IDX files in a child with a budget: their headers and compressed bytes are a tenant's."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from itertools import islice
from typing import Any

from core.budget import run_bounded
from core.said import data_of, made

from .reader import IdxError, IdxStream, Opener
from .roles import find_roles
from .sample import Sample
from .validate import IdxReport, Problem, SplitSummary, validate

MEMORY_BYTES = 256 * 1024 * 1024
CHECK_CPU_SECONDS = 40.0
CHECK_WALL_SECONDS = 45.0
PAGE_CPU_SECONDS = 4.0
PAGE_WALL_SECONDS = 10.0
MAX_PROBLEMS = 200  # findings that are told; the number of all is in the report


def validate_bounded(
    files: Mapping[str, Opener], *, classes: int, tick: Callable[[], None] | None = None
) -> IdxReport:
    """`validate` in a child. Raises core.budget.Exceeded, and what ``files`` and ``tick`` raise."""
    found = run_bounded(
        "datasets.idx.bounded:check",
        classes,
        cpu_seconds=CHECK_CPU_SECONDS,
        memory_bytes=MEMORY_BYTES,
        wall_seconds=CHECK_WALL_SECONDS,
        files=files,
        tick=tick,
        patient=True,
    )
    splits = {
        name: SplitSummary(count, rows, cols, {int(label): n for label, n in histogram})
        for name, (count, rows, cols, histogram) in found["splits"].items()
    }
    problems = [_problem(one, one.pop("said")) for one in found["problems"]]
    return IdxReport(problems, splits, found["value_bytes"], found["more"])


def _problem(found: dict[str, Any], said: dict[str, Any]) -> Problem:
    """A problem as it came over the wire."""
    return Problem(**{**found, "message": made(found["message"], said, found["fix"]), "fix": ""})


def check(classes: int, files: Mapping[str, Opener]) -> dict[str, Any]:
    """The child's side."""
    report = validate(files, classes=classes)
    problems = sorted(report.problems, key=lambda one: one.level != "error")
    return {
        "problems": [
            {**asdict(one), "said": data_of(one.message)} for one in problems[:MAX_PROBLEMS]
        ],
        "more": max(0, len(problems) - MAX_PROBLEMS),
        "value_bytes": report.value_bytes,
        "splits": {
            name: [one.count, one.rows, one.cols, sorted(one.histogram.items())]
            for name, one in report.splits.items()
        },
    }


def window_bounded(
    files: Mapping[str, Opener], split: str, first: int, count: int
) -> tuple[tuple[Sample, ...], int] | None:
    """``count`` pictures of a split from the place ``first`` on, and how many it has in all; None
    when its two files are not there.

    Raises IdxError where the data breaks the format, core.budget.Exceeded, OSError of the store.
    """
    roles, _others = find_roles(files)
    chosen = {role.kind: found[0] for role, found in roles.items() if role.split == split and found}
    if set(chosen) != {"images", "labels"}:
        return None
    found = run_bounded(
        "datasets.idx.bounded:pictures",
        {"split": split, "first": first, "count": count},
        cpu_seconds=PAGE_CPU_SECONDS,
        memory_bytes=MEMORY_BYTES,
        wall_seconds=PAGE_WALL_SECONDS,
        files={name: files[name] for name in chosen.values()},
    )
    if "error" in found:
        error, said = found["error"], found["said"]
        raise IdxError(**{**error, "message": made(error["message"], said)})
    pixels, size = base64.b64decode(found["pixels"]), found["rows"] * found["cols"]
    samples = tuple(
        Sample(first + at, label, found["rows"], found["cols"], pixels[at * size : (at + 1) * size])
        for at, label in enumerate(found["labels"])
    )
    return samples, found["total"]


def pictures(given: dict[str, Any], files: Mapping[str, Opener]) -> dict[str, Any]:
    """The child's side."""
    roles, _others = find_roles(files)
    (image_role, images_name), (label_role, labels_name) = (
        (role, found[0])
        for kind in ("images", "labels")
        for role, found in roles.items()
        if role.split == given["split"] and role.kind == kind
    )
    first, count = given["first"], given["count"]
    try:
        with (
            IdxStream(files[images_name], name=images_name, dims=image_role.dims) as images,
            IdxStream(files[labels_name], name=labels_name, dims=label_role.dims) as labels,
            closing(images.items()) as pixels,
            closing(labels.items()) as marks,
        ):
            both = list(islice(zip(pixels, marks, strict=False), first, first + count))
            _count, rows, cols = images.dims
            return {
                "rows": rows,
                "cols": cols,
                "total": min(images.dims[0], labels.dims[0]),
                "labels": [mark[0] for _values, mark in both],
                "pixels": base64.b64encode(b"".join(values for values, _mark in both)).decode(),
            }
    except IdxError as error:
        return {
            "error": {
                name: getattr(error, name)
                for name in ("code", "message", "offset", "in_compressed")
            },
            "said": error.message.data,
        }
