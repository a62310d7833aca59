"""The engines this installation offers, declared once.

Every package is pinned, the indirect ones too, so the same engine is the same engine next month.
Names follow the vendor's pattern `<framework_version>-<cpu|cuda_x>-<py_x>` (ModelArts, preset
images). A changed declaration changes `digest` and makes existing builds stale.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

# What a model server inside the sandbox needs, besides the framework.
SERVER = (
    "anyio==4.16.0",
    "click==8.5.1",
    "h11==0.16.0",
    "idna==3.20",
    "python-multipart==0.0.34",
    "starlette==1.10.0",
    "typing-extensions==4.16.0",
    "uvicorn==0.54.0",
)
CLASSIC = (
    "cloudpickle==3.1.2",
    "joblib==1.6.0",
    "narwhals==2.28.0",
    "numpy==2.4.6",
    "pillow==13.0.0",
    "scikit-learn==1.9.1",
    "scipy==1.17.1",
    "threadpoolctl==3.8.0",
)
# The CPU build of torch satisfies this pin wherever pip's configured sources offer it.
TORCH = (
    "filelock==4.2.11",
    "fsspec==2026.9.0",
    "jinja2==3.1.6",
    "markupsafe==3.0.4",
    "mpmath==1.3.0",
    "networkx==3.6.1",
    "setuptools==84.2.1",
    "sympy==1.14.0",
    "torch==2.13.0",
)


@dataclass(frozen=True)
class Engine:
    """One engine.

    python: wanted minor version. packages: pinned requirements. model_types: values of
    `model_type` in a model package's config.json that it serves. checks: modules that must import
    before a build counts as done. size_mb: installed size, for the progress and the page.
    """

    name: str
    title: str
    description: str
    python: str
    packages: tuple[str, ...]
    model_types: tuple[str, ...]
    checks: tuple[str, ...]
    size_mb: int

    @property
    def digest(self) -> str:
        """SHA-256 over everything that decides what the build contains."""
        text = json.dumps([self.name, self.python, sorted(self.packages)])
        return hashlib.sha256(text.encode()).hexdigest()


_ALL = (
    Engine(
        name="python_3.11-sklearn-cpu",
        title="Python 3.11, scikit-learn (CPU)",
        description="NumPy, SciPy, scikit-learn, joblib and Pillow. Trains and serves classic "
        "models; the small choice when no deep learning is needed.",
        python="3.11",
        packages=(*CLASSIC, *SERVER),
        model_types=("Scikit_Learn", "Custom"),
        checks=("numpy", "sklearn", "joblib", "PIL", "starlette", "uvicorn", "multipart"),
        size_mb=290,
    ),
    Engine(
        name="pytorch_2.13-cpu-py_3.11",
        title="PyTorch 2.13, Python 3.11 (CPU)",
        description="PyTorch 2.13 for processors, with NumPy, scikit-learn and Pillow. Trains and "
        "serves PyTorch models without an accelerator.",
        python="3.11",
        packages=(*CLASSIC, *TORCH, *SERVER),
        model_types=("PyTorch", "Custom"),
        checks=("torch", "numpy", "sklearn", "PIL", "starlette", "uvicorn", "multipart"),
        size_mb=1110,
    ),
)

ENGINES: dict[str, Engine] = {engine.name: engine for engine in _ALL}


def engine_types() -> dict[str, tuple[str, ...]]:
    """model_type -> names of the engines that serve it."""
    found: dict[str, tuple[str, ...]] = {}
    for engine in _ALL:
        for kind in engine.model_types:
            found[kind] = (*found.get(kind, ()), engine.name)
    return found


def engine_packages() -> dict[str, dict[str, str]]:
    """Engine name -> {package: version} that it is declared to hold."""
    return {
        engine.name: dict(package.split("==", 1) for package in engine.packages)  # type: ignore[misc]
        for engine in _ALL
    }
