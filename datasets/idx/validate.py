"""Validate a dataset in MNIST layout: every file by itself, then the files against each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.said import Said

from .reader import IdxError, IdxStream, Opener
from .roles import Role, find_roles
from .sentences import say

DEFAULT_CLASSES = 10


@dataclass(frozen=True)
class Problem:
    """One finding. ``level`` is ``error`` (data unusable) or ``warning``. The fix is the next step
    of the message unless given."""

    code: str
    file: str
    message: str
    fix: str = ""
    offset: int | None = None
    in_compressed: bool = False
    level: str = "error"

    def __post_init__(self) -> None:
        if not self.fix and isinstance(self.message, Said):
            object.__setattr__(self, "fix", self.message.next)


@dataclass(frozen=True)
class SplitSummary:
    """What one split holds: number of images, their size, and labels by class."""

    count: int
    rows: int
    cols: int
    histogram: dict[int, int]


@dataclass
class IdxReport:
    """All problems at once, and a summary of every split whose two files agree."""

    problems: list[Problem] = field(default_factory=list)
    splits: dict[str, SplitSummary] = field(default_factory=dict)
    value_bytes: int = 0
    more: int = 0  # problems that are not listed

    @property
    def ok(self) -> bool:
        """No error; warnings are allowed."""
        return not any(problem.level == "error" for problem in self.problems)

    def summary(self) -> dict[str, dict[str, object]]:
        """The splits as JSON-ready data: count, shape, classes, histogram."""
        return {
            name: {
                "count": split.count,
                "shape": [split.rows, split.cols],
                "classes": len(split.histogram),
                "histogram": {str(label): n for label, n in sorted(split.histogram.items())},
            }
            for name, split in self.splits.items()
        }


@dataclass
class _Scan:
    """What reading one file from end to end gave."""

    name: str
    dims: tuple[int, ...]
    histogram: Counter[int]


def validate(files: Mapping[str, Opener], *, classes: int = DEFAULT_CLASSES) -> IdxReport:
    """Read every file once, front to back, and report every broken rule.

    Args:
        files: object name to a callable that opens its bytes. A folder prefix is allowed.
        classes: labels must be below this number.

    Never raises for bad data; an OSError of the store passes through, because then nothing
    is known about the data.
    """
    report = IdxReport()
    roles, others = find_roles(files)
    scans: dict[Role, _Scan] = {}
    for role, names in roles.items():
        if not names:
            report.problems.append(
                Problem(
                    "MISSING_FILE",
                    role.stem + ".gz",
                    say(f"IDX_NO_{role.kind.upper()}", stem=role.stem, split=role.split),
                )
            )
            continue
        if len(names) > 1:
            listing = ", ".join(f"`{name}`" for name in names)
            report.problems.append(
                Problem(
                    "DUPLICATE_ROLE",
                    names[1],
                    say(f"IDX_{role.kind.upper()}_TWICE", names=listing, split=role.split),
                )
            )
        scan = _scan(files[names[0]], names[0], role, classes, report)
        if scan is not None:
            scans[role] = scan
            report.value_bytes += math.prod(scan.dims)
    for name in others:
        report.problems.append(
            Problem(
                "UNKNOWN_FILE",
                name,
                say("IDX_UNKNOWN_FILE", name=name),
                level="warning",
            )
        )
    _compare(scans, classes, report)
    return report


def _scan(opener: Opener, name: str, role: Role, classes: int, report: IdxReport) -> _Scan | None:
    histogram: Counter[int] = Counter()
    try:
        with IdxStream(opener, name=name, dims=role.dims) as stream:
            position = 4 + 4 * role.dims
            first_bad: int | None = None
            for chunk in stream.values():
                if role.kind == "labels":
                    counts = Counter(chunk)
                    histogram.update(counts)
                    if first_bad is None and any(label >= classes for label in counts):
                        first_bad = position + next(
                            i for i, label in enumerate(chunk) if label >= classes
                        )
                position += len(chunk)
            if first_bad is not None:
                bad = {label: n for label, n in histogram.items() if label >= classes}
                report.problems.append(
                    Problem(
                        "LABEL_RANGE",
                        name,
                        say(
                            "IDX_LABEL_RANGE",
                            name=name,
                            n=sum(bad.values()),
                            last=classes - 1,
                            labels=", ".join(map(str, sorted(bad)[:8])),
                            offset=first_bad,
                        ),
                        offset=first_bad,
                    )
                )
            return _Scan(name, stream.dims, histogram)
    except IdxError as error:
        report.problems.append(
            Problem(
                error.code,
                name,
                error.message,
                offset=error.offset,
                in_compressed=error.in_compressed,
            )
        )
        return None


def _compare(scans: dict[Role, _Scan], classes: int, report: IdxReport) -> None:
    by_place = {(role.split, role.kind): scan for role, scan in scans.items()}
    for split in ("train", "test"):
        images, labels = by_place.get((split, "images")), by_place.get((split, "labels"))
        if images is None or labels is None:
            continue
        if images.dims[0] != labels.dims[0]:
            report.problems.append(
                Problem(
                    "COUNT_MISMATCH",
                    labels.name,
                    say(
                        "IDX_COUNT_MISMATCH",
                        images=images.name,
                        n_images=images.dims[0],
                        labels=labels.name,
                        n_labels=labels.dims[0],
                    ),
                    offset=4,
                )
            )
            continue
        report.splits[split] = SplitSummary(
            images.dims[0], images.dims[1], images.dims[2], dict(labels.histogram)
        )
        missing = sorted(set(range(classes)) - set(labels.histogram))
        if missing:
            report.problems.append(
                Problem(
                    "CLASS_MISSING",
                    labels.name,
                    say(
                        "IDX_CLASS_MISSING",
                        name=labels.name,
                        classes=", ".join(map(str, missing)),
                    ),
                    level="warning",
                )
            )
    train, test = by_place.get(("train", "images")), by_place.get(("test", "images"))
    if train and test and train.dims[1:] != test.dims[1:]:
        report.problems.append(
            Problem(
                "SHAPE_MISMATCH",
                test.name,
                say(
                    "IDX_SHAPE_MISMATCH",
                    train=train.name,
                    rows=train.dims[1],
                    cols=train.dims[2],
                    test=test.name,
                    test_rows=test.dims[1],
                    test_cols=test.dims[2],
                ),
                offset=8,
            )
        )
