"""A deny is built by the engine alone; whatever else refuses is a guard that runs as a step."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.conf import settings

from console.app_list import APPS, PACKAGES

#: the engine: what asks the guards, and what evaluates policies and shares
ENGINE = {"core/access.py", "accounts/access.py", "accounts/question.py", "accounts/principal.py"}
BASE = Path(settings.BASE_DIR)


def builders(source: str) -> list[int]:
    """Lines that build a decision, or change one with ``replace(decision, allowed=...)``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        flips = name == "replace" and any(k.arg == "allowed" for k in node.keywords)
        if name == "Decision" or flips:
            found.append(node.lineno)
    return found


def test_no_module_but_the_engine_builds_a_decision() -> None:
    seen = set()
    for room in PACKAGES:
        for file in (BASE / room).rglob("*.py"):
            name = str(file.relative_to(BASE))
            lines = builders(file.read_text())
            seen |= {name} if lines else set()
            assert name in ENGINE or not lines, f"{name}:{lines} builds a decision of its own"
    assert seen == ENGINE, f"no decision is built in {ENGINE - seen}"


#: what asks for pages and endpoints
ASKS = {"console/pages/base.py", "console/api/permissions.py"}


def test_pages_and_endpoints_ask_nothing_by_hand() -> None:
    """They declare; the kernel asks."""
    asking = set()
    for room in APPS:
        for file in (BASE / room).rglob("*.py"):
            name = str(file.relative_to(BASE))
            served = file.name in ("pages.py", "api.py") or "/pages/" in name or "/api/" in name
            if served and "authorize(" in file.read_text():
                asking.add(name)
    assert asking == ASKS


@pytest.mark.parametrize(
    "source",
    ["access.Decision(False, a, b, c)", "Decision(*x)", "replace(found, allowed=True)"],
)
def test_the_search_finds_one(source: str) -> None:
    assert builders(source) == [1]
