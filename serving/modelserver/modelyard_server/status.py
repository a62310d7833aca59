"""What the platform reads from standard output: one line, one word, one JSON object."""

from __future__ import annotations

import json
import sys
import time
import traceback
from pathlib import Path

STATUS = "MODELYARD_STATUS"
LOAD_FAILED = "MODELYARD_LOAD_FAILED"


class Progress:
    """The stage the server is in (starting, import, load, ready, draining) and since when."""

    def __init__(self) -> None:
        self.stage = "starting"
        self._started = self._since = time.monotonic()

    def enter(self, stage: str, **more: object) -> None:
        """Move to ``stage`` and write a line with the seconds spent in the stage before."""
        now = time.monotonic()
        emit(
            STATUS,
            {
                "stage": stage,
                "before": self.stage,
                "seconds": round(now - self._since, 3),
                "total_seconds": round(now - self._started, 3),
                **more,
            },
        )
        self.stage, self._since = stage, now


def emit(word: str, content: dict[str, object]) -> None:
    """Write one line at once, unbroken by other writers."""
    sys.stdout.write(f"{word} {json.dumps(content, default=str)}\n")
    sys.stdout.flush()


def describe(error: BaseException, model_dir: Path) -> dict[str, object]:
    """Last exception line and the innermost place in the package's own code.

    Returns ``error``, ``type``, ``file`` (relative to the model directory) and ``line``.
    """
    text = traceback.format_exception_only(error)[-1].strip()
    found: dict[str, object] = {"error": text, "type": type(error).__name__}
    if isinstance(error, SyntaxError) and error.filename:
        frames = [(error.filename, error.lineno)]
    else:
        frames = [
            (frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)
        ]
    root = model_dir.resolve()
    for filename, line in reversed(frames):
        path = Path(filename)
        if path.is_absolute() and root in path.parents:
            return found | {"file": path.relative_to(root).as_posix(), "line": line}
    return found


def hint(error: BaseException) -> dict[str, str]:
    """``reason`` (NO_MODULE, PACKAGE or USER_CODE) and, where one is known, the next step."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return {
            "reason": "NO_MODULE",
            "hint": f"The package `{package}` is missing in this engine. Choose an engine that has "
            "it, put its Python files into the model directory, or drop the import.",
        }
    if type(error).__name__ == "PackageError":
        return {"reason": "PACKAGE"}
    return {"reason": "USER_CODE"}


def sentence(place: dict[str, object]) -> str:
    """``ValueError: bad picture (customize_service.py:42)``."""
    where = f" ({place['file']}:{place['line']})" if "file" in place else ""
    return f"{place['error']}{where}"
