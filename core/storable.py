"""Text that nothing here can use."""

from __future__ import annotations

import re

from core import messages
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
        return messages.CONTROL_CHARACTER(character=f"{code:04X}", place=found.start())
    turned = "" if turning else next((one for one in set(text) if ord(one) in DIRECTIONS), "")
    if turned:
        place = text.index(turned)
        return messages.TURNS_DIRECTION(character=f"{ord(turned):04X}", place=place)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return messages.HALF_SURROGATE(place=error.start)
    return ""
