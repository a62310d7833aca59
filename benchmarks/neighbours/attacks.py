"""A hostile model and its callers: what another model's callers notice, and what it costs the
gateway."""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from benchmarks.gateway import processor
from benchmarks.neighbours.table import Row, timed
from tests.serving import attacks


def measure(folder: Path, options: argparse.Namespace) -> list[Row]:
    """A row for each path of ``tests/serving/hostile_model.py``, its callers staying or leaving."""
    rows = []
    with attacks.gateway(folder) as gateway:
        for path in attacks.PATHS:
            for then in ("stay", "leave"):
                row = Row(f"{path}, {then}")
                if options.attack and row.what not in options.attack:
                    continue
                cores = []
                for _ in range(options.rounds):
                    row.idle += timed(lambda: _good(gateway.port), options.seconds)
                    with attacks.callers(gateway.port, path, then):
                        row.attacked += timed(lambda: _good(gateway.port), options.seconds)
                        cores.append(_cores(gateway))
                row.show(f"gateway {statistics.median(cores):.2f} cores")
                rows.append(row)
    return rows


def _good(port: int) -> None:
    if attacks.call(port) != (200, b"{}"):
        raise SystemExit("another tenant's call was not answered")


def _cores(gateway: attacks.Attacked) -> float:
    """Of the gateway, while others call it now and then: alone, an account has all of the time."""
    used, began = processor(gateway.pid), time.perf_counter()
    for _ in range(10):
        _good(gateway.port)
        time.sleep(0.1)
    return (processor(gateway.pid) - used) / (time.perf_counter() - began)
