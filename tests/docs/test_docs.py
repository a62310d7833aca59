"""Documents name only what exists: files, links, commands, routes, actions, codes, tests."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from accounts.engine.catalog import default_catalog
from console.app_list import PACKAGES
from core import errors
from ops.supervisor import options
from tests.docs.markdown import ROOT, Page, pages

PAGES = pages()
FOLDERS = (
    *PACKAGES, "benchmarks", "docs", "locale", "samples", "static", "templates", "tests",
)  # fmt: skip
FILE = re.compile(rf"^(?:\.\./)*(?:{'|'.join(FOLDERS)})/[\w./*{{}},-]*$")
DOTTED = re.compile(rf"^(?:{'|'.join(FOLDERS)})(?:\.\w+){{2,}}$")
SOURCES = (".py", ".sh", ".html", ".js")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def page_named(name: str) -> Page:
    return next(page for page in PAGES if page.name == name)


@cache
def sources() -> str:
    """All code of the project as one text."""
    return "\n".join(
        path.read_text(encoding="utf-8", errors="replace")
        for room in (*FOLDERS, "run", "test")
        for path in ([ROOT / room] if (ROOT / room).is_file() else sorted((ROOT / room).rglob("*")))
        if path.is_file() and (path.suffix in SOURCES or not path.suffix)
        if "vendor" not in path.parts and not path.is_relative_to(ROOT / "tests" / "docs")
    )


@every_page
def test_links_lead_somewhere(page: Page) -> None:
    for target in page.links(pictures=False):
        if re.match(r"^[a-z]+:", target):
            continue
        name, _hash, anchor = target.partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        assert path.exists(), f"{page.name}: {target}"
        if anchor:
            other = next(p for p in PAGES if p.path == path)
            assert anchor in other.anchors(), f"{page.name}: {target} names no heading"


def test_pictures_are_there() -> None:
    shown = [(page, target) for page in PAGES for target in page.links(pictures=True)]
    assert shown, "README.md shows no picture"
    missing = [t for page, t in shown if not (page.path.parent / t).resolve().is_file()]
    assert not missing, f"pictures that documents show and nobody made: {missing}"


@pytest.mark.parametrize("folder", ["docs", "docs/mechanisms", "docs/adr"])
def test_every_document_is_in_the_index(folder: str) -> None:
    index = page_named("docs/index.md")
    listed = {(index.path.parent / link).resolve() for link in index.links(pictures=False)}
    there = {page.path for page in PAGES if page.path.parent == ROOT / folder} - {index.path}
    assert there, folder
    assert not there - listed, "not in docs/index.md"


def named_files(page: Page) -> Iterator[tuple[str, str, str]]:
    """(span, path, symbol) of inline code that looks like a file of the project."""
    for span in page.spans():
        path, _sep, symbol = span.partition("::") if "::" in span else span.partition(":")
        if FILE.match(path):
            yield span, path.lstrip("./"), symbol


@every_page
def test_named_files_exist(page: Page) -> None:
    for span, path, symbol in named_files(page):
        for one in _braces(path):
            found = list(ROOT.glob(one.rstrip("/")))
            assert found, f"{page.name} names `{span}`, which is not there"
            if symbol:
                assert _defines(found[0], symbol.split("::")), f"{page.name}: `{span}`"


def _braces(path: str) -> list[str]:
    match = re.search(r"\{([^}]*)\}", path)
    if not match:
        return [path]
    return [path.replace(match[0], part) for part in match[1].split(",")]


def _defines(path: Path, names: list[str]) -> bool:
    """Whether a Python file defines a function, or a class and its method."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for name in names:
        found = [
            node for node in body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name == name
        ]  # fmt: skip
        if not found:
            return False
        body = found[0].body
    return True


@every_page
def test_named_objects_exist(page: Page) -> None:
    """`room.module.Name` in inline code can be imported."""
    for span in page.spans():
        name = span.partition("(")[0]
        if DOTTED.match(name) and not (ROOT / name).exists():
            assert _importable(name), f"{page.name} names `{span}`, which cannot be imported"


def _importable(dotted: str) -> bool:
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def commands(page: Page) -> Iterator[list[str]]:
    """Words of each command line that a document shows."""
    for line in [*page.blocks.splitlines(), *page.spans()]:
        line = re.split(r"\s{2,}|\s#\s", line.strip())[0]
        if re.match(r"^(\./run|\./test|\.venv/bin/|python -m |\w+=\S+ \.venv/bin/)", line):
            yield shlex.split(line.replace("'", ""))


