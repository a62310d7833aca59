"""How a line of the log is written: one message, one line."""

from __future__ import annotations

import logging
from typing import Any

from core.visible import visible


class LineFormatter(logging.Formatter):
    """Nothing that a caller sends can begin a line of its own, move a terminal's cursor or colour
    it: a log is read by people in a hurry. Lines of a traceback are indented, so that an exception
    that quotes its input begins none either."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = visible(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"    {visible(line)}" for line in lines)
