"""The body of an answer, which http.client hands out without a word where the connection broke."""

from __future__ import annotations

import http.client


class CutOff(http.client.HTTPException):
    """The connection ended before the answer did."""


class TooLong(http.client.HTTPException):
    """The answer goes on beyond the limit."""


def read(answer: http.client.HTTPResponse, limit: int) -> bytes:
    """The whole body, at most ``limit`` bytes. Raises CutOff, TooLong, OSError.

    ``HTTPResponse.read(n)`` returns what came, however much of Content-Length is missing.
    """
    try:
        body = answer.read(limit + 1)
    except http.client.IncompleteRead as cut:
        raise CutOff(f"It broke off after {len(cut.partial):,} bytes.") from cut
    if len(body) > limit:
        raise TooLong(f"It has more than {limit:,} bytes.")
    if answer.length:
        told = len(body) + answer.length
        raise CutOff(f"It broke off after {len(body):,} of {told:,} bytes.")
    return body
