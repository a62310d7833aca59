"""Another tenant's calls are answered, and no work for callers who left goes on, whatever a model
and its callers do. How long the calls take: ``benchmarks/neighbours``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving import attacks
from tests.waiting import until

pytestmark = pytest.mark.slow
CALLS = 20


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with attacks.gateway(tmp_path_factory.mktemp("gw")) as gateway:
        yield gateway.port


@pytest.mark.parametrize("then", ["stay", "leave"])
@pytest.mark.parametrize("path", attacks.PATHS)
def test_others_are_answered(port: int, path: str, then: str) -> None:
    """While it goes on; and it ends with its callers."""
    with attacks.callers(port, path, then):
        assert {attacks.call(port) for _ in range(CALLS)} == {(200, b"{}")}
    until(lambda: attacks.call(port, "evil/open") == (200, b"0"), f"{path} goes on for nobody")
