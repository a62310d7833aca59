"""A Celery application that does nothing but start a script: the floor of a queue."""

import os
import subprocess
from pathlib import Path
from typing import Any

from celery import Celery, signals

from console import settings

app = Celery("floor", broker=settings.CELERY_BROKER_URL)
app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS


@signals.worker_ready.connect
def tell(**_given: Any) -> None:
    """Say so where the benchmark looks, whatever logging is set to."""
    os.write(1, b"floor ready.\n")


@app.task(name="floor.start", ignore_result=True)
def start(python: str, script: str, out: str) -> None:
    """Run the script; its output appears at ``out`` whole."""
    done = subprocess.run([python, "-u", script], capture_output=True, check=True)
    path = Path(out)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(done.stdout)
    fresh.replace(path)
