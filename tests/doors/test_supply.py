"""What is installed is what was tested: the lock, file by file."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ops.supervisor import bootstrap

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(.*)$", re.MULTILINE)


def locked() -> dict[str, str]:
    return {canonicalize_name(m[1]): m[2] for m in _ENTRY.finditer(LOCK)}


def wanted(name: str) -> dict[str, str]:
    """Pinned lines of a requirements file."""
    found = {}
    for line in (ROOT / name).read_text().splitlines():
        text = line.split("#")[0].strip()
        if text and not text.startswith("-"):
            requirement = Requirement(text)
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", f"{name}: {text} is not pinned"
            found[canonicalize_name(requirement.name)] = specifier.version
    return found


def test_lock_and_requirements_agree() -> None:
    lock = locked()
    for name, version in wanted("requirements.txt").items():
        assert lock.get(name) == version, (
            f"{name}: requirements.txt says {version}, requirements.lock {lock.get(name)}. "
            "Make the lock again with the command in its second line."
        )


def test_tools_are_pinned() -> None:
    assert wanted("requirements-dev.txt")


def test_every_package_has_digests_and_no_address() -> None:
    blocks = re.split(r"\n(?=\S)", LOCK)
    packages = [block for block in blocks if not block.startswith("#")]
    assert len(packages) == len(locked()) > 40
    for block in packages:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block[:80]
    assert "://" not in LOCK and "--index" not in LOCK and "@" not in LOCK


def test_the_lock_is_closed() -> None:
    """Whatever a locked package asks for on this machine is locked too: nothing comes unseen."""
    lock, seen = locked(), 0
    for name, version in lock.items():
        try:
            there = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another platform
        assert there.version == version, f"{name} {there.version} is installed, {version} is locked"
        for text in there.requires or ():
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert canonicalize_name(need.name) in lock, f"{name} needs {need.name}"
        seen += 1
    assert seen > 40


def test_the_installer_refuses_files_that_are_not_in_the_lock() -> None:
    text = Path(bootstrap.__file__).read_text()
    assert text.count("--require-hashes") == 2  # uv itself by pip, and everything by uv or pip
    block = bootstrap.locked("uv")
    assert block.startswith("uv==") and block.count("--hash=sha256:") >= 1
    assert len(_ENTRY.findall(block)) == 1
