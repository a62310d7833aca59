"""Start, signal and bury one sandboxed process tree."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from compute.sandbox import command, keyring, staging, syscalls
from compute.sandbox.cgroups import JobGroup
from compute.sandbox.report import SandboxReport
from compute.sandbox.spec import SandboxSpec

PR_SET_CHILD_SUBREAPER = 36
CLEAN_ENV = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
STATUS_SECONDS = 5.0
LIMIT_SECONDS = 60.0  # for the sandbox to exist and for its limits; a busy host takes long


class SandboxProcess:
    """A running sandbox. Create it with `start`; call its methods from one thread.

    pid: the outer process on the host. init_pid: process 1 of the sandbox as the host sees it
    (equal to pid without isolation); killing it ends everything inside, however it hides.
    """

    def __init__(
        self,
        popen: subprocess.Popen[bytes],
        status: int | None,
        isolated: bool,
        group: JobGroup | None,
        uid: int,
    ) -> None:
        self._popen = popen
        self._status = status
        self._isolated = isolated
        self._group = group
        self._uid = uid
        self._text = b""
        self._init_fd = -1
        self._outer_fd = os.pidfd_open(popen.pid)
        self.pid = popen.pid
        self.init_pid = 0
        if not isolated:
            self.init_pid = popen.pid

    @property
    def set_up(self) -> bool:
        """True once the sandbox exists (bubblewrap reported its process)."""
        return self.init_pid > 0

    @property
    def reported_exit(self) -> bool:
        """True when the exit code is the program's, not that of a sandbox that never came up."""
        return not self._isolated or b"exit-code" in self._text

    def wait_set_up(self, seconds: float = STATUS_SECONDS) -> bool:
        """Wait until the sandbox exists; False when it ended or took too long."""
        deadline = time.monotonic() + seconds
        while not self.set_up and self._status is not None and time.monotonic() < deadline:
            if not self._read_status(deadline - time.monotonic()):
                break
        return self.set_up

    def wait(self, seconds: float) -> int | None:
        """The exit code, or None after `seconds`. 128+n: the program died by signal n."""
        code = self._popen.poll()
        if code is None:
            # A descriptor of the process wakes at once; Popen.wait would poll 20 times a second.
            select.select([self._outer_fd], [], [], max(0.0, seconds))
            code = self._popen.poll()
        if code is None:
            return None
        while self._status is not None and self._read_status(0.0):
            pass
        return 128 - code if code < 0 else code

    def terminate(self) -> None:
        """SIGTERM to the program's process group; process 1 of the sandbox does not mind."""
        if not self.set_up:
            self.kill()
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.init_pid, signal.SIGTERM)
        main = self._main_pid()
        if main:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getpgid(main) != self.init_pid:  # it moved to a session of its own
                    os.kill(main, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL everything inside; returns at once, `gone` tells when it is true."""
        pids = {self.init_pid, self.pid} - {0}
        if not self._isolated:
            pids |= self._stray()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def gone(self, seconds: float) -> bool:
        """Kill what is left and wait until nothing of the job is alive, at most `seconds`."""
        deadline = time.monotonic() + seconds
        self.kill()
        self.wait(seconds)
        if self._init_fd >= 0:
            poller = select.poll()
            poller.register(self._init_fd, select.POLLIN)
            poller.poll(max(0.0, deadline - time.monotonic()) * 1000)
        while self._alive():
            if time.monotonic() > deadline:
                return False
            self.kill()
            time.sleep(0.01)  # processes without a handle: their death can only be looked at
        self._reap({self.init_pid} - {0, self.pid})
        return True

    def close(self) -> None:
        """Release descriptors."""
        for fd in (self._status, self._init_fd, self._outer_fd):
            if fd is not None and fd >= 0:
                os.close(fd)
        self._status, self._init_fd, self._outer_fd = None, -1, -1

    def _reap(self, pids: set[int]) -> None:
        """Collect orphans that were handed to this process (see `start`)."""
        for pid in pids:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)

    def _alive(self) -> bool:
        if self._isolated and self._group is not None and self._group.controllers:
            return bool(self._group.pids())
        if not self._isolated:
            stray = self._stray()
            self._reap(stray - {self.pid})
            return bool(stray)
        if self._init_fd < 0:
            return self._popen.poll() is None
        return not select.select([self._init_fd], [], [], 0)[0]

    def _stray(self) -> set[int]:
        """Without a process namespace: members of the group, or of the job's own identity."""
        found = self._group.pids() if self._group is not None else set()
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError, ValueError):
                pid = int(entry.name)
                ours = self._uid and entry.stat().st_uid == self._uid
                if (ours or os.getpgid(pid) == self.pid) and not _zombie(entry.name):
                    found.add(pid)
        return found - {os.getpid()}

    def _main_pid(self) -> int:
        if not self._isolated:
            return self.pid
        try:
            text = Path(f"/proc/{self.init_pid}/task/{self.init_pid}/children").read_text()
        except OSError:
            return 0
        return int(text.split()[0]) if text.split() else 0

    def _read_status(self, seconds: float) -> bool:
        if self._status is None or not select.select([self._status], [], [], max(0.0, seconds))[0]:
            return False
        data = os.read(self._status, 65536)
        self._text += data
        for line in self._text.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self.init_pid = self.init_pid or int(json.loads(line)["child-pid"])
        if self.init_pid and self._init_fd < 0:
            with contextlib.suppress(OSError):
                self._init_fd = os.pidfd_open(self.init_pid)
        return bool(data)


