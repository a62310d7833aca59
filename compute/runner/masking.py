"""Secret values taken out of what a program prints, while it passes."""

from __future__ import annotations

from collections.abc import Iterable

LEAST = 7  # characters; shorter values would black out ordinary words
MASK = b"***"


class Masker:
    """Replaces every whole occurrence of some values by ``***``, also across pieces; occurrences
    that overlap are one.

    What could be the beginning of a value is held back until the next piece tells, or until
    ``rest``. The work is linear in what passes, for each value.
    """

    def __init__(self, values: Iterable[str]) -> None:
        found = {value.encode() for value in values if len(value) >= LEAST}
        self._values = [(one, _failure(one)) for one in sorted(found)]
        self._held = b""
        self._covered = 0  # bytes at the beginning of what is held that are shown as *** already

    def pass_on(self, data: bytes) -> bytes:
        """What may be written of ``data`` and of what was held back."""
        if not self._values:
            return data
        text = self._held + data
        held = max(_beginning(text, value, failure) for value, failure in self._values)
        return self._masked(text, len(text) - held)

    def rest(self) -> bytes:
        """What is held back when nothing follows."""
        return self._masked(self._held, len(self._held))

    def _masked(self, text: bytes, until: int) -> bytes:
        """``text`` up to ``until``; what lies behind is held back. A value that begins before
        ``until`` and ends behind it is shown, and the rest of it is covered."""
        shown, at = [], self._covered
        for start, end in self._spans(text):
            if start >= until:
                break
            if start >= at:
                shown += [text[at:start], MASK]
            at = max(at, end)
        if at < until:
            shown.append(text[at:until])
        self._held, self._covered = text[until:], max(at - until, 0)
        return b"".join(shown)

    def _spans(self, text: bytes) -> list[tuple[int, int]]:
        """(start, end) of every occurrence, in order."""
        found = []
        for value, failure in self._values:
            period = len(value) - failure[-1]  # no two occurrences are closer
            at = text.find(value)
            while at >= 0:
                found.append((at, at + len(value)))
                at = text.find(value, at + period)
        return sorted(found)


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
