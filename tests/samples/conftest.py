from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines import PYTORCH, SKLEARN, engine_python
from tests.hostile.conftest import house  # noqa: F401 - the fixture


@pytest.fixture
def engines(request: pytest.FixtureRequest) -> Path:
    """Where the real engine of the test's sample lies."""
    name = PYTORCH if "pytorch" in request.node.name else SKLEARN
    return engine_python(name).parents[2]
