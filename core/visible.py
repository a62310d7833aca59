"""Characters that act on the reader of a text, made visible.

Control characters move a terminal's cursor or colour it; directional overrides reorder what stands
beside them; zero-width characters make two names look alike. A text of a tenant is therefore shown
with such characters as Python writes them (``\\x1b``, ``\\u202e``). No Django here: the runner and
the supervisor use it, too.
"""

from __future__ import annotations

TAB, LINE = 0x09, 0x0A

#: directional overrides and isolates: what stands after them is read in another order
DIRECTIONS = frozenset({*range(0x202A, 0x202F), *range(0x2066, 0x206A)})
#: C0, DEL and C1; what separates lines and paragraphs
CONTROL = frozenset({*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029})
#: Unicode "format" characters without a picture of their own (UAX #9, UTR #36), and lone surrogates
HIDDEN = frozenset(
    {
        0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x3164, 0xFEFF, 0xFFA0,
        *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070),
        *range(0xFFF9, 0xFFFC), *range(0xD800, 0xE000), *range(0xE0000, 0xE0080),
    }
)  # fmt: skip


_SHORT = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}


def _written(code: int) -> str:
    if code in _SHORT:
        return _SHORT[code]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_ONE_LINE = {code: _written(code) for code in CONTROL | HIDDEN}
_LINES = {code: text for code, text in _ONE_LINE.items() if code not in (TAB, LINE)}
_MARKUP = {code: text for code, text in _LINES.items() if code != 0x0D}
_JSON = {
    code: f"\\u{code:04x}"
    for code in CONTROL | HIDDEN
    if 0x7F <= code < 0x10000  # JSON itself escapes what is below
} | {
    code: f"\\u{0xD800 + (code - 0x10000 >> 10):04x}\\u{0xDC00 + (code - 0x10000 & 0x3FF):04x}"
    for code in HIDDEN
    if code >= 0x10000
}


def unkeepable(text: str) -> bool:
    """Whether no database keeps the text: PostgreSQL has no NUL, half a surrogate pair no UTF-8."""
    if "\0" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def visible(text: str) -> str:
    """A text of one line: a name, a path, a sentence."""
    return text.translate(_ONE_LINE)


def visible_markup(text: str) -> str:
    """A part of an HTML page, whose blanks are as they are."""
    return text.translate(_MARKUP)


def holds_hidden(text: str) -> bool:
    """Whether `visible_markup` would change the text."""
    return not _MARKUP.keys().isdisjoint(map(ord, set(text)))


def in_file_name(text: str) -> str:
    """A file's name without what acts on its reader, for the folder it is kept in."""
    return "".join("_" if ord(one) in _ONE_LINE else one for one in text)


def visible_lines(text: str) -> str:
    """A text of several lines: tab and line feed stay, and every line ends in a line feed."""
    return text.replace("\r\n", "\n").translate(_LINES)


def json_escaped(document: str) -> str:
    """A JSON document with those characters escaped: the same values, and nothing that acts on a
    terminal or page which shows the document itself."""
    return document.translate(_JSON)
