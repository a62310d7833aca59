"""What goes into an inspection and what comes out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from core.visible import visible

MAX_PROBLEMS = 100  # findings of one level that are kept; the rest is counted
MAX_TEXT = 1000  # characters of a sentence
MAX_PLACE = 300  # of a place or a file


@dataclass(frozen=True)
class Opener:
    """One file of a package: its size in bytes, how to open it, and whether it is a link."""

    size: int
    open: Callable[[], BinaryIO]
    is_link: bool = False


@dataclass(frozen=True)
class Problem:
    """One finding: ``level`` is ``error`` (cannot be published) or ``warning``.

    ``where`` is a JSON path for config.json and ``line N`` for code.
    """

    code: str
    file: str
    message: str
    fix: str
    where: str = ""
    level: str = "error"


@dataclass
class PackageReport:
    """All problems at once, and what could be read from the package."""

    problems: list[Problem] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)  # normalised config.json
    model_type: str = ""
    runtime: str = ""  # as asked for in config.json
    engine: str = ""  # the installed engine that will run it, "" when there is none
    weights: str = ""  # path of the model file, or of the model directory
    service_class: str = ""
    base_class: str = ""
    total_size: int = 0
    file_count: int = 0
    errors: int = 0
    warnings: int = 0  # of both, those that are not kept are counted as well

    @property
    def ok(self) -> bool:
        """No error; warnings are allowed."""
        return not self.errors

    @property
    def apis(self) -> list[dict[str, Any]]:
        """The normalised ``apis`` of config.json."""
        apis: list[dict[str, Any]] = self.config.get("apis", [])
        return apis

    def error(self, code: str, file: str, message: str, fix: str, where: str = "") -> None:
        """Record something that forbids publishing."""
        self.errors += 1
        if self.errors <= MAX_PROBLEMS:
            self._keep(code, file, message, fix, where, "error")

    def warn(self, code: str, file: str, message: str, fix: str, where: str = "") -> None:
        """Record something that was normalised or deserves a look."""
        self.warnings += 1
        if self.warnings <= MAX_PROBLEMS:
            self._keep(code, file, message, fix, where, "warning")

    def _keep(self, code: str, file: str, message: str, fix: str, where: str, level: str) -> None:
        """Bounded and readable: a package chooses the names in it, and how long they are."""
        self.problems.append(
            Problem(
                code,
                _short(file, MAX_PLACE),
                _short(message, MAX_TEXT),
                _short(fix, MAX_TEXT),
                _short(where, MAX_PLACE),
                level,
            )
        )


def _short(text: str, limit: int) -> str:
    return visible(text[: limit + 1]) if len(text) <= limit else f"{visible(text[:limit])}…"


def said(value: Any) -> str:
    """A value of config.json as it stands there, shortened, for a sentence about it."""
    plain = isinstance(value, str) and value.isprintable()  # else JSON's escapes: it is stored
    text = value if plain else json.dumps(value)
    return f"`{text[:40]}`" if text else "empty"


def _reader(path: Path) -> BinaryIO:
    return path.open("rb")


def from_directory(root: Path) -> dict[str, Opener]:
    """Describe every file below ``root`` (the parent of ``model``); links are not followed."""
    files: dict[str, Opener] = {}
    for folder, folders, names in os.walk(root, followlinks=False):
        here = Path(folder)
        for name in names + [entry for entry in folders if (here / entry).is_symlink()]:
            path = here / name
            files[path.relative_to(root).as_posix()] = Opener(
                path.lstat().st_size, partial(_reader, path), path.is_symlink()
            )
    return files
