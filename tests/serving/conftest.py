"""What several tests of this room begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving.asked import Asked


@pytest.fixture
def asked() -> Iterator[Asked]:
    """A resolver that asks in its loop."""
    found = Asked()
    yield found
    found.close()
