"""Text that nothing here can use, and the language of text that is kept."""

from __future__ import annotations

import re
from typing import Any

from django.utils import translation

from core.visible import DIRECTIONS

#: C0 and C1 without tab, line feed and carriage return, which long texts have
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def unstorable(text: str, *, turning: bool = False) -> str:
    """Why ``text`` is no text for us, "" where it is. ``turning``: directional overrides are
    taken, as in an address: keys of objects may hold them, and a search looks for what is there.

    PostgreSQL has no NUL in text, and half a surrogate pair has no UTF-8: both would end in an
    error far from their sender. Other control characters act on the reader of a log
    or a terminal; directional overrides make two different texts look the same.
    """
    if found := _CONTROL.search(text):
        code = ord(found[0])
        return f"It holds a control character (U+{code:04X}) at character {found.start()}."
    turned = "" if turning else next((one for one in set(text) if ord(one) in DIRECTIONS), "")
    if turned:
        place = text.index(turned)
        return (
            f"It holds a character that turns the direction of writing (U+{ord(turned):04X}) at "
            f"character {place}."
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"It is not Unicode text: half a surrogate pair at character {error.start}."
    return ""


def english(words: Any) -> str:
    """A translatable label as it stands in the source: for errors and audit records, which are
    English whatever the reader's language, so that no sentence is of two languages."""
    with translation.override(None):
        return str(words)


def told(*sentences: str) -> str:
    """Sentences of an error for a form. One that is marked by ``gettext_noop`` where it is raised
    stands in the reader's language; the others stay English, as the API says them."""
    return " ".join(translation.gettext(text) for text in sentences if text)