def adopt_orphans() -> None:
    """Let orphans of the jobs come to this process; a supervisor calls it once.

    Otherwise they go to the host's process 1, which in a container may never collect them: they
    would count against the job identity's limit for ever.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(
    spec: SandboxSpec, report: SandboxReport, output: int, group: JobGroup | None = None
) -> SandboxProcess:
    """Start the program with standard output and error on the descriptor `output`.

    The program begins once its limits are set. Must be called from the main thread: the kernel
    ties "die with the parent" to the thread that started the child. Raises SandboxUnavailable,
    OSError (with what could not be prepared).
    """
    report.require()
    controllers = group.controllers if group is not None else ()
    joins = [
        os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        for path in (group.join_files() if group is not None else [])
    ]
    try:
        if report.isolation == "weak":
            return _start_weak(spec, output, joins, group, controllers)
        return _start_isolated(spec, report, output, joins, group, controllers)
    finally:
        for fd in joins:
            os.close(fd)


def _start_isolated(
    spec: SandboxSpec,
    report: SandboxReport,
    output: int,
    joins: list[int],
    group: JobGroup | None,
    controllers: tuple[str, ...],
) -> SandboxProcess:
    paths = command.sources(spec) if spec.uid else []
    staged = {path: f"{staging.STAGE}/{index}" for index, path in enumerate(paths)}
    options = command.bwrap_options(
        spec, lambda path: staged.get(path, path), disable_userns=report.disable_userns
    )
    args = os.memfd_create("sandbox-args")
    calls = syscalls.memory_file()
    gate = _gate()
    given = (args, gate) if calls is None else (args, gate, calls)
    status, status_write = os.pipe2(os.O_CLOEXEC)
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        for fd in joins:
            os.write(fd, b"0")
        keyring.join_own(libc)
        if staged:
            staging.stage(libc, staged)

    try:
        os.write(args, command.packed(options))
        os.lseek(args, 0, os.SEEK_SET)
        argv = command.command_line(spec, args, status_write, gate, report.bubblewrap_path, calls)
        popen = _spawn(argv, output, "/", prepare, (*given, status_write))
        os.close(status_write)
        status_write = -1
        job = SandboxProcess(popen, status, True, group, spec.uid)
        status = -1
        try:
            _limit(job, spec, controllers)
        except OSError:
            job.gone(STATUS_SECONDS)
            job.close()
            raise
        os.write(gate, b"1")
    except OSError:
        if status >= 0:
            os.close(status)
        raise
    finally:
        for fd in (*given, status_write):
            if fd >= 0:
                os.close(fd)
    return job


def _gate() -> int:
    """A pipe as one descriptor for both ends: who inherits it waits there for a byte, and also when
    this process is gone, because an end for writing is always open."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        return os.open(f"/proc/self/fd/{reading}", os.O_RDWR | os.O_CLOEXEC)
    finally:
        os.close(reading)
        os.close(writing)


def _limit(job: SandboxProcess, spec: SandboxSpec, controllers: tuple[str, ...]) -> None:
    """Set the limits of the sandbox's process 1, which has not started the program yet.

    Nothing where the sandbox never came up: its exit tells. Raises OSError with what could not be
    limited; the program must not begin then.
    """
    if not job.wait_set_up(LIMIT_SECONDS):
        if job.wait(STATUS_SECONDS) is None:
            raise OSError("The sandbox could not be prepared: it did not come up.")
        return
    try:
        done = subprocess.run(
            command.limit_command(spec, controllers, job.init_pid),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(),
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"The limits could not be set: {error}") from error
    if done.returncode and job.wait(1.0) is None:  # else it ended by itself: its exit tells
        said = done.stderr[-500:].decode(errors="replace").strip()
        raise OSError(f"The limits could not be set: {said}")


def _start_weak(
    spec: SandboxSpec,
    output: int,
    joins: list[int],
    group: JobGroup | None,
    controllers: tuple[str, ...],
) -> SandboxProcess:
    libc = ctypes.CDLL(None, use_errno=True)
    calls = syscalls.Own(libc)

    def prepare() -> None:
        os.setsid()
        for fd in joins:
            os.write(fd, b"0")
        keyring.join_own(libc)
        calls.put_on()

    popen = _spawn(command.weak_command_line(spec, controllers), output, spec.cwd, prepare)
    return SandboxProcess(popen, None, False, group, spec.uid)


def _environment() -> dict[str, str]:
    """What the sandbox's own processes get: by it they are known as this installation's."""
    installation = os.environ.get("MODELYARD_INSTALLATION")
    return {**CLEAN_ENV, **({"MODELYARD_INSTALLATION": installation} if installation else {})}


def _spawn(
    argv: list[str],
    output: int,
    cwd: str,
    prepare: Callable[[], None],
    given: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Run `argv` after `prepare` in the child. Raises OSError with what could not be prepared."""
    errors, errors_write = os.pipe2(os.O_CLOEXEC)

    def prepared() -> None:
        try:
            prepare()
        except OSError as error:
            os.write(errors_write, str(error).encode())
            raise

    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_environment(),
            cwd=cwd,
            pass_fds=given,
            preexec_fn=prepared,
        )
    except subprocess.SubprocessError as error:
        os.set_blocking(errors, False)
        with contextlib.suppress(BlockingIOError):
            raise OSError(
                f"The sandbox could not be prepared: "
                f"{os.read(errors, 4096).decode(errors='replace')}"
            ) from error
        raise OSError(f"The sandbox could not be prepared: {error}") from error
    finally:
        os.close(errors)
        os.close(errors_write)


def _zombie(pid: str) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True
