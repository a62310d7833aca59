"""Bring the catalogues in line with the sources: ``.venv/bin/python locale/update.py``.

Reads every marked string of the templates and the Python files of the rooms, adds the new ones
with an empty translation, drops those no source has any more, keeps the rest, sorts by msgid and
compiles. Ends with 1 and names them as long as a string has no translation.

Python alone does it: who adds a sentence to a page needs no gettext tools on the machine. What is
marked is decided by the same rules as `makemessages`: templates go through Django's `templatize`.
"""

from __future__ import annotations

import ast
import json
import re
import runpy
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polib
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = runpy.run_path(str(ROOT / "console/app_list.py"))["PACKAGES"]
# Declarations that do without Django: (class or "", field) whose text is translated where shown.
DECLARED = {
    "accounts/policy/system.json": ("", "description"),
    "compute/catalog/flavors.py": ("Pool", "label"),
    "compute/engines/catalogue.py": ("Engine", "description"),
}
CATALOGUE = Path("zh_Hans/LC_MESSAGES/django.po")
HEADER = "Simplified Chinese catalogue of the console. docs/translating.md says how it is kept."
METADATA = {
    "Project-Id-Version": "Modelyard",
    "Language": "zh_Hans",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=1; plural=0;",
}  # no dates: they would make every update a conflict
# Position of (context, singular, plural) among the arguments, per family of functions.
FAMILIES: dict[str, tuple[int | None, int, int | None]] = {
    "gettext": (None, 0, None),
    "ngettext": (None, 0, 1),
    "pgettext": (0, 1, None),
    "npgettext": (0, 1, 2),
}
FUNCTIONS = {
    "_": FAMILIES["gettext"],
    "gettext_noop": FAMILIES["gettext"],
    **FAMILIES,
    **{f"{name}_lazy": places for name, places in FAMILIES.items()},
}
LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
CALL = re.compile(
    rf"\b(_|n?p?gettext)\(\s*({LITERAL})(?:\s*,\s*({LITERAL}))?(?:\s*,\s*({LITERAL}))?", re.DOTALL
)
PRINTF = re.compile(r"%(?:\(\w+\))?[sd]")
FIELD = re.compile(r"\{\w+(?::[^{}]*)?\}")  # of a message of core.codes
TAG = re.compile(r"</?\w+[^>]*>")

Key = tuple[str | None, str]  # (context, msgid): what makes an entry one of its kind


@dataclass
class Marked:
    """One marked string: its plural where it has one, and the files it stands in."""

    plural: str | None = None
    files: set[str] = field(default_factory=set)


def _strings(call: ast.Call, places: tuple[int | None, int, int | None]) -> list[str | None] | None:
    """Context, singular and plural of a call; None where an argument is no literal."""
    found: list[str | None] = []
    for place in places:
        if place is None:
            found.append(None)
            continue
        arg = call.args[place] if place < len(call.args) else None
        if not (isinstance(arg, ast.Constant) and isinstance(arg.value, str)):
            return None
        found.append(arg.value)
    return found


def of_python(text: str) -> Iterator[tuple[str | None, str, str | None]]:
    """(context, singular, plural) of every marked string of a Python source."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
        found = _strings(node, FUNCTIONS[name]) if name in FUNCTIONS else None
        if found and found[1]:
            yield found[0], found[1], found[2]


def of_template(text: str) -> Iterator[tuple[str | None, str, str | None]]:
    """(context, singular, plural) of every marked string of a template."""
    for match in CALL.finditer(templatize(text)):
        args = [ast.literal_eval(arg) for arg in match.groups()[1:] if arg is not None]
        context, singular, plural = FUNCTIONS[match.group(1)]
        yield (
            None if context is None else args[context],
            args[singular],
            None if plural is None else args[plural],
        )


def of_declaration(text: str, name: str, field_name: str) -> Iterator[str]:
    """Texts of `field_name`: keyword of the calls of `name`, or key of the objects of a JSON."""
    if not name:
        found: list[str] = []
        json.loads(text, object_hook=lambda one: found.append(one.get(field_name, "")))
        yield from filter(None, found)
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
            for word in node.keywords:
                if word.arg == field_name and isinstance(word.value, ast.Constant):
                    yield word.value.value


def sources(root: Path = ROOT) -> Iterator[Path]:
    """The Python files of the rooms and all templates."""
    for room in PACKAGES:
        yield from sorted((root / room).rglob("*.py"))
    yield from sorted((root / "templates").rglob("*.html"))


def marked(root: Path = ROOT) -> dict[Key, Marked]:
    """Every marked string of the sources below `root`."""
    found: dict[Key, Marked] = {}
    for path in sources(root):
        text = path.read_text("utf-8")
        strings = of_python(text) if path.suffix == ".py" else of_template(text)
        for context, singular, plural in strings:
            one = found.setdefault((context, singular), Marked())
            one.plural = one.plural or plural
            one.files.add(path.relative_to(root).as_posix())
    for name, (owner, field_name) in DECLARED.items():
        for text in of_declaration((root / name).read_text("utf-8"), owner, field_name):
            found.setdefault((None, text), Marked()).files.add(name)
    return found


def key(entry: polib.POEntry) -> Key:
    """What tells an entry from the others."""
    return entry.msgctxt, entry.msgid


def placeholders(text: str) -> set[str]:
    """Names a translation has to keep: ``%(name)s``, ``{name}`` and tags."""
    return set(PRINTF.findall(text)) | set(FIELD.findall(text)) | set(TAG.findall(text))


def texts(entry: polib.POEntry) -> list[str]:
    """The translations of an entry: one, or one per plural form."""
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def updated(old: polib.POFile, found: dict[Key, Marked]) -> polib.POFile:
    """A catalogue of exactly the strings of `found`, with the translations `old` has for them."""
    new = polib.POFile(wrapwidth=10_000)  # unwrapped: one changed word is one changed line
    new.header, new.metadata = HEADER, METADATA
    known = {key(entry): entry for entry in old if not entry.obsolete}
    for context, msgid in sorted(found, key=lambda k: (k[1], k[0] or "")):
        one = found[context, msgid]
        before = known.get((context, msgid))
        done = before is not None and bool(before.msgid_plural) == bool(one.plural)
        entry = polib.POEntry(
            msgctxt=context,
            msgid=msgid,
            msgid_plural=one.plural or "",
            occurrences=[(name, "") for name in sorted(one.files)],
            flags=["python-format"] if PRINTF.search(msgid) else [],
            comment=before.comment if before else "",
            tcomment=before.tcomment if before else "",
        )
        if one.plural:
            entry.msgstr_plural = dict(before.msgstr_plural) if before and done else {0: ""}
        else:
            entry.msgstr = before.msgstr if before and done else ""
        new.append(entry)
    return new


def main() -> int:
    """Update and compile the catalogue; 1 while a string has no translation."""
    path = ROOT / "locale" / CATALOGUE
    new = updated(polib.pofile(str(path)), marked())
    new.save(str(path))
    new.save_as_mofile(str(path.with_suffix(".mo")))
    empty = [entry.msgid for entry in new if not all(texts(entry))]
    for msgid in empty:
        sys.stderr.write(f"No translation yet in {path.relative_to(ROOT)}: {msgid!r}\n")
    sys.stdout.write(f"{len(new)} strings, {len(empty)} without a translation.\n")
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(main())
