"""The bytes that fill.py stores."""

from __future__ import annotations

import random

KEYS = 24


def data(number: int) -> bytes:
    """Of sizes from nothing to some pieces; every fourth is like the one before."""
    number -= number % 4 == 3
    size = (1000, 0, 100_000, 1, 3_000_000)[number % 5]
    return random.Random(number).randbytes(size)
