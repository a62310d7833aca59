"""Small pieces of a streamed answer: a slow stream's are passed on at once, a fast one's together.

A language model says some tens of words a second, and each of them is wanted at once. A model that
sends thousands of pieces a second would make the gateway, and its caller, work for each.
"""

from __future__ import annotations

#: bytes; a larger piece is passed on when it comes
SMALL = 1024
#: seconds that what follows a small piece gathers, where nothing came during the last pause, and
#: where something always does
LEAST, MOST = 0.002, 0.02


class Gathering:
    """The pauses of one stream."""

    def __init__(self) -> None:
        self._pause = LEAST

    def after(self, size: int, came_meanwhile: bool) -> float:
        """Seconds to wait after a piece of ``size`` bytes was passed on, until the next is looked
        for. ``came_meanwhile``: it was there already when the pause before it had ended."""
        self._pause = min(MOST, self._pause * 2) if came_meanwhile else LEAST
        return self._pause if size < SMALL else 0.0
