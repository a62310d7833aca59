"""What isolation this machine can give, what is missing, and the one command that repairs it."""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from compute.sandbox import cgroups, syscalls
from compute.sandbox.command import PRLIMIT, SETPRIV, find_bwrap

WEAK_VARIABLE = "MODELYARD_ALLOW_WEAK_SANDBOX"
PROBE_UID = 65534
PROBE_SECONDS = 10


class SandboxUnavailable(RuntimeError):
    """No isolation on this machine; the message names the command that repairs it."""


@dataclass(frozen=True)
class Problem:
    """Something missing: what it is, what follows from it, and the command that repairs it."""

    what: str
    effect: str
    fix: str
    blocking: bool


@dataclass(frozen=True)
class SandboxReport:
    """isolation: "full" (bubblewrap works), "weak" (the operator allowed limits only), "none"."""

    isolation: str
    bubblewrap: str
    bubblewrap_path: str
    user_namespaces: bool
    root: bool
    cgroup_version: int
    controllers: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def fix(self) -> str:
        """The command to run first; empty when nothing is missing."""
        ranked = sorted(self.problems, key=lambda problem: not problem.blocking)
        return ranked[0].fix if ranked else ""

    @property
    def disable_userns(self) -> bool:
        """Whether this bubblewrap can forbid nested user namespaces (0.8.0 and later)."""
        return _version_tuple(self.bubblewrap) >= (0, 8)

    def require(self) -> None:
        """Raise SandboxUnavailable unless programs may be started."""
        if self.isolation != "none":
            return
        problem = next(problem for problem in self.problems if problem.blocking)
        raise SandboxUnavailable(
            f"{problem.what}: {problem.effect}. Run: {problem.fix} "
            f"(or set {WEAK_VARIABLE}=1 to accept limits without isolation)"
        )


def weak_allowed() -> bool:
    """Whether the operator accepted running programs without isolation."""
    return os.environ.get(WEAK_VARIABLE, "") == "1"


def capabilities(*, probe: bool = True) -> SandboxReport:
    """Look at the machine. With `probe`, bubblewrap is really run once (about 10 ms)."""
    path = find_bwrap() or ""
    version = bubblewrap_version(path) if path else ""
    root = os.geteuid() == 0
    problems: list[Problem] = []
    namespaces = False
    if not path:
        problems.append(
            Problem(
                "bubblewrap is not installed",
                "programs cannot be isolated",
                install_command("bubblewrap"),
                blocking=True,
            )
        )
    elif _version_tuple(version) < (0, 6):
        problems.append(
            Problem(
                f"bubblewrap {version or '?'} is too old (0.6.0 is needed)",
                "programs cannot be isolated",
                install_command("bubblewrap"),
                blocking=True,
            )
        )
    else:
        namespaces = not probe or user_namespaces_work(path)
        if not namespaces:
            problems.append(
                Problem(
                    "user namespaces are switched off",
                    "bubblewrap cannot start",
                    namespace_command(),
                    blocking=True,
                )
            )
    for tool in (SETPRIV, PRLIMIT):
        if not os.access(tool, os.X_OK):
            problems.append(
                Problem(
                    f"{tool} is missing",
                    "limits cannot be set",
                    install_command("util-linux"),
                    blocking=True,
                )
            )
    hierarchy = cgroups.discover()
    missing = [name for name in cgroups.CONTROLLERS if name not in hierarchy.controllers]
    if missing:
        problems.append(
            Problem(
                f"control group limits cannot be written ({', '.join(missing)})",
                "memory is limited per process, and running out of memory has no proof",
                delegation_command(),
                blocking=False,
            )
        )
    if syscalls.machine() is None:
        problems.append(
            Problem(
                f"the calls of this processor ({platform.machine()}) are not known",
                "no system call is refused: programs reach what no namespace bounds, such as "
                "AF_VSOCK and every part of the kernel",
                f"use one of: {', '.join(syscalls.AUDIT)}",
                blocking=False,
            )
        )
    blocked = any(problem.blocking for problem in problems)
    tools = os.access(SETPRIV, os.X_OK) and os.access(PRLIMIT, os.X_OK)
    isolation = "full" if not blocked else "weak" if weak_allowed() and tools else "none"
    return SandboxReport(
        isolation=isolation,
        bubblewrap=version,
        bubblewrap_path=path,
        user_namespaces=namespaces,
        root=root,
        cgroup_version=hierarchy.version,
        controllers=hierarchy.controllers,
        problems=tuple(problems),
    )


def bubblewrap_version(path: str) -> str:
    """The version number, empty when the program does not answer; asked again when it changed."""
    try:
        status = Path(path).stat()
    except OSError:
        return ""
    return _version(path, status.st_mtime_ns, status.st_ino)


@functools.lru_cache(maxsize=4)
def _version(path: str, changed: int, inode: int) -> str:
    del changed, inode  # they make an upgraded program another one
    try:
        out = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=False, timeout=PROBE_SECONDS
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+(\.\d+)+", out)
    return found.group(0) if found else ""


def user_namespaces_work(path: str) -> bool:
    """Run `true` in all namespaces, as an ordinary user even when the platform is root."""
    command = [
        path,
        "--unshare-user",
        "--unshare-all",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--",
        "/usr/bin/true",
    ]
    if os.geteuid() == 0:
        command = [
            SETPRIV,
            f"--reuid={PROBE_UID}",
            f"--regid={PROBE_UID}",
            "--clear-groups",
            "--",
            *command,
        ]
    try:
        return (
            subprocess.run(
                command,
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=PROBE_SECONDS,
                cwd="/",
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def install_command(package: str) -> str:
    """The host's own package manager, with sudo when the platform is not root."""
    managers = (
        ("apt-get", "apt-get install -y"),
        ("dnf", "dnf install -y"),
        ("zypper", "zypper install -y"),
        ("apk", "apk add"),
        ("pacman", "pacman -S"),
    )
    verb = next((verb for name, verb in managers if shutil.which(name)), "apt-get install -y")
    return _sudo(f"{verb} {package}")


def namespace_command() -> str:
    """The kernel switch that this distribution uses against unprivileged user namespaces."""
    for key, value in (
        ("kernel.apparmor_restrict_unprivileged_userns", "0"),
        ("kernel.unprivileged_userns_clone", "1"),
    ):
        path = f"/proc/sys/{key.replace('.', '/')}"
        try:
            with open(path, encoding="ascii") as handle:  # noqa: PTH123
                current = handle.read().strip()
        except OSError:
            continue
        if current != value:
            return _sudo(f"sysctl -w {key}={value}")
    return _sudo("sysctl -w user.max_user_namespaces=10000")


def delegation_command() -> str:
    """How to let the platform write control groups."""
    if os.geteuid() == 0:
        return "mount -t cgroup2 none /sys/fs/cgroup"
    return "systemd-run --user --scope -p Delegate=yes ./run"


def _sudo(command: str) -> str:
    return command if os.geteuid() == 0 else f"sudo {command}"


def _version_tuple(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))
