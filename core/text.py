"""The language of text that is kept, and its length."""

from __future__ import annotations

from typing import Any

from django.utils import translation


def english(words: Any) -> str:
    """A translatable label as it stands in the source: for errors and audit records, which are
    English whatever the reader's language, so that no sentence is of two languages."""
    with translation.override(None):
        return str(words)


def excerpt(text: str, limit: int) -> str:
    """``text``, or its beginning with three dots where it is longer than ``limit`` characters."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
