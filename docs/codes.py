"""Write docs/codes.md from the catalogues: ``.venv/bin/python docs/codes.py``.

A catalogue is a ``messages.py``, ``reasons.py`` or ``grammar.py`` of a room (core/codes.py).
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/codes.md"
HEAD = """# Codes of messages

What the rooms say, as their catalogues hold it
([mechanisms/errors.md](mechanisms/errors.md#messages)).
`.venv/bin/python docs/codes.py` writes this page; a test compares. *Code* stands in rows. *API* is
the code in an answer of the API, where it is not that of the error's class. In braces stand
parameters.
"""


def catalogues() -> list[str]:
    """Modules that hold a catalogue, by room."""
    found = [
        one for name in ("messages", "reasons", "grammar") for one in ROOT.glob(f"*/{name}.py")
    ]
    return sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in found)


def page() -> str:
    """The whole page."""
    from core.codes import known

    for name in catalogues():
        importlib.import_module(name)
    rooms: dict[str, list[str]] = {}
    for key, code in sorted(known().items()):
        room, _dot, name = key.partition(".")
        cells = (
            f"`{name}`",
            f"`{code.code}`" if code.code else "",
            _cell(code.text),
            _cell(code.next),
        )
        rooms.setdefault(room, []).append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    parts = [HEAD]
    for room, rows in rooms.items():
        parts.append(
            "\n".join(
                (
                    f"## {room}",
                    "",
                    "| code | API | says | next step |",
                    "|---|---|---|---|",
                    *rows,
                    "",
                )
            )
        )
    return "\n".join(parts)


def _cell(text: str) -> str:
    shown = text.replace("{{", "{").replace("}}", "}").replace("|", "\\|")
    return shown.replace("`", "").replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: written\n")
