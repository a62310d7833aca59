"""The list of apps stands once; what cannot read Python is compared with it."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.conf import settings

from console.app_list import APPS, DOMAIN_APPS, PACKAGES

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]


def test_every_package_of_the_product_is_listed() -> None:
    others = {"benchmarks", "tests"}
    assert {p.parent.name for p in ROOT.glob("*/__init__.py")} - others == set(PACKAGES)
    assert [name for name in settings.INSTALLED_APPS if name in PACKAGES] == [
        *DOMAIN_APPS,
        "console",
        "core",
    ]
    assert tuple(p for p in PACKAGES if (ROOT / p / "apps.py").exists()) == APPS


def test_the_import_contract_is_about_every_package_in_the_order_of_the_list() -> None:
    linter = PROJECT["importlinter"]
    assert linter["root_packages"] == list(PACKAGES)
    [contract] = linter["contracts"]
    layers = [layer.split(" | ") for layer in reversed(contract["layers"])]
    assert sorted(name for layer in layers for name in layer) == sorted(PACKAGES)
    place = {name: number for number, layer in enumerate(layers) for name in layer}
    assert [place[name] for name in APPS] == sorted(place[name] for name in APPS)


def test_types_are_checked_in_every_package() -> None:
    assert PROJECT["mypy"]["files"] == list(PACKAGES)


@pytest.mark.parametrize(
    "file", ["ops/supervisor/bootstrap.py", "ops/supervisor/options.py", "client/api.py"]
)
def test_what_runs_without_the_environment_imports_the_standard_library_only(file: str) -> None:
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for name in names:
            assert name.partition(".")[0] in sys.stdlib_module_names, f"{file}: {name}"


@pytest.mark.parametrize("module", ["ops.supervisor.__main__", "ops.supervisor.programs"])
def test_the_supervisor_loads_neither_django_nor_celery(module: str) -> None:
    line = f"import sys, {module}; print([n for n in ('django', 'celery') if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
