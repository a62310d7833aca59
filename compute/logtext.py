"""A part of a log as readers get it: text without anything that acts on them, and whose it is.

Offsets are bytes of the kept stream. `marks` say which characters of `text` are the platform's own
words: a program may print the same, but is never marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from compute.backends.base import LogChunk
from compute.runner.log import GAP, PREFIX, PROGRAM, Part
from core.visible import visible_lines

LEAST = 64  # bytes that are asked for at least: what is held back at a cut is shorter
COLOUR = 22  # bytes of the longest colour that is one
_OPEN, _DIGITS = frozenset(b"["), frozenset(b"0123456789;")


def rendered(chunk: LogChunk, *, colours: bool = False) -> dict[str, Any]:
    """``text``, ``marks`` ([{start, length, kind}], counted in characters of the text), ``next``
    and ``eof``.

    What a cut leaves incomplete at the end (a character, a colour, a line end of two bytes) waits
    for the next part. ``colours``: colours stay, and carriage returns, for a reader that draws
    them (the log page); else they are left out.
    """
    parts = list(chunk.parts or ((Part(PROGRAM, chunk.data),) if chunk.data else ()))
    held = 0
    if parts and not chunk.eof and parts[-1].kind != GAP:
        kind, data = parts.pop()
        held = incomplete(data)
        parts.append(Part(kind, data[: len(data) - held]))
    text, marks = "", []
    for kind, data in parts:
        piece = data.decode("utf-8", "replace")
        piece = coloured(piece) if colours else plain(piece)
        if kind != PROGRAM:
            blank = len(piece) - len(piece.lstrip("\n"))  # a gap ends the line before it
            marks.append({"start": len(text) + blank, "length": len(piece) - blank, "kind": kind})
        text += piece
    return {
        "text": text,
        "marks": marks,
        "next": chunk.next_offset - held,
        "eof": chunk.eof,
    }


def incomplete(data: bytes) -> int:
    """Bytes at the end of ``data`` that belong to what follows."""
    escape = data.rfind(b"\x1b", -COLOUR)
    begun = _OPEN.issuperset(data[escape + 1 : escape + 2])
    if escape >= 0 and begun and _DIGITS.issuperset(data[escape + 2 :]):
        return len(data) - escape
    if data.endswith(b"\r"):
        return 1
    for back in range(1, min(4, len(data) + 1)):
        first = data[-back]
        if first >= 0xC0:  # starts a character of so many bytes
            whole = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
            return back if back < whole else 0
        if first < 0x80:
            return 0
    return 0


def plain(text: str) -> str:
    """Without colours; every other character that acts on a reader is visible."""
    return "".join(piece if colour is None else "" for piece, colour in _pieces(text)).replace(
        "\r", "\n"
    )


def coloured(text: str) -> str:
    """With the colours, and carriage returns, that the log page draws."""
    return "".join(piece if colour is None else colour for piece, colour in _pieces(text))


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """(visible text, None) and ("", colour) in order."""
    first, *rest = text.replace("\r\n", "\n").split("\x1b")
    yield _visible(first), None
    for part in rest:
        end = part.find("m", 1, COLOUR)
        if part.startswith("[") and end > 0 and set(part[1:end]) <= set("0123456789;"):
            yield "", f"\x1b{part[: end + 1]}"
            yield _visible(part[end + 1 :]), None
        else:
            yield _visible(f"\x1b{part}"), None


def _visible(text: str) -> str:
    return "\r".join(visible_lines(piece) for piece in text.split("\r"))


def download(read: Callable[[int], LogChunk]) -> Iterator[bytes]:
    """A whole log as a file. ``read`` gives the part at an offset. A file has no marks: a line of
    the program that begins like one of the platform's gets a backslash in front."""
    sign = PREFIX.decode()
    offset, before, held = 0, "\n", ""
    while True:
        found = rendered(read(offset))
        text, out = found["text"], []
        at = 0
        for mark in [*found["marks"], {"start": len(text), "length": 0}]:
            printed = held + text[at : mark["start"]]
            at = mark["start"] + mark["length"]
            start = printed.rfind("\n") + 1
            cut = mark["length"] == 0 and 0 < len(printed) - start < len(sign)
            held = printed[start:] if cut and sign.startswith(printed[start:]) else ""
            printed = printed.removesuffix(held)
            for piece in (_signed(before, printed, sign), text[mark["start"] : at]):
                out.append(piece)
                before = piece[-1:] or before
        if found["next"] == offset:
            yield "".join([*out, held]).encode()
            return
        yield "".join(out).encode()
        offset = found["next"]


def _signed(before: str, printed: str, sign: str) -> str:
    """``before``: the character that stands before."""
    return f"{before}{printed}".replace(f"\n{sign}", f"\n\\{sign}")[1:]
