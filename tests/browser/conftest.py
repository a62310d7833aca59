"""One real installation and one browser for everything below this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests import chromium
from tests.browser.cast import SAMPLES, Cast, make_digits
from tests.browser.installation import Installation, running
from tests.engines import SKLEARN, engine_python

HERE = Path(__file__).parent


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """``./run`` on an empty folder; the engine is built once and kept in ``.cache``."""
    engines = Path(engine_python(SKLEARN)).parents[2]
    with running(tmp_path_factory.mktemp("browser") / "var", engines) as found:
        yield found


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = chromium.launch(playwright)
        yield found
        found.close()


@pytest.fixture(scope="package")
def cast(installation: Installation, browser: Browser) -> Iterator[Cast]:
    """The people of the story and what they made, for all tests of the folder."""
    found = Cast(installation, browser)
    yield found
    found.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The chapters of the story come first: the other tests look at what they made."""
    items.sort(
        key=lambda item: item.path.parent == HERE and not item.path.name.startswith("test_story")
    )


@pytest.fixture(scope="package")
def files(cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``mnist-data``, ``mnist-code`` and ``heldout`` as a person would have them on disk."""
    folder = tmp_path_factory.mktemp("files")
    make_digits(cast.installation.engines, folder)
    (folder / "data").rename(folder / "mnist-data")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SAMPLES / "sklearn", folder / "mnist-code", ignore=ignore)
    return folder


@pytest.fixture
def quiet(cast: Cast) -> Iterator[None]:
    """No step may leave an error in a console, a blocked resource or a failed request behind."""
    yield
    for name, person in cast.people.items():
        assert person.complaints == [], name
