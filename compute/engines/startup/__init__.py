"""Files that every engine loads when its interpreter starts; not part of the platform's process.

`modelyard_compat.pth` imports `modelyard_compat.py`, which says what it supplies.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = ("modelyard_compat.py", "modelyard_compat.pth")


def content() -> dict[str, str]:
    """File name -> text."""
    return {name: (HERE / name).read_text() for name in FILES}


def put(environment: Path) -> None:
    """Write the files into the environment's site-packages. Raises OSError."""
    (packages,) = environment.glob("lib/python3*/site-packages")
    for name, text in content().items():
        (packages / name).write_text(text)
