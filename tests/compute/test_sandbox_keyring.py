"""Keys of whoever started the console, and notes between tenants: neither is in a sandbox."""

from __future__ import annotations

import ctypes
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from compute.engines.catalogue import ENGINES
from compute.sandbox import capabilities, keyring
from tests.compute.helpers import Lab

PROJECT = Path(__file__).parents[2]
REPORT = capabilities()
LIBC = ctypes.CDLL(None, use_errno=True)
KEYCTL = keyring.KEYCTL.get(platform.machine(), -1)
ADD_KEY = {"x86_64": 248, "aarch64": 217}.get(platform.machine(), -1)
MINE = -3  # KEY_SPEC_SESSION_KEYRING

#: as pam_keyinit does, and then the runner, with or without parts of its protection
LOGIN = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
assert libc.syscall({keyctl}, 1, b"login") > 0
assert libc.syscall({add}, b"user", b"operator-secret", b"the-operators", 13, -3) > 0
from compute.sandbox import report, syscalls
if "weak" in sys.argv[2:]:
    report.find_bwrap = lambda: None
if "no filter" in sys.argv[2:]:
    syscalls.here = lambda isolated: None
from compute.runner.__main__ import main
sys.exit(main(sys.argv[1:2]))
"""
TRY = """
import ctypes, errno, json
libc = ctypes.CDLL(None, use_errno=True)
def call(*given):
    found = libc.syscall(*given)
    return found if found >= 0 else errno.errorcode[ctypes.get_errno()]
kept = ctypes.create_string_buffer(4096)
print('TRIED ' + json.dumps({
    'session': call(KEYCTL, 0, -3, 0),
    'search': call(KEYCTL, 10, -3, b'user', b'operator-secret', 0),
    'described': [call(KEYCTL, 6, -3, kept, 4096), kept.value.decode()],
    'list': open('/proc/keys').read(),
    'note': call(ADD_KEY, b'user', b'note', b'text', 4, -3),
}))
"""


def keys_work() -> bool:
    """Whether this kernel has keys and lets this process use them."""
    return KEYCTL > 0 and LIBC.syscall(KEYCTL, 0, MINE, 0) > 0


pytestmark = pytest.mark.skipif(not keys_work(), reason="no keys on this machine")


@pytest.fixture
def place() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="my-t-keys-"))  # reachable for other users, unlike tmp_path
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


def tried(lab: Lab, place: Path, *without: str) -> dict[str, object]:
    """What a program finds whose runner was started in the operator's login."""
    engine = shutil.copytree(lab.engine, place / "engine", symlinks=True)
    directory = place / "attempts" / "a"
    directory.mkdir(parents=True, mode=0o700)
    program = f"KEYCTL, ADD_KEY = {KEYCTL}, {ADD_KEY}\n{TRY}"
    spec = replace(lab.spec(program), directory=str(directory), engine=str(engine))
    (directory / "spec.json").write_text(spec.to_json())
    (directory / "token").write_text("1")
    login = LOGIN.format(keyctl=KEYCTL, add=ADD_KEY)
    done = subprocess.run(
        [sys.executable, "-c", login, str(directory / "spec.json"), *without],
        cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False,
        env={"PATH": "/usr/bin:/bin", "MODELYARD_ALLOW_WEAK_SANDBOX": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    log = "".join(one.read_text() for one in (directory / "log").iterdir())
    found = [line for line in log.splitlines() if line.startswith("TRIED ")]
    assert found, log
    return json.loads(found[0][6:])  # type: ignore[no-any-return]


@pytest.mark.parametrize("way", ["full", "weak"])
def test_the_operators_keys_are_not_inherited(lab: Lab, place: Path, way: str) -> None:
    """Even where nothing refuses the calls: the session keyring is another one, and empty."""
    if way == "full" and REPORT.isolation != "full":
        pytest.skip(f"no isolation here: {REPORT.fix}")
    found = tried(lab, place, way, "no filter")
    assert isinstance(found["session"], int) and found["session"] > 0
    assert found["search"] == "ENOKEY"
    assert "login" not in str(found["described"])
    assert "operator-secret" not in str(found["list"])
    if way == "full":
        assert found["list"] == ""


@pytest.mark.parametrize("way", ["full", "weak"])
def test_no_call_about_keys_is_answered(lab: Lab, place: Path, way: str) -> None:
    """So nobody leaves a note for the next attempt under the same uid."""
    if way == "full" and REPORT.isolation != "full":
        pytest.skip(f"no isolation here: {REPORT.fix}")
    found = tried(lab, place, way)
    assert {found[name] for name in ("session", "search", "note")} == {"EPERM"}


def test_an_engine_is_built_without_the_operators_keys() -> None:
    """What a package of an engine runs while it is installed and imported sees no keys."""
    ask = (
        "import ctypes, sys\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        f"assert libc.syscall({KEYCTL}, 1, b'login') > 0\n"
        f"assert libc.syscall({ADD_KEY}, b'user', b'operator-secret', b'x', 1, -3) > 0\n"
        "from compute.engines import build\n"
        "build.build = lambda *given: print(libc.syscall("
        f"{KEYCTL}, 10, -3, b'user', b'operator-secret', 0))\n"
        "sys.exit(build.main(sys.argv[1:]))\n"
    )
    name = next(iter(ENGINES))
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [sys.executable, "-c", ask, name, f"{directory}/{name}"],
            cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "-1\n"), done.stderr
