"""What several tests of this room begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serving.gateway.protocol import Instance
from tests.serving.asked import Asked
from tests.serving.endless import Endless
from tests.serving.gateway import House


@pytest.fixture
def asked() -> Iterator[Asked]:
    """A resolver that asks in its loop."""
    found = Asked()
    yield found
    found.close()


@pytest.fixture
def endless(house: House) -> Iterator[Callable[..., Endless]]:
    """Makes the only instance of the service of the module's ``house`` such a model."""
    programs = []

    def made(head: bytes, then: bytes = b"", **limits: Any) -> Endless:
        path = house.tmp_path / f"{len(programs)}.sock"
        programs.append(Endless(path, head, then))
        house.route(Instance(f"p{len(programs)}", str(path)), **limits)
        return programs[-1]

    yield made
    for program in programs:
        program.stop()
