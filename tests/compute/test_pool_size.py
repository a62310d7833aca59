"""How much the public pool gives away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from compute.catalog.flavors import pools


@pytest.fixture
def asked_anew() -> Iterator[None]:
    """The pools are read once per process; before and after the test they are forgotten."""
    pools.cache_clear()
    yield
    pools.cache_clear()


def test_operator_sets_cores_and_memory(asked_anew: None, settings: Any) -> None:
    settings.MODELYARD_POOL_CPUS, settings.MODELYARD_POOL_MEMORY = 24, 48 * 1024**3
    public = pools()["public"]
    assert (public.cpus, public.memory_mb) == (24, 48 * 1024)


def test_without_a_word_the_machine_decides(
    asked_anew: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MODELYARD_POOL_CPUS = settings.MODELYARD_POOL_MEMORY = 0
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    monkeypatch.setattr("os.sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**21}.get)
    public = pools()["public"]
    assert (public.cpus, public.memory_mb) == (12, 6 * 1024)
