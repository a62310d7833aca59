"""The contract of a compute backend: launch, observe, stop, logs.

Callers are short tasks and reconcilers (never a process that waits for a job). Every verb may be
called at any moment, twice, and by two processes at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from compute.runner.log import Part
from compute.runner.spec import RunSpec


class BackendError(RuntimeError):
    """The backend could not do what was asked; the message says why and what to do."""


class UnknownAttempt(BackendError):
    """No attempt of this id exists here."""


class AttemptConflict(BackendError):
    """An attempt of this id exists with another token or another specification."""


class LogChunk(NamedTuple):
    """Bytes of the log, the offset to continue from, whether nothing will follow, and the same
    bytes by kind: which are the platform's own lines is known beside the log, not from it."""

    data: bytes
    next_offset: int
    eof: bool
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Observation:
    """What is seen of an attempt now.

    phase: "missing" (nothing on disk), "launching" (started, no report yet), the runner's own
    phases preparing, running, uploading, stopping, exited, or "lost" (no runner is alive and none
    reported the end: it was killed, or the host restarted).
    alive: the runner process exists (same pid and same start time: a reused pid does not count).
    heartbeat_age: seconds since the last report, None when unknown (another boot, or none yet).
    state: the runner's state document as compute.runner.state.State describes it.
    """

    attempt: str
    phase: str
    alive: bool
    heartbeat_age: float | None = None
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Nothing of the attempt runs and nothing will change without a new launch."""
        return self.phase in ("missing", "exited", "lost")


@dataclass(frozen=True)
class Probed:
    """What the server of a service attempt last answered to its runner, raw: nothing in it is to be
    believed.

    age: seconds since its health was asked; None before the first answer, and where it was given
    under another boot. health, first: the documents of compute.runner.prober, {} before there is
    one.
    """

    age: float | None = None
    health: dict[str, Any] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    """Five verbs, and the housekeeping around them."""

    def launch(self, spec: RunSpec) -> None:
        """Start the attempt, detached, and return at once (aim: below 50 ms).

        Idempotent by attempt id: the same attempt with the same token and specification is
        adopted. Raises AttemptConflict otherwise, BackendError when it cannot be started. The
        caller learns of everything later through `observe`.
        """

    def observe(self, attempt: str) -> Observation:
        """Look, without side effects. Never raises for an unknown attempt: phase "missing"."""

    def stop(
        self,
        attempt: str,
        grace_seconds: float | None = None,
        *,
        code: str = "",
        message: str = "",
    ) -> None:
        """Ask for a graceful end: SIGTERM, grace (default: the specification's), SIGKILL, last
        upload. ``code`` and ``message`` say why (default: STOPPED_BY_USER). Returns at once.
        Raises UnknownAttempt."""

    def kill(self, attempt: str) -> None:
        """End everything of the attempt now, without upload. Returns at once. No error when it is
        already over."""

    def processes(self, attempt: str) -> list[int]:
        """Process ids on this host that still belong to the attempt: its runner, its control group
        and whatever carries its mark. Never raises for an unknown attempt."""

    def fence(self, attempt: str, token: int) -> None:
        """Tell a runner that a newer attempt exists; it kills its program and uploads nothing."""

    def logs(self, attempt: str, offset: int = 0, limit: int = 65536) -> LogChunk:
        """Bytes from a position of the whole stream. Raises UnknownAttempt."""

    def numbers(self, attempt: str, offset: int = 0, limit: int = 65536) -> LogChunk:
        """The same of the numbers that its runner found in the log: lines, see
        `compute.runner.numbers`. Raises UnknownAttempt."""

    def rest(self) -> None:
        """The platform stops: end what is kept ready for later launches. Attempts go on."""

    def sweep(self) -> Iterator[Observation]:
        """Everything found on disk or alive, for finding orphans both ways: one after the other,
        because thousands of ended attempts may have left something, and beginning anywhere, because
        the caller may not get to the end."""

    def remove(self, attempt: str) -> None:
        """Delete the attempt's directory. Raises BackendError while it is alive."""

    def may_retry_upload(self, attempt: str) -> bool:
        """Whether an attempt ended with UPLOAD_FAILED and its files are still here."""

    def retry_upload(self, attempt: str) -> None:
        """Upload the kept outputs again, detached, and return at once; asking again while the
        process starts or works changes nothing. Raises BackendError when there is nothing to
        retry."""

    def prune(self, attempt: str, older_than: timedelta) -> bool:
        """Delete the working files of an attempt that ended longer ago; its log and its last state
        stay. Returns whether there was anything. Raises BackendError while it is alive."""

    def kept(self) -> list[str]:
        """Ended attempts whose working files are still here, the one that ended first leading."""

    def disk_held(self, attempt: str) -> int:
        """Bytes of the host's disk that the working files of an attempt take now."""

    def age(self, attempt: str) -> timedelta:
        """Time since the attempt was launched here first; zero when it was not."""

    def probed(self, attempt: str) -> Probed:
        """What the server of a service attempt last answered; its runner asks it. Never waits for
        the server, never raises for an unknown attempt."""

    def ask_again(self, attempt: str, number: int) -> None:
        """Have the specification's first request asked again, as try ``number``. Asking twice for
        the same try is fine. Raises UnknownAttempt."""

    def socket_path(self, attempt: str) -> Path:
        """Unix socket of a service attempt, as the gateway connects to it (below 108 bytes)."""