@every_page
def test_named_commands_exist(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands(page):
        line = " ".join(words)
        while "=" in words[0] and not words[0].startswith("."):
            words = words[1:]
        if words[0] in ("./run", "./test"):
            assert os.access(ROOT / words[0], os.X_OK), line
        if words[0] == "./run" and "--help" not in words:
            options.parse([word for word in words[1:] if word != "..."])
        if "-m" in words:
            module = words[words.index("-m") + 1]
            if words[0].endswith(("python", "python3")):
                assert importlib.util.find_spec(module) is not None, f"{page.name}: {line}"
        if "manage.py" in words:
            name = words[words.index("manage.py") + 1]
            assert name.startswith("<") or name in get_commands(), f"{page.name}: {line}"
        for word in words[1:]:
            if FILE.match(word) and word.split("/")[0] in ("locale", "samples", "tests"):
                assert (ROOT / word).exists(), f"{page.name}: {line}"


def test_the_readme_names_the_two_commands() -> None:
    shown = {" ".join(words) for words in commands(page_named("README.md"))}
    assert {"./run --demo", "./test"} <= shown


@every_page
def test_named_variables_are_read_somewhere(page: Page) -> None:
    named = set(re.findall(r"\bMODELYARD_[A-Z_]*[A-Z]\b", page.text + page.blocks))
    unknown = {name for name in named if not re.search(rf"\b{name}\b", sources())}
    assert not unknown, page.name


@every_page
def test_named_routes_exist(page: Page) -> None:
    """Every /api/v1 path, with anything in the place of {placeholders}."""
    for path in set(re.findall(r"/api/v1/[\w/{}.-]+", page.text + page.blocks)):
        filled = re.sub(r"\{id\}|\{user\}", "00000000-0000-0000-0000-000000000000", path)
        filled = re.sub(r"\{verb\}", "retry", filled)
        filled = re.sub(r"\{\w+\}", "x", filled).rstrip("/.")
        try:
            resolve(filled)
        except Resolver404:
            pytest.fail(f"{page.name} names {path}, which no route answers")


@every_page
def test_named_actions_are_in_the_catalogue(page: Page) -> None:
    known = default_catalog()
    for span in page.spans():
        if re.fullmatch(r"(?:modelarts|obs|iam|resource_share|cts):\w+:\w+", span):
            assert known.action(span) is not None, f"{page.name} names the action `{span}`"


@pytest.mark.parametrize(
    "name",
    ["docs/mechanisms/errors.md", "docs/mechanisms/runner.md", "docs/mechanisms/gateway.md",
     "docs/mechanisms/model-server.md", "docs/mechanisms/storage.md", "docs/api.md"],
)  # fmt: skip
def test_named_codes_exist(name: str) -> None:
    """Upper-case names in the first two columns of a table are codes somebody raises or writes."""
    page = page_named(name)
    for rows in page.tables():
        for row in rows:
            for cell in list(row.values())[:3]:
                for code in re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", cell):
                    assert re.search(rf"[\"']{code}[\"']|\b{code}\b", sources()), f"{name}: {code}"


def test_every_kernel_error_is_documented() -> None:
    text = page_named("docs/mechanisms/errors.md").text
    classes = [errors.AppError, *_below(errors.AppError)]
    kernel = [cls for cls in classes if cls.__module__ == "core.errors"]
    assert len(kernel) >= 12
    for cls in kernel:
        assert f"| `{cls.__name__}` | {cls.status} | `{cls.code}` |" in text, cls.__name__


def _below(cls: type[errors.AppError]) -> Iterator[type[errors.AppError]]:
    for child in cls.__subclasses__():
        yield child
        yield from _below(child)


def test_every_threat_names_a_defence_its_place_and_its_proof() -> None:
    rows = [row for table in page_named("THREAT_MODEL.md").tables() for row in table]
    threats = [row for row in rows if "threat" in row]
    assert len(threats) > 40
    for row in threats:
        assert row["defence"], row["threat"]
        tests = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", row["test"])
        assert tests, f"no test behind: {row['threat']}"
        for path, names in tests:
            assert _defines(ROOT / path, names.split("::")), f"{path}::{names}"
        places = re.findall(r"`([\w/.-]+)`", row["code"])
        assert places and all((ROOT / place).is_file() for place in places), row["code"]


def test_every_periodic_task_is_documented() -> None:
    from django.conf import settings

    text = page_named("docs/mechanisms/reconcile.md").text
    tasks = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert {task for task in tasks if f"| `{task}` |" not in text} == set()


def test_the_page_of_codes_is_that_of_the_catalogues() -> None:
    path = ROOT / "docs/codes.py"
    spec = importlib.util.spec_from_file_location("docs_codes", path)
    assert spec and spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert (ROOT / "docs/codes.md").read_text("utf-8") == tool.page(), (
        "docs/codes.md is older than the catalogues. Run .venv/bin/python docs/codes.py."
    )
