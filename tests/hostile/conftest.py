from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections

from compute.catalog.flavors import Pool
from tests.engines import SKLEARN, engine_python
from tests.hostile.house import TURN, House, tiny_engines
from tests.hostile.shop import Shop


@pytest.fixture
def engines(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where engines lie: the real scikit-learn engine for services, whose model servers need its
    packages, and a tiny one for jobs."""
    if "shop" in request.fixturenames:
        return engine_python(SKLEARN).parents[2]
    return tiny_engines(tmp_path / "engines")


@pytest.fixture
def shop(house: House, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(house, monkeypatch)


@pytest.fixture
def house(
    transactional_db: None,
    live_server: Any,
    settings: Any,
    tmp_path: Path,
    engines: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    settings.VAR_DIR = tmp_path / "var"
    settings.VAR_DIR.mkdir()
    settings.MODELYARD_ENGINES = str(engines)
    settings.WEB_URL = live_server.url
    settings.MODELYARD_OUTPUT_SYNC_SECONDS = 0
    big = Pool("public", "Public pool", "public", 1000, 1_000_000)
    monkeypatch.setattr("training.job.checks.pools", lambda: {"public": big})
    monkeypatch.setattr("compute.slot.services.pools", lambda: {"public": big})
    # Threads of the live server must not keep a session: the test database could not be dropped.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    answer = WSGIHandler.get_response

    def in_turn(self: WSGIHandler, request: Any) -> Any:
        with TURN:
            return answer(self, request)

    monkeypatch.setattr(WSGIHandler, "get_response", in_turn)
    made = House(monkeypatch)
    try:
        yield made
    finally:
        made.close()
