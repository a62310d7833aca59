"""Secret values taken out of what a program prints, while it passes."""

from __future__ import annotations

from collections.abc import Iterable

LEAST = 7  # characters; shorter values would black out ordinary words
MASK = b"***"


class Masker:
    """Replaces every whole occurrence of some values by ``***``, also across pieces.

    What could be the beginning of a value is held back until the next piece tells, or until
    ``rest``. The work is linear in what passes, for each value.
    """

    def __init__(self, values: Iterable[str]) -> None:
        found = {value.encode() for value in values if len(value) >= LEAST}
        self._values = [(one, _failure(one)) for one in sorted(found, key=len, reverse=True)]
        self._held = b""

    def pass_on(self, data: bytes) -> bytes:
        """What may be written of ``data`` and of what was held back."""
        if not self._values:
            return data
        text = self._masked(self._held + data)
        keep = max(_beginning(text, value, failure) for value, failure in self._values)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> bytes:
        """What is held back when nothing follows."""
        held, self._held = self._held, b""
        return held

    def _masked(self, text: bytes) -> bytes:
        for value, _failure_table in self._values:
            text = text.replace(value, MASK)
        return text


def _beginning(text: bytes, value: bytes, failure: list[int]) -> int:
    """Length of the longest end of ``text`` with which ``value`` begins (Knuth, Morris, Pratt)."""
    matched = 0
    for byte in text[-(len(value) - 1) :]:
        while matched and byte != value[matched]:
            matched = failure[matched - 1]
        if byte == value[matched]:
            matched += 1
            if matched == len(value):
                matched = failure[matched - 1]
    return matched


def _failure(value: bytes) -> list[int]:
    table, matched = [0] * len(value), 0
    for at in range(1, len(value)):
        while matched and value[at] != value[matched]:
            matched = table[matched - 1]
        if value[at] == value[matched]:
            matched += 1
        table[at] = matched
    return table
