"""The engines this installation offers, declared once.

Every package is pinned, the indirect ones too, and the engine's lock (`compute.engines.lock`) has
the SHA-256 of each of its files, so the same engine is the same engine next month.
Names follow the vendor's pattern `<framework_version>-<cpu|cuda_x>-<py_x>` (ModelArts, preset
images). A changed declaration changes `digest` and makes existing builds stale.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache

from compute.engines import lock, startup

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
# What a package that brings its own server (model type Custom) is usually written with.
FLASK = (
    "blinker==1.9.0",
    "flask==3.1.3",
    "itsdangerous==2.2.0",
    "jinja2==3.1.6",
    "markupsafe==3.0.4",
    "werkzeug==3.1.9",
)
# The CPU build of torch satisfies this pin wherever pip's configured sources offer it. The compiled
# part of the index's torchvision cannot load beside it; `compute/engines/startup` sees to that.
TORCH = (
    "filelock==4.2.11",
    "fsspec==2026.9.0",
    "mpmath==1.3.0",
    "networkx==3.6.1",
    "setuptools==84.2.1",
    "sympy==1.14.0",
    "torch==2.13.0",
    "torchvision==0.28.0",
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
        """SHA-256 over everything that decides what the build contains. Raises OSError where the
        engine has no lock."""
        return _digest(self)


@cache
def _digest(engine: Engine) -> str:
    locked = lock.path(engine.name).read_text() if engine.packages else ""
    decisive = [engine.name, engine.python, sorted(engine.packages), locked, startup.content()]
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()


_ALL = (
    Engine(
        name="python_3.11-sklearn-cpu",
        title="Python 3.11, scikit-learn (CPU)",
        description="NumPy, SciPy, scikit-learn, joblib, Pillow and Flask. Trains and serves "
        "classic models; the small choice when no deep learning is needed.",
        python="3.11",
        packages=(*CLASSIC, *FLASK, *SERVER),
        model_types=("Scikit_Learn", "Custom"),
        checks=("numpy", "sklearn", "joblib", "PIL", "flask", "starlette", "uvicorn", "multipart"),
        size_mb=290,
    ),
    Engine(
        name="pytorch_2.13-cpu-py_3.11",
        title="PyTorch 2.13, Python 3.11 (CPU)",
        description="PyTorch 2.13 and torchvision for processors, with NumPy, scikit-learn, Pillow "
        "and Flask. Trains and serves PyTorch models without an accelerator.",
        python="3.11",
        packages=(*CLASSIC, *TORCH, *FLASK, *SERVER),
        model_types=("PyTorch", "Custom"),
        checks=(
            "torch",
            "torchvision",
            "numpy",
            "sklearn",
            "PIL",
            "flask",
            "starlette",
            "uvicorn",
            "multipart",
        ),
        size_mb=1134,
    ),
)

ENGINES: dict[str, Engine] = {engine.name: engine for engine in _ALL}


#: how names of ModelArts' preset images begin -> the model type of their framework
FAMILIES = {
    "pytorch": "PyTorch",
    "scikit_learn": "Scikit_Learn",
    "sklearn": "Scikit_Learn",
}


def counterpart(name: str) -> Engine | None:
    """The engine of the same framework as a preset image of ModelArts, such as
    ``pytorch_1.8.0-cuda_10.2-py_3.7-ubuntu_18.04-x86_64``; None for other names."""
    flat = name.lower().replace("-", "_")
    for family, kind in FAMILIES.items():
        version = flat.removeprefix(f"{family}_")
        if version != flat and version[:1].isdigit():
            return ENGINES[engine_types()[kind][0]]
    return None


def engine_types() -> dict[str, tuple[str, ...]]:
    """model_type -> names of the engines that serve it."""
    found: dict[str, tuple[str, ...]] = {}
    for engine in _ALL:
        for kind in engine.model_types:
            found[kind] = (*found.get(kind, ()), engine.name)
    return found


def _pinned(package: str) -> tuple[str, str]:
    name, _equals, version = package.partition("==")
    return name, version


def engine_packages() -> dict[str, dict[str, str]]:
    """Engine name -> {package: version} that it is declared to hold."""
    return {engine.name: dict(_pinned(package) for package in engine.packages) for engine in _ALL}
