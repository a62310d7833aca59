"""Turn a model directory into a ready service object."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from pathlib import Path
from typing import Any

from model_service.model_service import SingleNodeService

from .status import Progress

WEIGHT_SUFFIXES = {
    "PyTorch": (".pt", ".pth"),
    "Scikit_Learn": (".joblib", ".pkl"),
    "XGBoost": (".m", ".model", ".ubj"),
    "MindSpore": (".ckpt",),
}
SERVICE_FILE = "customize_service.py"


class PackageError(Exception):
    """The package cannot be served; the text says what to change."""


def load_config(model_dir: Path) -> dict[str, Any]:
    """Read config.json; the registry checked it, so only its presence and form matter here."""
    path = model_dir / "config.json"
    try:
        config = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise PackageError("config.json is missing in the model directory.") from None
    except ValueError as error:
        raise PackageError(f"config.json is not JSON: {error}.") from error
    if not isinstance(config, dict):
        raise PackageError("config.json must be one JSON object.")
    return config


def model_path(model_dir: Path, model_type: str) -> Path:
    """The path a service gets: the model file, or the directory for TensorFlow and others."""
    suffixes = WEIGHT_SUFFIXES.get(model_type)
    if suffixes is None:
        return model_dir
    found = sorted(path for path in model_dir.iterdir() if path.suffix.lower() in suffixes)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise PackageError(
            f"A {model_type} package needs one {' or '.join(suffixes)} file; found: {names}."
        )
    return found[0]


def load_service(model_dir: Path, model_name: str, progress: Progress) -> SingleNodeService:
    """Import customize_service.py and construct its service class.

    Raises PackageError for a package that breaks the rules and whatever the user's code raises.
    """
    config = load_config(model_dir)
    path = model_path(model_dir, str(config.get("model_type", "")))
    # The package's own modules come first, as in the vendor's images.
    sys.path.insert(0, str(model_dir.resolve()))
    progress.enter("import", file=SERVICE_FILE)
    module = _import(model_dir / SERVICE_FILE)
    service_class = _service_class(module)
    progress.enter("load", service=service_class.__name__, model=path.name)
    return _construct(service_class, model_name, str(path))


def _import(path: Path) -> Any:
    if not path.is_file():
        raise PackageError(f"{SERVICE_FILE} is missing in the model directory.")
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PackageError(f"{SERVICE_FILE} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    # Known by name before it runs: pickled models refer to classes of this module.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _service_class(module: Any) -> type[SingleNodeService]:
    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, SingleNodeService)
        and value.__module__ == module.__name__
    ]
    leaves = [one for one in own if not any(one in other.__mro__[1:] for other in own)]
    if len(leaves) != 1:
        names = ", ".join(one.__name__ for one in leaves) or "none"
        raise PackageError(
            f"{SERVICE_FILE} must define exactly one class derived from a model_service base "
            f"class; found: {names}."
        )
    return leaves[0]


def _construct(service_class: type[SingleNodeService], name: str, path: str) -> SingleNodeService:
    """Deep-learning classes take (model_name, model_path), classic ones may take (model_path)."""
    parameters = list(inspect.signature(service_class).parameters.values())
    positional = [
        one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    variadic = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    if len(positional) >= 2 or variadic:
        service = service_class(name, path)
    elif len(positional) == 1:
        service = service_class(path)
    else:
        service = service_class()
    # A class that overrides __init__ without calling super() still finds the documented attributes.
    if not getattr(service, "model_path", None):
        service.model_path = path
    if not getattr(service, "model_name", None):
        service.model_name = name
    return service
