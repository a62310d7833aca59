"""Names, places, sizes and weights of a package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from .report import Opener, PackageReport

QUOTA_BYTES = 20 * 2**30
CONFIG = "model/config.json"
SERVICE = "model/customize_service.py"
PRESET_TYPES = ("TensorFlow", "PyTorch", "MindSpore", "XGBoost", "Scikit_Learn", "Spark_MLlib")
WEIGHT_SUFFIXES = {
    "PyTorch": (".pt", ".pth"),
    "Scikit_Learn": (".joblib", ".pkl"),
    "MindSpore": (".ckpt",),
    "XGBoost": (".m", ".model", ".ubj"),
}


def check_names(files: Mapping[str, Opener], report: PackageReport) -> None:
    """Paths, links, quota, and the directory that must be called exactly ``model``."""
    report.file_count = len(files)
    report.total_size = sum(opener.size for opener in files.values())
    if report.total_size > QUOTA_BYTES:
        report.error(
            "TOO_LARGE",
            "model",
            f"The package has {report.total_size / 2**30:.1f} GB; the quota is "
            f"{QUOTA_BYTES // 2**30} GB.",
            "Remove checkpoints and training data, or use a custom image.",
        )
    for name, opener in files.items():
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\\" in name:
            report.error(
                "BAD_PATH", name, f"`{name}` is not a plain relative path.", "Rename the file."
            )
        elif any(not char.isprintable() for char in name):
            report.error(
                "BAD_PATH",
                name,
                f"{name!r} contains a control character.",
                "Rename the file.",
            )
        elif any(char.isspace() for char in name):
            report.error(
                "SPACE_IN_PATH",
                name,
                f"`{name}` contains a space; model paths must not.",
                f"Rename it, for example to `{'_'.join(name.split())}`.",
            )
        if opener.is_link:
            report.error(
                "LINK",
                name,
                f"`{name}` is a link; a package holds its own bytes.",
                "Replace the link by the file it points to.",
            )
    tops = {name.split("/", 1)[0] for name in files if "/" in name}
    if not any(name.startswith("model/") for name in files):
        near = next((top for top in sorted(tops) if top.lower() == "model"), None)
        if near:
            fix = f"Rename the directory `{near}` to `model`."
        elif "config.json" in files:
            fix = (
                "Choose the parent of the directory that holds config.json, and name that `model`."
            )
        else:
            fix = "Put the files into a directory named `model` below the chosen path."
        report.error("NO_MODEL_DIR", "model", "There is no directory named exactly `model`.", fix)
        return
    strays = sorted(name for name in files if not name.startswith("model/"))
    if strays:
        shown = ", ".join(f"`{name}`" for name in strays[:5])
        report.warn(
            "OUTSIDE_MODEL",
            strays[0],
            f"{len(strays)} file(s) beside the `model` directory are left out: {shown}.",
            "Move what the model needs into `model`.",
        )
    for exact in (CONFIG, SERVICE):
        if exact in files:
            continue
        for name in files:
            if name.lower() == exact:
                report.error(
                    "WRONG_CASE",
                    name,
                    f"`{name}` must be spelled `{exact}`.",
                    f"Rename it to `{PurePosixPath(exact).name}`.",
                )


def check_weights(files: Mapping[str, Opener], report: PackageReport) -> None:
    """The model file that ``model_type`` asks for: exactly one, directly in ``model``."""
    kind = report.model_type
    if kind == "TensorFlow":
        _check_saved_model(files, report)
        return
    suffixes = WEIGHT_SUFFIXES.get(kind)
    if suffixes is None:
        return
    found = sorted(
        name
        for name in files
        if name.startswith("model/") and PurePosixPath(name).suffix.lower() in suffixes
    )
    wanted = " or ".join(suffixes)
    if not found:
        report.error(
            "NO_WEIGHTS",
            "model",
            f"A {kind} package needs one {wanted} file in `model`; there is none.",
            "Save the model there at the end of training.",
        )
        return
    if len(found) > 1:
        report.error(
            "SEVERAL_WEIGHTS",
            found[1],
            f"A {kind} package holds exactly one {wanted} file; found "
            f"{', '.join(f'`{name}`' for name in found[:5])}.",
            "Keep one; several models in one package need a custom image.",
        )
        return
    [name] = found
    if name.count("/") != 1:
        report.error(
            "WEIGHTS_NESTED",
            name,
            f"`{name}` must stand directly in `model`.",
            f"Move it to `model/{PurePosixPath(name).name}`.",
        )
    elif files[name].size == 0:
        report.error("EMPTY_WEIGHTS", name, f"`{name}` has 0 bytes.", "Save the model again.")
    else:
        report.weights = name


def _check_saved_model(files: Mapping[str, Opener], report: PackageReport) -> None:
    if "model/saved_model.pb" not in files:
        report.error(
            "NO_WEIGHTS",
            "model",
            "A TensorFlow package needs `model/saved_model.pb`.",
            "Export the model in SavedModel format.",
        )
    elif not any(name.startswith("model/variables/") for name in files):
        report.error(
            "NO_WEIGHTS",
            "model/variables",
            "A TensorFlow package needs the directory `model/variables`.",
            "Export the model in SavedModel format.",
        )
    else:
        report.weights = "model"
