"""One small installation, made once; every test works on a copy of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import template
from tests.ops.small import KIND, Small, empty


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """Migrated and filled. Not to be changed: tests copy it."""
    made = empty(tmp_path_factory.mktemp("original") / "var")
    if KIND == "sqlite":
        template.copy(made.var)
    try:
        made.good(("migrate", "--noinput", "--verbosity", "0"), ("base",))
        yield made
    finally:
        made.drop()


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Callable[..., Small]]:
    """``new("name")``: an empty data folder and database, gone afterwards."""
    made: list[Small] = []

    def make(name: str, template: Small | None = None) -> Small:
        made.append(empty(tmp_path / name, template))
        return made[-1]

    yield make
    for small in made:
        small.drop()


@pytest.fixture
def small(original: Small, new: Callable[..., Small]) -> Small:
    """A copy of the original, to be changed at will."""
    made = new("var", original)
    shutil.copytree(original.var, made.var)
    return made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where backups go."""
    return tmp_path / "backups"
