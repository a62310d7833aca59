"""From a SandboxSpec to the command lines: setpriv (identity) -> bwrap (view); prlimit (limits).

The order matters. Bubblewrap run by root lets the program read every file of the host's root, even
with `--uid`; so the identity is dropped first and bubblewrap then works inside a user namespace of
an ordinary user. The limits are set from outside, by process id, on bubblewrap's inner process,
which waits for them before the program: in a user namespace RLIMIT_NPROC counts the job's own
processes, outside it would count everything the platform's user runs.

The user's variables are set in bubblewrap itself, which executes the program and nothing else: a
LD_PRELOAD among them is obeyed by no process of the platform.

Options that may carry secrets (environment variables) travel in a file descriptor (`--args`), never
in the command line, which every user of the host can read.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from compute.sandbox.spec import (
    GROUP,
    HOME,
    INSIDE_GID,
    INSIDE_UID,
    MIB,
    USER,
    Bind,
    SandboxSpec,
)

SETPRIV, PRLIMIT, BWRAP = "/usr/bin/setpriv", "/usr/bin/prlimit", "/usr/bin/bwrap"
ENV = "/usr/bin/env"
# Read-only, from the host, always. /etc/alternatives: numeric libraries are linked through it.
BASE_BINDS = (
    Bind("/usr", "/usr"),
    Bind("/etc/ld.so.cache", "/etc/ld.so.cache", optional=True),
    Bind("/etc/alternatives", "/etc/alternatives", optional=True),
    Bind("/etc/localtime", "/etc/localtime", optional=True),
    Bind("/etc/mime.types", "/etc/mime.types", optional=True),
)
EGRESS_BINDS = (
    Bind("/etc/ssl/certs", "/etc/ssl/certs", optional=True),
    Bind("/etc/ssl/openssl.cnf", "/etc/ssl/openssl.cnf", optional=True),
    Bind("/etc/ca-certificates", "/etc/ca-certificates", optional=True),
)
LINKS = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
# What container engines hide of /proc: keys, addresses of the kernel, what others' devices do.
HIDDEN_FILES = (
    "interrupts", "kcore", "key-users", "keys", "latency_stats", "sched_debug", "timer_list",
    "timer_stats",
)  # fmt: skip
HIDDEN_DIRECTORIES = ("acpi", "asound", "scsi")
ETC_FILES = ("passwd", "group", "hosts", "nsswitch.conf")
HOSTNAME = "modelyard"


def write_etc(directory: Path, network: str) -> None:
    """Write the small /etc that the program sees; resolv.conf only with network egress."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)
    files = {
        "passwd": f"root:x:0:0:root:/root:/usr/sbin/nologin\n"
        f"{USER}:x:{INSIDE_UID}:{INSIDE_GID}:{USER}:{HOME}:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        "group": f"root:x:0:\n{GROUP}:x:{INSIDE_GID}:{USER}\nnogroup:x:65534:\n",
        "hosts": f"127.0.0.1 localhost {HOSTNAME}\n::1 localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }
    if network == "egress":
        resolv = Path("/etc/resolv.conf")
        files["resolv.conf"] = resolv.read_text() if resolv.exists() else ""
    for name, text in files.items():
        path = directory / name
        path.write_text(text)
        path.chmod(0o644)


def sources(spec: SandboxSpec) -> list[str]:
    """Host paths of this job (not of the base system) that must be reachable by bubblewrap."""
    return [
        spec.etc_dir,
        *dict.fromkeys(
            bind.source for bind in spec.binds if not bind.optional or Path(bind.source).exists()
        ),
    ]


def bwrap_options(
    spec: SandboxSpec,
    locate: Callable[[str], str] = str,
    *,
    disable_userns: bool = True,
) -> list[str]:
    """Everything for bubblewrap's `--args`. `locate` maps a host path to where it was staged."""
    options = ["--unshare-user", "--unshare-all"]
    if spec.network == "egress":
        options.append("--share-net")
    if disable_userns:
        options.append("--disable-userns")
    options += ["--uid", str(INSIDE_UID), "--gid", str(INSIDE_GID), "--hostname", HOSTNAME]
    options += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    base = (*BASE_BINDS, *(EGRESS_BINDS if spec.network == "egress" else ()))
    for bind in base:
        if not bind.optional or Path(bind.source).exists():
            options += ["--ro-bind", bind.source, bind.target]
    for name in LINKS:
        link = Path("/", name)
        if link.is_symlink():
            options += ["--symlink", str(link.readlink()), f"/{name}"]
        elif link.is_dir():
            options += ["--ro-bind", f"/{name}", f"/{name}"]
    etc = locate(spec.etc_dir)
    names = (*ETC_FILES, "resolv.conf") if spec.network == "egress" else ETC_FILES
    for name in names:
        options += ["--ro-bind", f"{etc}/{name}", f"/etc/{name}"]
    options += ["--proc", "/proc", *_hidden(), "--dev", "/dev", *_shared_memory(spec)]
    if spec.limits.tmp_mb:
        options += ["--perms", "1777", "--size", str(spec.limits.tmp_mb * MIB), "--tmpfs", "/tmp"]  # noqa: S108
    else:
        options += ["--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108
    for bind in spec.binds:
        if bind.optional and not Path(bind.source).exists():
            continue
        verb = "--bind" if bind.writable else "--ro-bind"
        options += [verb, locate(bind.source), bind.target]
    options += ["--remount-ro", "/", "--chdir", spec.cwd]
    for name, value in spec.env.items():
        options += ["--setenv", name, value]
    return options


def _hidden() -> list[str]:
    options = []
    for name in HIDDEN_FILES:
        if Path("/proc", name).exists():
            options += ["--dev-bind", "/dev/null", f"/proc/{name}"]
    for name in HIDDEN_DIRECTORIES:
        if Path("/proc", name).exists():
            options += ["--tmpfs", f"/proc/{name}", "--remount-ro", f"/proc/{name}"]
    return options


def _shared_memory(spec: SandboxSpec) -> list[str]:
    """Shared memory as large as the job's memory, which it counts as. Nothing else can be written
    below /dev: that would be memory too, and bounded by nothing without a control group."""
    size = ["--size", str(spec.limits.memory_mb * MIB)] if spec.limits.memory_mb else []
    return ["--perms", "1777", *size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108


def limit_options(spec: SandboxSpec, controllers: Collection[str]) -> list[str]:
    """For prlimit. Memory per process only where no control group bounds the job.

    RLIMIT_DATA is the tight bound (private writable memory); RLIMIT_AS is loose, because thread
    stacks and allocator arenas reserve address space that is never used.
    """
    limits = spec.limits
    # Not 0: where the host pipes cores to a program, 0 is no limit, and 1 means none (core(5),
    # do_coredump of the kernel).
    options = ["--core=1"]
    if limits.pids:
        options.append(f"--nproc={limits.pids}")
    if limits.file_size_mb:
        options.append(f"--fsize={limits.file_size_mb * MIB}")
    if limits.memory_mb and "memory" not in controllers:
        options.append(f"--data={limits.memory_mb * MIB}")
        options.append(f"--as={(4 * limits.memory_mb + 4096) * MIB}")
    return options


def limit_command(spec: SandboxSpec, controllers: Collection[str], pid: int) -> list[str]:
    """Limit the process ``pid`` of the job: under the job's identity, which needs no privilege."""
    options = limit_options(spec, controllers)
    return [*identity_prefix(spec), PRLIMIT, "--pid", str(pid), *options]


def identity_prefix(spec: SandboxSpec) -> list[str]:
    """setpriv before bubblewrap when the platform runs as root; nothing otherwise."""
    if not spec.uid:
        return []
    return [SETPRIV, f"--reuid={spec.uid}", f"--regid={spec.gid}", "--clear-groups", "--"]


def command_line(
    spec: SandboxSpec,
    args_fd: int,
    status_fd: int,
    gate_fd: int,
    bwrap: str = BWRAP,
    calls_fd: int | None = None,
) -> list[str]:
    """The whole isolated command. ``gate_fd``: the program waits until a byte can be read there.
    ``calls_fd``: the filter of system calls."""
    return [
        *identity_prefix(spec),
        bwrap,
        *(["--seccomp", str(calls_fd)] if calls_fd is not None else []),
        "--args",
        str(args_fd),
        "--json-status-fd",
        str(status_fd),
        "--block-fd",
        str(gate_fd),
        "--",
        *spec.argv,
    ]


def weak_command_line(spec: SandboxSpec, controllers: Collection[str]) -> list[str]:
    """Identity and limits only: the file system, processes and network of the host stay visible.

    The user's variables reach the program through env(1), after the identity is dropped: a
    LD_PRELOAD among them must never be obeyed by a process of the platform.
    """
    return [
        SETPRIV,
        *([f"--reuid={spec.uid}", f"--regid={spec.gid}", "--clear-groups"] if spec.uid else []),
        "--no-new-privs",
        "--pdeathsig=KILL",
        "--",
        PRLIMIT,
        *limit_options(spec, controllers),
        "--",
        ENV,
        "-i",
        *(f"{name}={value}" for name, value in spec.env.items()),
        *spec.argv,
    ]


def packed(options: list[str]) -> bytes:
    """The form `--args` reads: every argument followed by NUL."""
    return b"".join(option.encode("utf-8", "surrogateescape") + b"\0" for option in options)


def find_bwrap() -> str | None:
    """Path of bubblewrap, or None. Only system directories are searched: it is trusted code."""
    return shutil.which("bwrap", path="/usr/bin:/usr/local/bin:/bin")
