from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compute.helpers import Lab, Storage, serve


@pytest.fixture
def storage() -> Iterator[Storage]:
    with serve(Storage()) as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, storage: Storage) -> Iterator[Lab]:
    laboratory = Lab(tmp_path, storage)
    try:
        yield laboratory
    finally:
        laboratory.close()
