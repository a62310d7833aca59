"""What every engine loads at the start: names that old scripts expect, and no word about it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compute.engines import startup
from tests.engines import PYTORCH, engine_python

TORCH = """
import types
OPERATORS = []

class Library:
    def __init__(self, name, kind):
        self.name = name

    def define(self, schema):
        OPERATORS.append(f"{self.name}::{schema.partition('(')[0]}")

library = types.SimpleNamespace(Library=Library)

def load_library(path):
    if "broken" in open(path).read():
        raise OSError("libcudart.so.13: cannot open shared object file")

ops = types.SimpleNamespace(load_library=load_library)
"""
TORCHVISION = "import torch\nSEEN = list(torch.OPERATORS)\n"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A torch and a torchvision that say what was done to them."""
    (tmp_path / "torch.py").write_text(TORCH)
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(TORCHVISION)
    return tmp_path


def run(packages: Path, code: str, compat: str = "") -> str:
    """Standard output and error of a program that starts as an engine's interpreter does."""
    path = os.pathsep.join([str(startup.HERE), str(packages)])
    done = subprocess.run(
        [sys.executable, "-c", f"import modelyard_compat\n{code}"],
        env={"PYTHONPATH": path, "MODELYARD_COMPAT": compat},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr.strip().rpartition("\n")[2]


def test_names_of_old_torch_are_there(packages: Path) -> None:
    code = """
import torch
print(isinstance("a", torch._six.string_classes), isinstance(1, torch._six.int_classes))
from torch._six import inf, container_abcs
print(inf, issubclass(list, container_abcs.Sequence))
"""
    assert run(packages, code) == "True True\ninf True\n"


def test_torch_that_has_the_names_keeps_its_own(packages: Path) -> None:
    with (packages / "torch.py").open("a") as file:
        file.write("_six = 'own'\n")
    assert run(packages, "import torch; print(torch._six)") == "own\n"


def test_it_can_be_switched_off(packages: Path) -> None:
    seen = run(packages, "import torch; print(torch._six)", compat="0")
    assert seen.startswith("AttributeError: module 'torch' has no attribute '_six'"), seen


@pytest.mark.parametrize(
    ("compiled", "declared"),
    [("broken", "['torchvision::nms', 'torchvision::qnms']"), ("good", "[]")],
)
def test_operators_are_declared_where_the_compiled_part_cannot_load(
    packages: Path, compiled: str, declared: str
) -> None:
    (packages / "torchvision" / "_C.so").write_text(compiled)
    assert run(packages, "import torchvision; print(torchvision.SEEN)") == f"{declared}\n"


def test_source_and_data_of_the_modules_are_found_as_ever(packages: Path) -> None:
    code = """
import inspect, torch, torchvision
print(inspect.getsource(torch.Library).split()[0], torchvision.__spec__.name)
"""
    assert run(packages, code) == "class torchvision\n"


def test_nothing_is_imported_or_printed_at_the_start(packages: Path) -> None:
    code = (
        "import sys; print([n for n in ('torch', 'importlib.abc', 'typing') if n in sys.modules])"
    )
    assert run(packages, code) == "[]\n"


@pytest.mark.slow
def test_real_torchvision_imports_beside_the_real_torch() -> None:
    code = """
import numpy, torch
from PIL import Image
from torchvision import datasets, transforms
make = transforms.Compose([transforms.Resize(28), transforms.ToTensor()])
made = make(Image.new("L", (56, 56), 255))
print(tuple(made.shape), float(made.mean()), isinstance(b"", torch._six.string_classes))
print(datasets.MNIST.resources[0][0])
"""
    done = subprocess.run(
        [str(engine_python(PYTORCH)), "-c", code], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == (
        "(1, 28, 28) 1.0 True\ntrain-images-idx3-ubyte.gz\n",
        "",
    )
