"""Pages are loaded by the process that serves them, and by none else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: what each process does before its first piece of work
SETUPS = {
    "worker": (
        "from celery.signals import import_modules\n"
        "from console.celery import app\n"
        "app.loader.import_default_modules()\n"
        "app.finalize()\n"
    ),
    "beat": "from console.celery import app\napp.finalize()\nimport ops.beat\n",
    "gateway": "import serving.gateway.asgi\n",
    "web": "from console.wsgi import application\nfrom django.urls import resolve\nresolve('/')\n",
}
LOOK = (
    "import json, sys\n"
    "apps = {name.partition('.')[0] for name in sys.modules}\n"
    "from console.app_list import APPS\n"
    "ours = [name for name in sys.modules if name.partition('.')[0] in APPS]\n"
    "print(json.dumps(ours))\n"
)


def loaded(process: str, tmp_path: Path) -> list[str]:
    """Our modules that a fresh interpreter has after the set-up of ``process``."""
    done = subprocess.run(
        [sys.executable, "-c", SETUPS[process] + LOOK],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "MODELYARD_VAR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def of_pages(names: list[str]) -> set[str]:
    """Those of pages, templates' tags, screens and forms."""
    return {
        name
        for name in names
        if name.startswith(("console.pages", "console.ui", "console.forms", "console.router"))
        or name.rpartition(".")[2] in ("screen", "forms", "pages", "api", "urls")
    }


@pytest.mark.parametrize("process", ["worker", "beat", "gateway"])
def test_no_page_is_loaded_where_none_is_served(process: str, tmp_path: Path) -> None:
    names = loaded(process, tmp_path)
    assert of_pages(names) == set()
    if process != "beat":
        assert "training.job.declaration" in names
        assert "training.job.services" in names


def test_the_web_process_has_them(tmp_path: Path) -> None:
    names = of_pages(loaded("web", tmp_path))
    assert {"console.pages.list", "console.ui.html", "training.job.screen"} <= names
