"""No bare sentence in an error: what it says is a message of a catalogue (core/codes.py)."""

from __future__ import annotations

import ast
import importlib
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from compute.runner import sentences
from console.app_list import APPS
from core import budget, codes, errors, strict_json
from datasets.idx import sentences as idx_sentences

ROOT = Path(settings.BASE_DIR)
#: sentences of modules without Django, which say() names
SAID = (sentences.SENTENCES, strict_json.SENTENCES, budget.SENTENCES, idx_sentences.SENTENCES)
#: where the sentence stands among the arguments, and the keywords that hold one
PLACES = {
    "Problem": (1, {"text", "next"}),
    "of": (1, {"text", "next"}),
    "conflict": (1, {"hint"}),
    "Refusal": (1, {"reason"}),
    "transition": (None, {"message"}),
    "reopen": (None, {"message"}),
    "note": (2, {"message"}),
    "Step": (2, {"text"}),
    "Decision": (3, {"reason"}),
}
MARKS = {"_", "gettext", "gettext_noop", "gettext_lazy", "ngettext", "told", "format", "join"}
CATALOGUES = ("messages.py", "reasons.py", "grammar.py")
#: classes and functions of these names that are others: problems of a file, not of a request
OTHERS = (
    "compute/runner/",
    "core/alarm.py",
    "compute/sandbox/",
    "ops/drill/",
    "registry/package/",
    "serving/gateway/",
    "serving/modelserver/",
)


def _errors() -> set[str]:
    """Names of AppError and of every class below it."""
    for room in APPS:
        for path in (ROOT / room).rglob("*.py"):
            if "(AppError)" in path.read_text("utf-8"):
                importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found, waiting = set(), [errors.AppError]
    while waiting:
        one = waiting.pop()
        found.add(one.__name__)
        waiting += one.__subclasses__()
    return found


def _bare(node: ast.expr | None, known: dict[str, ast.expr]) -> bool:
    """Whether a sentence is written here instead of being named."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and " " in node.value.strip()
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.BinOp):
        return _bare(node.left, known) or _bare(node.right, known)
    if isinstance(node, ast.IfExp):
        return _bare(node.body, known) or _bare(node.orelse, known)
    if isinstance(node, ast.BoolOp):
        return any(_bare(one, known) for one in node.values)
    if isinstance(node, ast.Name):
        return node.id in known and _bare(known[node.id], {})
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
        return name in MARKS and any(isinstance(one, ast.Constant) for one in node.args)
    return False


def _assigned(tree: ast.AST) -> dict[str, ast.expr]:
    """Names that are given a value in ``tree``; the last sentence wins."""
    found: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name not in found or _bare(node.value, {}):
                found[name] = node.value
    return found


def bare(source: str, names: set[str]) -> Iterator[int]:
    """Lines of ``source`` where an error, a state or a decision is given a bare sentence."""
    tree = ast.parse(source)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    for around in [tree, *functions]:
        known = _assigned(around)
        for node in ast.walk(around):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
            place, words = PLACES.get(name, (0, {"hint"}) if name in names else (None, set()))
            args = node.args[place : place + 1] if place is not None else []
            if name == "Problem":
                args += node.args[3:4]
            args += [one.value for one in node.keywords if one.arg in words]
            if any(_bare(one, known) for one in args):
                yield node.lineno


@pytest.mark.parametrize("room", APPS)
def test_no_error_of_a_room_holds_a_bare_sentence(room: str) -> None:
    names, found = _errors(), []
    for path in sorted((ROOT / room).rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if not place.startswith(OTHERS):
            lines = sorted(set(bare(path.read_text("utf-8"), names)))
            found += [f"{place}:{line}" for line in lines]
    assert not found, f"Write it in {room}/messages.py and name it here: {found}"


def _catalogues() -> list[codes.Code]:
    for path in sorted(one for name in CATALOGUES for one in ROOT.glob(f"*/{name}")):
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return list(codes.known().values())


def test_templates_have_named_fields_only() -> None:
    """A field that reaches into its parameter would read what is not meant to be told."""
    for code in _catalogues():
        for text in (code.text, code.next, code.many):
            fields = [name for _text, name, _spec, _how in string.Formatter().parse(text) if name]
            assert all(name.isidentifier() for name in fields), f"{code.key}: {text}"
            assert not text or fields or text.format() == text.replace("{{", "{").replace("}}", "}")


def test_every_message_of_a_catalogue_is_named_somewhere() -> None:
    sources = [
        path.read_text("utf-8")
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if path.name not in CATALOGUES
    ]
    words = {word for text in sources for word in text.replace("(", " ").replace(")", " ").split()}
    named = {word.rpartition(".")[2].rstrip(",:[") for word in words if "." in word}
    named |= {name for one in SAID for name in one}
    unused = [code.key for code in _catalogues() if code.key.partition(".")[2] not in named]
    assert not unused, f"Nothing says these: {unused}"


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ('raise Conflict("Somebody was faster.")', True),
        ('raise Conflict(f"“{name}” is taken.")', True),
        ('raise Conflict(_("Somebody was faster."))', True),
        ('raise Conflict(messages.A() if x else "Somebody was faster.")', True),
        ('text = "Somebody was faster."\nraise Conflict(text)', True),
        ('raise Conflict(messages.A(), hint="Try it again.")', True),
        ('raise ValidationFailed.of("name", "It is too long.")', True),
        ('found = Problem("name", messages.A(), "CODE", "Try it again.")', True),
        ('states.transition(job, to, message=f"{n} files.")', True),
        ('raise Conflict(messages.A(name=name), code="SOME_CODE")', False),
        ("raise Conflict(error.message, hint=error.hint)", False),
    ],
)
def test_what_counts_as_a_bare_sentence(line: str, refused: bool) -> None:
    assert bool(list(bare(line, {"Conflict", "ValidationFailed"}))) is refused
