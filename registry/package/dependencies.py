"""The ``dependencies`` of config.json: packages that a model needs beside its engine's.

Nothing is installed for one model: engines are fixed, so that the same model runs the same next
month. What an engine has not got is therefore a finding, and not left out in silence.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from .layout import CONFIG
from .report import PackageReport, said

RESTRAINTS = ("EXACT", "ATLEAST", "ATMOST")
MAX_NAME = 100
MAX_VERSION = 64
LETTERS = frozenset(string.ascii_letters + string.digits)


def check_dependencies(raw: Any, report: PackageReport) -> list[dict[str, Any]]:
    """Return the groups that pass, normalised to the pip installer and upper-case restraints."""
    where = "$.dependencies"
    if not isinstance(raw, list):
        report.error("FIELD_TYPE", CONFIG, "`dependencies` must be an array.", "Use [ ].", where)
        return []
    if raw and report.model_type == "Image":
        report.error(
            "DEPENDENCIES_WITH_IMAGE",
            CONFIG,
            "`dependencies` cannot be installed into a custom image.",
            "Install them when building the image.",
            where,
        )
    groups = []
    for place, group in enumerate(raw):
        here = f"{where}[{place}]"
        if not isinstance(group, dict) or not isinstance(group.get("packages"), list):
            report.error(
                "DEPENDENCY_SHAPE",
                CONFIG,
                "Each dependency needs `installer` and an array `packages`.",
                'Example: {"installer": "pip", "packages": [{"package_name": "numpy"}]}.',
                here,
            )
            continue
        if group.get("installer", "pip") != "pip":
            report.error(
                "INSTALLER_UNKNOWN",
                CONFIG,
                f"The installer `{group['installer']}` is not supported.",
                "Use pip.",
                f"{here}.installer",
            )
        packages = [
            package
            for at, item in enumerate(group["packages"])
            if (package := _package(item, f"{here}.packages[{at}]", report)) is not None
        ]
        groups.append({"installer": "pip", "packages": packages})
    return groups


def _package(raw: Any, where: str, report: PackageReport) -> dict[str, str] | None:
    name = raw.get("package_name") if isinstance(raw, dict) else None
    if not isinstance(name, str) or not _is_name(name):
        report.error(
            "PACKAGE_NAME",
            CONFIG,
            f"{said(name)} is not a package name.",
            f"Use letters, digits, `.`, `_` and `-`; at most {MAX_NAME} characters.",
            f"{where}.package_name",
        )
        return None
    package = {"package_name": name}
    version, restraint = raw.get("package_version"), raw.get("restraint")
    if version in (None, ""):
        if restraint:
            report.warn(
                "RESTRAINT_ALONE",
                CONFIG,
                f"`restraint` of `{name}` has no version to apply to.",
                "Add package_version or remove restraint.",
                f"{where}.restraint",
            )
        return package
    if not isinstance(version, str) or not _is_version(version):
        report.error(
            "PACKAGE_VERSION",
            CONFIG,
            f"{said(version)} is not a version of `{name}`.",
            'Write text like "1.26.4".',
            f"{where}.package_version",
        )
        return None
    if not isinstance(restraint, str) or restraint.upper() not in RESTRAINTS:
        report.error(
            "RESTRAINT",
            CONFIG,
            f"`{name}` has a version but no `restraint`, which says how the version is meant."
            if restraint in (None, "")
            else f"`{name}`: {said(restraint)} is no `restraint` of a version.",
            f"Use one of {', '.join(RESTRAINTS)}.",
            f"{where}.restraint",
        )
        return None
    return package | {"package_version": version, "restraint": restraint.upper()}


def check_installed(installed: Mapping[str, str], report: PackageReport) -> None:
    """Record every dependency that ``report.engine`` (with packages ``installed``: name ->
    version) does not bring. Versions are compared by their numbers alone: 2.1 for 2.1.0rc1."""
    has = {canonical(name): version for name, version in installed.items()}
    for at, group in enumerate(report.config.get("dependencies") or []):
        for number, package in enumerate(group["packages"]):
            name, where = package["package_name"], f"$.dependencies[{at}].packages[{number}]"
            version = has.get(canonical(name))
            if version is None:
                report.error(
                    "DEPENDENCY_MISSING",
                    CONFIG,
                    f"The engine `{report.engine}` has no package `{name}`, and packages are not "
                    "installed for one model.",
                    f"Choose an engine that has it, put its Python files into `model`, or take it "
                    f"out of `dependencies` when the code does without. {_offer(has)}",
                    where,
                )
            elif not fits(version, package):
                asked = f"{package['restraint']} {package['package_version']}"
                report.error(
                    "DEPENDENCY_VERSION",
                    CONFIG,
                    f"The engine `{report.engine}` has {name} {version}; the model asks for "
                    f"{asked}.",
                    f"Make the code work with {version} and write that down, or choose another "
                    "engine.",
                    where,
                )


def canonical(name: str) -> str:
    """One spelling per package (PyPA, name normalization)."""
    words = name.replace("_", "-").replace(".", "-").split("-")
    return "-".join(word for word in words if word).lower()


def _is_name(text: str) -> bool:
    return (
        0 < len(text) <= MAX_NAME
        and {text[0], text[-1]} <= LETTERS
        and set(text) <= LETTERS | set("._-")
    )


def _is_version(text: str) -> bool:
    return (
        0 < len(text) <= MAX_VERSION and text[0] in LETTERS and set(text) <= LETTERS | set(".+!-")
    )


def fits(version: str, package: Mapping[str, str]) -> bool:
    """Whether an installed version obeys the restraint of a normalised package entry."""
    if "restraint" not in package:
        return True
    has, asked = _release(version), _release(package["package_version"])
    return {"EXACT": has == asked, "ATLEAST": has >= asked, "ATMOST": has <= asked}[
        package["restraint"]
    ]


def _release(version: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in version.removeprefix("v").split("."):
        digits = part[: len(part) - len(part.lstrip(string.digits))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _offer(has: Mapping[str, str]) -> str:
    return f"The engine has: {', '.join(sorted(has))}."
