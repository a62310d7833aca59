"""Runs attempts on this host as detached runner processes, one directory each.

<root>/attempts/<attempt>/     see compute.runner.layout
<runtime>/<attempt>/server.sock  sockets: a Unix socket path must stay below 108 bytes, and the
                               root may be long, so they lie in a short directory of mode 0700
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from compute.backends import proof
from compute.backends.base import (
    AttemptConflict,
    BackendError,
    LogChunk,
    Observation,
    Probed,
    UnknownAttempt,
)
from compute.backends.reports import launch_age, probed, stop_reason, stream
from compute.backends.start import end, start
from compute.runner import trees, volume
from compute.runner.layout import SOCKET_NAME, Layout
from compute.runner.spec import ATTEMPT, RunSpec, SpecError
from compute.runner.state import boot_id, read_state, upload_failed, write_atomic

LAUNCH_SECONDS = 15.0
EXIT_SECONDS = 2.0
SOCKET_LIMIT = 107


class LocalBackend:
    """See `compute.backends.base.Backend` for the contract of every verb."""

    def __init__(
        self,
        root: Path,
        runtime: Path | None = None,
        installation: Callable[[], str] = lambda: "",
    ) -> None:
        """`installation` gives the id that processes, control groups and states carry; what carries
        another is left alone."""
        self.root = Path(root).resolve()
        self._installation = installation
        self.attempts = self.root / "attempts"
        self._runtime = runtime or default_runtime(self.root)

    def launch(self, spec: RunSpec) -> None:
        directory = self._directory(spec.attempt)
        spec = replace(
            spec,
            directory=str(directory),
            socket_dir=spec.socket_dir
            or (str(self.socket_path(spec.attempt).parent) if spec.kind == "service" else ""),
        )
        problems = spec.problems()
        if problems:
            raise SpecError(problems)
        private(self.attempts)
        directory.mkdir(mode=0o700, exist_ok=True)
        with locked(directory / "launch.lock"):
            layout = Layout(directory)
            if layout.spec.exists():
                self._adoptable(spec, layout)
                if self.observe(spec.attempt).phase != "missing":
                    return
            if spec.socket_dir:
                private(self._runtime)
                self._make_socket_dir(layout, Path(spec.socket_dir))
            write_atomic(layout.token, str(spec.token))
            write_atomic(layout.spec, spec.to_json())
            self._spawn(layout)

    def may_retry_upload(self, attempt: str) -> bool:
        layout = Layout(self._directory(attempt))
        return upload_failed(read_state(layout.state)) and volume.kept(layout)

    def retry_upload(self, attempt: str) -> None:
        layout = self._known(attempt)
        seen = self._ended(attempt)
        if seen.alive:
            return
        if not self.may_retry_upload(attempt):
            raise BackendError(
                f"Attempt {attempt} did not end with UPLOAD_FAILED, or its files are gone: "
                "there is no upload to retry."
            )
        with locked(layout.directory / "launch.lock"):
            stamp, asked = layout.directory / "retried", str(seen.state.get("seq"))
            young = (launch_age(layout) or 0.0) < LAUNCH_SECONDS
            if young and stamp.exists() and stamp.read_text() == asked:
                return  # its process starts
            self._spawn(layout, "--retry-upload")
            write_atomic(stamp, asked)

    def observe(self, attempt: str) -> Observation:
        layout = Layout(self._directory(attempt))
        state = read_state(layout.state)
        same_boot = state.get("boot_id") == boot_id()
        alive = bool(state) and bool(proof.runner(state, layout, self._installation()))
        age = None
        if state and same_boot:
            age = max(0.0, time.monotonic() - float(state.get("heartbeat_monotonic", 0.0)))
        phase = str(state.get("phase", ""))
        if phase == "exited":
            return Observation(attempt, "exited", alive, age, state)
        if alive:
            return Observation(attempt, phase, True, age, state)
        started = launch_age(layout)
        if started is not None and started < LAUNCH_SECONDS and not state:
            return Observation(attempt, "launching", True, None, state)
        if state:
            # The runner may have written its last state between the two looks.
            again = read_state(layout.state)
            if again.get("phase") == "exited":
                return Observation(attempt, "exited", False, age, again)
            return Observation(attempt, "lost", False, age, again | stop_reason(layout))
        return Observation(attempt, "missing" if started is None else "lost", False, None, state)

    def stop(
        self,
        attempt: str,
        grace_seconds: float | None = None,
        *,
        code: str = "",
        message: str = "",
    ) -> None:
        layout = self._known(attempt)
        order: dict[str, object] = {} if grace_seconds is None else {"grace_seconds": grace_seconds}
        order |= {"code": code, "message": message} if code else {}
        write_atomic(layout.stop, json.dumps(order))

    def kill(self, attempt: str) -> None:
        layout, ours = Layout(self._directory(attempt)), self._installation()
        state = self.observe(attempt).state
        group = proof.job_group(state, layout, ours)
        program = proof.program(state, layout, ours)
        # The runner first: the sandbox dies with it, and nothing is uploaded or reported any more.
        if pid := proof.runner(state, layout, ours):
            proof.kill_process(pid, int(state["pid_start"]))
        if program:
            proof.kill_process(program, int(state["program_pid_start"]))
        if group is not None:
            group.kill()
            group.remove()
        self._drop_socket_dir(attempt)

    def processes(self, attempt: str) -> list[int]:
        layout, ours = Layout(self._directory(attempt)), self._installation()
        state = read_state(layout.state)
        group = proof.job_group(state, layout, ours)
        found = {
            *proof.marked(attempt, ours),
            proof.runner(state, layout, ours),
            proof.program(state, layout, ours),
            *(group.pids() if group is not None else ()),
        }
        return sorted(found - {0})

    def fence(self, attempt: str, token: int) -> None:
        write_atomic(self._known(attempt).token, str(int(token)))

    def logs(self, attempt: str, offset: int = 0, limit: int = 65536) -> LogChunk:
        final = self.observe(attempt).final  # looked at before reading: later lines are not missed
        return stream(self._known(attempt).log, offset, limit, final=final)

    def numbers(self, attempt: str, offset: int = 0, limit: int = 65536) -> LogChunk:
        final = self.observe(attempt).final
        return stream(self._known(attempt).numbers, offset, limit, final=final)

    def probed(self, attempt: str) -> Probed:
        return probed(Layout(self._directory(attempt)))

    def ask_again(self, attempt: str, number: int) -> None:
        write_atomic(self._known(attempt).again, str(int(number)))

    def rest(self) -> None:
        end(self.root / "starters")

    def sweep(self) -> Iterator[Observation]:
        try:
            with os.scandir(self.attempts) as entries:
                names = sorted(one.name for one in entries if one.is_dir())
        except FileNotFoundError:
            return
        first = secrets.randbelow(len(names)) if names else 0
        for name in names[first:] + names[:first]:
            if ATTEMPT.match(name):
                yield self.observe(name)

    def remove(self, attempt: str) -> None:
        directory = self._directory(attempt)
        seen = self.observe(attempt)
        if seen.alive and not seen.final:
            raise BackendError(f"Attempt {attempt} is still {seen.phase}; stop it before removing.")
        group = proof.job_group(seen.state, Layout(directory), self._installation())
        if group is not None:
            group.kill()
            group.remove()
        # Renamed first, so that a half-deleted directory is never taken for an attempt.
        doomed = directory.with_name(f".removed-{directory.name}-{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            directory.rename(doomed)
            trees.remove(doomed)
        self._drop_socket_dir(attempt)

    def prune(self, attempt: str, older_than: timedelta) -> bool:
        layout = self._known(attempt)
        seen = self.observe(attempt)
        if not seen.final:
            raise BackendError(f"Attempt {attempt} is still {seen.phase}; stop it before pruning.")
        try:
            ended = layout.state.stat().st_mtime
        except FileNotFoundError:
            ended = layout.directory.stat().st_mtime
        if not volume.kept(layout) or time.time() - ended < older_than.total_seconds():
            return False
        volume.discard(layout)
        self._drop_socket_dir(attempt)
        return True

    def kept(self) -> list[str]:
        return volume.kept_below(self.attempts)

    def disk_held(self, attempt: str) -> int:
        layout = Layout(self._directory(attempt))
        return volume.held(layout) or int(
            read_state(layout.state).get("usage", {}).get("disk_bytes", 0)
        )

    def age(self, attempt: str) -> timedelta:
        # The lock file is made by the first launch and never written to.
        try:
            made = (self._directory(attempt) / "launch.lock").stat().st_mtime
        except FileNotFoundError:
            return timedelta(0)
        return timedelta(seconds=max(0.0, time.time() - made))

    def _make_socket_dir(self, layout: Layout, short: Path) -> None:
        """The directory lies beside the work, on disk: what a program writes into it must not fill
        the host's memory file system. The short path only leads there."""
        if short.parent != self._runtime:
            short.mkdir(mode=0o700, exist_ok=True)
            return
        layout.sockets.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            short.symlink_to(layout.sockets)

    def _drop_socket_dir(self, attempt: str) -> None:
        short = self._runtime / attempt
        if short.is_symlink():
            short.unlink(missing_ok=True)
        else:
            trees.remove(short)

    def socket_path(self, attempt: str) -> Path:
        path = self._runtime / self._directory(attempt).name / SOCKET_NAME
        if len(os.fsencode(path)) > SOCKET_LIMIT:
            raise BackendError(
                f"The socket path {path} is longer than {SOCKET_LIMIT} bytes. "
                "Set XDG_RUNTIME_DIR to a short directory."
            )
        return path

    def directory(self, attempt: str) -> Path:
        """The attempt's directory on this host (mode 0700); credentials may be kept beside it."""
        return self._directory(attempt)

    def _directory(self, attempt: str) -> Path:
        text = str(attempt)
        if not ATTEMPT.match(text):
            raise UnknownAttempt(f"{text!r} is not an attempt id.")
        return self.attempts / text

    def _known(self, attempt: str) -> Layout:
        directory = self._directory(attempt)
        if not directory.is_dir():
            raise UnknownAttempt(f"No attempt {attempt} on this host.")
        return Layout(directory)

    def _ended(self, attempt: str) -> Observation:
        """The observation once a runner that reported its end has left, too (a moment later)."""
        deadline = time.monotonic() + EXIT_SECONDS
        seen = self.observe(attempt)
        while seen.alive and seen.phase == "exited" and time.monotonic() < deadline:
            time.sleep(0.01)
            seen = self.observe(attempt)
        return seen

    def _adoptable(self, spec: RunSpec, layout: Layout) -> None:
        present = RunSpec.load(layout.spec)
        if present.token != spec.token:
            raise AttemptConflict(
                f"Attempt {spec.attempt} exists with token {present.token}, not "
                f"{spec.token}. A new try needs a new attempt id."
            )
        if present != spec:
            raise AttemptConflict(
                f"Attempt {spec.attempt} exists with another specification. "
                "A new try needs a new attempt id."
            )

    def _spawn(self, layout: Layout, *options: str) -> None:
        """Start the runner so that it is no child of this process."""
        write_atomic(layout.directory / "launched", f"{boot_id()} {time.monotonic()}")
        private(self.root / "starters")
        start(self.root / "starters", layout, options, self._installation())


def default_runtime(root: Path) -> Path:
    """A short directory for sockets, one per installation."""
    mark = hashlib.sha256(os.fsencode(root)).hexdigest()[:8]
    if os.geteuid() == 0:
        return Path("/run", f"modelyard-{mark}")
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if base.startswith("/") and len(base) < 40 and os.access(base, os.W_OK):
        return Path(base, f"modelyard-{mark}")
    return Path("/tmp", f"modelyard-{os.geteuid()}-{mark}")  # noqa: S108 - mode and owner checked


def private(directory: Path) -> None:
    """Make a directory of mode 0700 that is ours. Raises BackendError when it is not."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.lstat()
    if status.st_uid != os.geteuid() or directory.is_symlink():
        raise BackendError(f"{directory} belongs to somebody else. Remove it.")
    if status.st_mode & 0o077:
        directory.chmod(0o700)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Exclusive among processes; released when the holder dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
