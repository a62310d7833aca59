"""Look at a whole package without running any of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .config import check_config, read_config
from .dependencies import check_installed
from .layout import CONFIG, PRESET_TYPES, SERVICE, check_names, check_weights
from .report import Opener, PackageReport
from .service_code import check_service


def inspect(
    files: Mapping[str, Opener],
    *,
    engine_types: Mapping[str, Collection[str]],
    engine_packages: Mapping[str, Mapping[str, str]] | None = None,
) -> PackageReport:
    """Check layout, config.json, weights and customize_service.py; report everything at once.

    Args:
        files: path relative to the parent of ``model`` -> file.
        engine_types: ``model_type`` -> names of the installed engines that run it, for example
            ``{"PyTorch": ["pytorch_2.13-cpu-py_3.11"]}``.
        engine_packages: engine name -> {package: version}. An engine that is not in it is not
            asked whether it has the model's dependencies.

    Nothing of the package is executed or unpickled. An OSError of the store passes through.
    """
    report = PackageReport()
    check_names(files, report)
    if not any(name.startswith("model/") for name in files):
        return report
    if CONFIG not in files:
        report.error(
            "NO_CONFIG",
            CONFIG,
            "`model/config.json` is missing.",
            "Add it; it needs at least model_algorithm, model_type and runtime.",
        )
    elif (raw := read_config(files[CONFIG], report)) is not None:
        check_config(raw, report, files)
        _choose_engine(report, engine_types)
        check_weights(files, report)
        if report.engine in (engine_packages or {}):
            check_installed((engine_packages or {})[report.engine], report)
    if SERVICE in files and report.model_type != "Custom":  # own content there
        check_service(files[SERVICE], report)
    elif report.model_type in PRESET_TYPES:
        report.error(
            "NO_SERVICE_CODE",
            SERVICE,
            f"`model/customize_service.py` is missing; {report.model_type} engines need it.",
            "Add the inference code; the digits sample shows one.",
        )
    return report


def _choose_engine(report: PackageReport, engine_types: Mapping[str, Collection[str]]) -> None:
    """Exact runtime if installed, otherwise the first engine of the same type, with a warning."""
    if report.model_type == "Custom":
        _engine_of_custom(report, list(engine_types.get("Custom", ())))
        return
    if report.model_type not in PRESET_TYPES:
        return
    engines = sorted(engine_types.get(report.model_type, ()))
    if report.runtime in engines:
        report.engine = report.runtime
    elif engines:
        report.engine = engines[-1]
        if report.runtime:
            report.warn(
                "RUNTIME_REPLACED",
                CONFIG,
                f"The runtime `{report.runtime}` is not installed here; the model will run with "
                f"`{report.engine}`.",
                "Check the first prediction, or write the installed runtime into config.json.",
                "$.runtime",
            )
    else:
        _no_engine(report, {name for names in engine_types.values() for name in names})


def _engine_of_custom(report: PackageReport, engines: list[str]) -> None:
    """The engine that ``runtime`` names; without one the first. Another one than the named would
    lack what the command needs, so it is not replaced."""
    if not engines:
        _no_engine(report, set())
    elif not report.runtime:
        report.engine = engines[0]
    elif report.runtime in engines:
        report.engine = report.runtime
    else:
        report.error(
            "RUNTIME_UNKNOWN",
            CONFIG,
            f"The runtime `{report.runtime}` is not installed here.",
            f"Use one of {', '.join(engines)}; without `runtime` it is {engines[0]}.",
            "$.runtime",
        )


def _no_engine(report: PackageReport, installed: Collection[str]) -> None:
    report.warn(
        "ENGINE_UNSUPPORTED",
        CONFIG,
        f"No engine for {report.model_type} is installed here; the model cannot be proved or "
        "deployed yet.",
        f"Installed: {', '.join(sorted(installed)) or 'none'}. Install one or convert the model.",
        "$.model_type",
    )
