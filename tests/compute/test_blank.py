"""Empty file systems are copies of one that was made before, whole and bounded in number."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from compute.runner import blank, volume
from compute.sandbox.spec import MIB, Limits
from tests.compute.helpers import Lab

pytestmark = pytest.mark.skipif(blank.tool() is None, reason="needs mkfs.ext4")
SMALL = Limits(memory_mb=256, pids=64, file_size_mb=4096, disk_mb=48, files=2000, tmp_mb=8)


@pytest.fixture
def formatted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that mkfs.ext4 was run for."""
    paths: list[str] = []
    original = blank._format

    def count(path: str, inodes: int) -> None:
        paths.append(path)
        original(path, inodes)

    monkeypatch.setattr(blank, "_format", count)
    return paths


def image(folder: Path, name: str, size: int = 16 * MIB) -> Path:
    path = folder / name
    with path.open("wb") as file:
        file.truncate(size)
    return path


def sound(path: Path) -> bool:
    check = shutil.which("e2fsck", path=blank.SEARCHED)
    assert check is not None
    return subprocess.run([check, "-fn", str(path)], capture_output=True).returncode == 0


def test_it_is_made_once_and_copied(tmp_path: Path, formatted: list[str]) -> None:
    kept = tmp_path / "volumes"
    for name in ("one", "two"):
        blank.fill(image(tmp_path, name), 1024, kept)
        assert sound(tmp_path / name)
    assert len(formatted) == 1 and len(list(kept.iterdir())) == 1
    blank.fill(image(tmp_path, "larger", 32 * MIB), 1024, kept)
    assert len(formatted) == 2 and sound(tmp_path / "larger")
    assert kept.stat().st_mode & 0o777 == 0o700


def test_no_more_are_kept_than_a_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blank, "MOST", 2)
    for number in range(4):
        blank.fill(image(tmp_path, f"{number}", (16 + number) * MIB), 1024, tmp_path / "volumes")
    assert len(list((tmp_path / "volumes").iterdir())) == 2


def test_a_host_that_knows_no_holes_gets_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formatted: list[str]
) -> None:
    monkeypatch.setattr(blank, "_data", lambda descriptor: iter([(0, blank.MUCH + 1)]))
    path = image(tmp_path, "one")
    blank.fill(path, 1024, tmp_path / "volumes")
    assert formatted[-1] == str(path) and sound(path)


def test_what_cannot_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blank, "tool", lambda: "/usr/bin/false")
    with pytest.raises(blank.Unformattable):
        blank.fill(image(tmp_path, "one"), 1024, tmp_path / "volumes")
    assert list((tmp_path / "volumes").iterdir()) == []


@pytest.mark.skipif(not volume.available(), reason="needs root and a loop device")
def test_a_damaged_one_is_replaced(lab: Lab) -> None:
    """A host that lost power may have kept a file of zeros. The disk is bounded all the same."""
    assert lab.run("print(1)\n", limits=SMALL).state["disk"] == "volume"
    (kept,) = (lab.backend.root / "volumes").iterdir()
    with kept.open("r+b") as file:
        file.write(bytes(64 * 1024))
    assert lab.run("print(2)\n", limits=SMALL).state["disk"] == "volume"
    (fresh,) = (lab.backend.root / "volumes").iterdir()
    assert sound(fresh)
