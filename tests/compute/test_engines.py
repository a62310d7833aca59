"""The engine catalogue and the builder, with a real (empty) environment and a broken one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from compute import environment
from compute.engines import build, lock, manage, startup
from compute.engines.catalogue import ENGINES, Engine, engine_types
from compute.engines.hold import claim, hold
from tests.engines import BUILD_SECONDS
from tests.waiting import until

TINY = Engine("tiny", "Tiny", "Nothing but Python.", "3.11", (), (), ("json",), 1)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setitem(ENGINES, "tiny", TINY)
    return TINY


def test_every_engine_is_pinned_and_named_after_what_it_holds() -> None:
    for name, engine in ENGINES.items():
        assert name == engine.name
        assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin) for pin in engine.packages), name
        names = [pin.split("==")[0] for pin in engine.packages]
        assert len(names) == len(set(names))
        assert {"uvicorn", "starlette", "python-multipart"} <= set(names)
    torch = ENGINES["pytorch_2.13-cpu-py_3.11"]
    assert "torch==2.13.0" in torch.packages
    assert engine_types() == {
        "Scikit_Learn": ("python_3.11-sklearn-cpu",),
        "PyTorch": ("pytorch_2.13-cpu-py_3.11",),
        "Custom": tuple(ENGINES),
    }


def test_digest_changes_with_what_is_installed_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LOCKS", tmp_path)
    renamed = Engine("tiny", "Other title", "d", "3.11", (), (), (), 9)
    assert TINY.digest == renamed.digest
    digests = {TINY.digest}
    for number, text in enumerate(("x==1", "x==1 --hash=sha256:00")):
        lock.path(f"tiny{number}").write_text(text)
        digests.add(Engine(f"tiny{number}", "T", "d", "3.11", ("x==1",), (), (), 1).digest)
    monkeypatch.setattr(startup, "content", lambda: {"modelyard_compat.py": "pass"})
    digests.add(Engine("tiny2", "T", "d", "3.11", (), (), (), 1).digest)
    assert len(digests) == 4


def test_every_engine_has_a_closed_lock_with_digests() -> None:
    """The lock holds each pin of the catalogue, and what the pins ask for is locked too."""
    for name, engine in ENGINES.items():
        text = lock.path(name).read_text()
        installed, others = lock.split(text, engine.packages)
        for block in re.split(r"\n(?=\S)", installed + others):
            assert re.search(r"^[a-z0-9-]+==\S+( ; .+)? \\\n +--hash=sha256:[0-9a-f]{64}", block)
        assert "://" not in text, name
        if "sklearn" in name:
            assert not others
        else:
            assert {line.split("-")[0] for line in others.splitlines() if "==" in line} == {
                "nvidia", "cuda", *(f"triton=={v}" for v in re.findall(r"triton==(.+)", others)),
            }  # fmt: skip
            assert "torchvision==0.28.0" in installed
            for digest in lock.CPU_BUILDS["torch"]:
                assert digest in installed


def test_a_lock_that_does_not_fit_the_catalogue_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LOCKS", tmp_path)
    text = "# head\na==1 \\\n    --hash=sha256:00\nb==2 \\\n    --hash=sha256:11\n"
    assert lock.split(text, ("a==1",)) == (
        "a==1 \\\n    --hash=sha256:00\n",
        "b==2 \\\n    --hash=sha256:11\n",
    )
    with pytest.raises(ValueError, match="The lock says a==1, the catalogue a==3"):
        lock.split(text, ("a==3",))
    with pytest.raises(ValueError, match="Not in the lock: c"):
        lock.split(text, ("c==1",))


def wheel(folder: Path, code: str) -> str:
    """Write `tiny_package` 1.0 as a wheel; returns its SHA-256."""
    path = folder / "tiny_package-1.0-py3-none-any.whl"
    about = "tiny_package-1.0.dist-info"
    files = {
        "tiny_package.py": code,
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: tiny-package\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as file:
        for name, text in files.items():
            file.writestr(zipfile.ZipInfo(name), text)  # always of the same moment
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_is_not_in_the_lock_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources, root = tmp_path / "sources", tmp_path / "engines"
    sources.mkdir()
    monkeypatch.setattr(lock, "LOCKS", tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", str(sources))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    checks = ("tiny_package", "modelyard_compat")
    engine = Engine("locked", "T", "d", "3.11", ("tiny-package==1.0",), (), checks, 1)
    monkeypatch.setitem(ENGINES, "locked", engine)
    good = wheel(sources, "VALUE = 1")
    lock.path("locked").write_text(f"tiny-package==1.0 \\\n    --hash=sha256:{good}\n")
    wheel(sources, "VALUE = 'somebody else wrote this'")
    assert build.main(["locked", str(root / "locked")]) == 1
    assert "for tiny-package==1.0 is not one that the engine's lock knows" in (
        manage.status(root, "locked").message
    )
    assert not manage.status(root, "locked").usable
    assert wheel(sources, "VALUE = 1") == good
    assert build.main(["locked", str(root / "locked")]) == 0
    assert manage.status(root, "locked").manifest["packages"] == {"tiny-package": "1.0"}


def test_build_is_complete_readable_and_atomic(
    tiny: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    root = tmp_path / "engines"
    assert manage.status(root, "tiny").phase == "absent"
    assert build.main(["tiny", str(root / "tiny")]) == 0
    status = manage.status(root, "tiny")
    assert (status.phase, status.percent, status.usable) == ("ready", 100, True)
    assert status.path is not None
    assert (status.path / "bin/python").resolve().as_posix().startswith("/usr/bin/")
    assert status.manifest["digest"] == tiny.digest
    assert re.fullmatch(r"3\.\d+\.\d+", status.manifest["python"])
    for top, directories, files in os.walk(status.path):
        for name in (*directories, *files):
            mode = os.stat(os.path.join(top, name)).st_mode
            assert mode & stat.S_IROTH, name
    assert [entry.name for entry in (root / ".builds").iterdir()] == [status.path.name]

    # Unchanged: nothing is built again. Changed: the link moves, the old directory stays in use.
    built = status.manifest["built_at"]
    assert build.main(["tiny", str(root / "tiny")]) == 0
    assert manage.status(root, "tiny").manifest["built_at"] == built
    newer = Engine("tiny", "Tiny", "d", "3.11", (), (), ("json", "csv"), 1)
    monkeypatch.setattr(Engine, "digest", property(lambda self: "f" * 64))
    monkeypatch.setitem(ENGINES, "tiny", newer)
    assert manage.status(root, "tiny").phase == "stale"
    assert manage.status(root, "tiny").usable
    assert build.main(["tiny", str(root / "tiny")]) == 0
    assert status.path.exists()
    assert manage.status(root, "tiny").path != status.path
    assert manage.prune(root) == [], "somebody may have read the link a moment ago"
    monkeypatch.setattr(manage, "YOUNG_SECONDS", 0.0)
    assert manage.prune(root, in_use=[status.path]) == []
    runner = hold(status.path)
    assert runner is not None
    assert manage.prune(root) == [], "a runner holds it, of whichever installation"
    os.close(runner)
    remover = claim(status.path)
    assert remover is not None
    assert hold(status.path) is None, "nobody starts from what is being removed"
    os.close(remover)
    settings.MODELYARD_ENGINES = root
    monkeypatch.delitem(ENGINES, "tiny")  # an engine of another version that shares the directory
    assert environment.prune() == 1
    assert not status.path.exists()
    assert hold(status.path) is None
    monkeypatch.setitem(ENGINES, "tiny", newer)
    assert manage.status(root, "tiny").phase == "ready"
    assert environment.prune() == 0


def test_failed_build_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Engine("tiny", "T", "d", "3.11", (), (), ("no_such_module_here",), 1)
    monkeypatch.setitem(ENGINES, "tiny", broken)
    root = tmp_path / "engines"
    assert build.main(["tiny", str(root / "tiny")]) == 1
    status = manage.status(root, "tiny")
    assert status.phase == "failed"
    assert "no_such_module_here" in status.message
    assert not status.usable
    assert list((root / ".builds").iterdir()) == []


def test_unknown_engine_and_second_builder_are_refused(tiny: Engine, tmp_path: Path) -> None:
    import fcntl

    assert build.main(["none", str(tmp_path / "none")]) == 2
    lock = os.open(tmp_path / "tiny.build.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert build.main(["tiny", str(tmp_path / "tiny")]) == 3
    os.close(lock)
    with pytest.raises(KeyError):
        manage.launch_build(tmp_path, "none")


def test_interrupted_build_is_not_called_running(tiny: Engine, tmp_path: Path) -> None:
    report = {"phase": "installing", "percent": 40, "message": "", "log": "", "pid": os.getpid(),
              "pid_start": 1, "digest": tiny.digest}  # fmt: skip
    (tmp_path / "tiny.build.json").write_text(json.dumps(report))
    assert manage.status(tmp_path, "tiny").phase == "failed"
    assert "interrupted" in manage.status(tmp_path, "tiny").message


def test_sources_of_pip_are_passed_on() -> None:
    options = build.uv_sources({"PIP_FIND_LINKS": "/a /b", "PIP_INDEX_URL": "https://i/simple"})
    assert options == [
        "--default-index", "https://i/simple", "--find-links", "/a", "--find-links", "/b",
    ]  # fmt: skip


@pytest.mark.slow
def test_real_engine_is_built_in_the_background(tmp_path: Path) -> None:
    """The scikit-learn engine, as a task starts it: detached, with progress, usable at the end."""
    root = tmp_path / "engines"
    manage.launch_build(root, "python_3.11-sklearn-cpu")
    until(lambda: manage.status(root, "python_3.11-sklearn-cpu").phase != "absent")
    until(
        lambda: manage.status(root, "python_3.11-sklearn-cpu").phase in ("ready", "failed"),
        seconds=BUILD_SECONDS,
    )
    status = manage.status(root, "python_3.11-sklearn-cpu")
    assert status.phase == "ready", status.message
    assert status.manifest["packages"]["scikit-learn"] == "1.9.1"
