"""The life of one attempt: prepare, run, watch, upload, report."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compute.runner import identity, trees, volume
from compute.runner.classify import Evidence, Verdict, readable
from compute.runner.failures import Failure, Stopped
from compute.runner.fetch import Fetcher
from compute.runner.layout import Layout
from compute.runner.log import LogWriter
from compute.runner.numbers import Numbers
from compute.runner.orders import Orders
from compute.runner.prepare import prepare
from compute.runner.prober import Prober
from compute.runner.reason import judged
from compute.runner.sentences import say
from compute.runner.spec import RunSpec
from compute.runner.state import (
    EXITED,
    FAILED,
    FULL,
    PREPARING,
    RUNNING,
    STOPPED,
    STOPPING,
    SUCCEEDED,
    UPLOAD_RETRY,
    State,
    StateFile,
    now,
    process_start,
    read_state,
    upload_failed,
)
from compute.runner.storage import Client
from compute.runner.uploads import Uploads
from compute.runner.watch import DiskWatch, Pump
from compute.sandbox import cgroups, process, report
from compute.sandbox.spec import MIB, SandboxSpec
from core.said import data_of

LOOP_SECONDS = 0.2
GONE_SECONDS = 15.0
TAIL_BYTES = 64 * 1024
SHOWN_LINES = 50


class AlreadyRunning(RuntimeError):
    """Another runner holds this attempt."""


class Runner:
    """Runs one attempt; `run()` returns when nothing of it is alive and the state is final."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.layout = Layout(Path(spec.directory))
        self._lock = lock(self.layout.lock)
        self._previous = read_state(self.layout.state)
        self.state = State(spec.attempt, spec.token, spec.kind)
        self.file = StateFile(self.layout.state, self.state)
        self.log = LogWriter(self.layout.log, spec.log_bytes)
        self._group: cgroups.JobGroup | None = None
        self._identity = identity.Identity(0)
        self._uploads = Uploads(spec, self.layout, self.file, self.log)
        self._orders = Orders(spec, self.layout, self.file)
        self._numbers = Numbers(self.layout.log, self.layout.numbers)

    def run(self) -> None:
        """The whole attempt, to a final state. An attempt that already ended is left alone."""
        self._orders.listen()
        phase = self._previous.get("phase", PREPARING)
        if phase != EXITED:
            self._guarded(lambda: self._attempt(phase))

    def retry_upload(self) -> None:
        """Upload what an earlier run kept. Raises Failure NOTHING_TO_RETRY."""
        if not upload_failed(self._previous):
            raise Failure(
                "NOTHING_TO_RETRY",
                say("NOTHING_TO_RETRY", reason_code=repr(self._previous.get("reason_code"))),
            )
        for name in (
            "exit_code",
            "run_seconds",
            "started_at",
            "running_at",
            "isolation",
            "disk",
            "seq",
            "usage",
            "uid",
            "detail",
        ):
            setattr(self.state, name, self._previous.get(name))
        self.state.detail[UPLOAD_RETRY] = True
        try:
            volume.attach(self.layout)
        except volume.Unmountable as error:
            raise Failure(
                "NOTHING_TO_RETRY", say("KEPT_FILES_UNREADABLE", error=str(error))
            ) from error
        self._uploads.load()
        self._guarded(lambda: self._conclude(Verdict("", "")))

    def _attempt(self, phase: str) -> None:
        if phase != PREPARING:
            raise Failure(
                "RUNNER_LOST",
                say("RUNNER_LOST"),
            )
        self._conclude(self._prepare_and_run())

    def _guarded(self, work: Callable[[], None]) -> None:
        """Run and record the end. Unexpected errors become RUNNER_ERROR and are raised again, but
        for a full disk while the attempt is prepared: HOST_DISK_FULL."""
        try:
            work()
        except Stopped as stop:
            self._end(STOPPED, stop.code, stop.args[0])
        except Failure as failure:
            self._end(FAILED, failure.code, failure.args[0])
        except BaseException as error:
            self.state.detail["trace"] = traceback.format_exc()[-8000:]
            if self._lacked_room(error):
                self._end(FAILED, "HOST_DISK_FULL", volume.NO_ROOM)
                return
            self._end(
                FAILED,
                "RUNNER_ERROR",
                say("SUPERVISOR_FAILED", error=repr(error)),
            )
            raise
        finally:
            self._remove_group()
            for directory in self._socket_dir():
                trees.empty(directory)  # a socket without a listener must not look like an instance
            if self.state.outcome == SUCCEEDED or self.spec.kind == "service":
                volume.give_back(self.layout)  # all that is wanted of it lies in buckets
            volume.shrink(self.layout)
            self._identity.release()
            self.log.close()

    def _lacked_room(self, error: BaseException) -> bool:
        """Whether the platform's own files found no room before the program had begun: nothing is
        lost by another attempt, which waits for room first."""
        full = isinstance(error, OSError) and error.errno in FULL
        return full and not self.state.running_at

    def _socket_dir(self) -> list[Path]:
        return [Path(self.spec.socket_dir).resolve()] if self.spec.socket_dir else []

    # -- preparation ---------------------------------------------------------------------------

    def _prepare_and_run(self) -> Verdict:
        self.file.enter(PREPARING, "checking")
        machine = report.capabilities(probe=False)
        try:
            machine.require()
        except report.SandboxUnavailable as error:
            raise Failure("SANDBOX_FAILED", str(error)) from error
        self.state.isolation = machine.isolation
        self.layout.isolated = machine.isolation == "full"
        if machine.isolation == "weak":
            self.log.note("this installation runs programs without isolation: limits only")
        self._identity = identity.acquire(self.spec.uid)
        self.state.uid = self._identity.uid
        bounded = volume.prepare(self.spec.limits, self.layout, self._orders.tick)
        self.state.disk = "volume" if bounded else "measured"
        if bounded and self.spec.socket_dir:
            volume.bound_sockets(self.layout, Path(self.spec.socket_dir))
        self.layout.make()
        self._fetch()
        self.file.enter(PREPARING, "starting")
        sandbox = prepare(self.spec, self.layout, self._identity)
        name = cgroups.group_name(self.state.installation, self.spec.attempt)
        self._group = cgroups.JobGroup.create(cgroups.discover(), name, self.spec.limits)
        self.state.cgroup = {
            "version": self._group.version,
            "directories": {name: str(path) for name, path in self._group.directories.items()},
        }
        # Written before anything runs in the groups: who finds this runner dead empties them.
        self.file.beat(0)
        return self._run_program(sandbox, machine)

    def _fetch(self) -> None:
        earlier = any(output.predownload for output in self.spec.outputs)
        if not (self.spec.fetch or self.spec.inputs or earlier):
            return
        client = Client(self.spec.api_url, self.spec.credential_file, self._orders.tick)
        try:
            Fetcher(self.spec, self.layout, client, self.state, self.log, self._orders.tick).run(
                lambda stage: self.file.enter(PREPARING, stage)
            )
        finally:
            client.close()

    # -- the program ---------------------------------------------------------------------------

    def _run_program(self, sandbox: SandboxSpec, machine: report.SandboxReport) -> Verdict:
        read, write = os.pipe2(os.O_CLOEXEC)
        try:
            job = process.start(sandbox, machine, write, self._group)
        except OSError as error:
            os.close(read)
            self._remove_group()
            if self._lacked_room(error):
                raise
            raise Failure("SANDBOX_FAILED", str(error)) from error
        finally:
            os.close(write)
        pump = Pump(read, self.log, self.spec.secrets())
        pump.start()
        began = time.monotonic()
        sync = self._uploads.periodic()
        prober = Prober(self.spec, self.layout)
        disk = DiskWatch(
            [self.layout.work, *self._socket_dir()],
            self.spec.limits.disk_mb * MIB,
            self.spec.limits.files,
        )
        stop: Stopped | None = None
        try:
            job.wait_set_up()
            self.state.running_at = now()
            self.state.program_pid = job.init_pid
            self.state.program_pid_start = process_start(job.init_pid) or 0
            self.file.enter(RUNNING, "running")
            sync.start()
            disk.start()
            if self.spec.kind == "service":
                prober.start()
            else:
                self._numbers.start()
            code, stop = self._supervise(job, disk, began)
        finally:
            prober.end()
            gone = job.gone(GONE_SECONDS)
            self.state.run_seconds = round(time.monotonic() - began, 3)
            pump.end(5.0)
            self._numbers.end()
            sync.end()
            disk.end()
        if code is None:
            code = job.wait(0) or 137
        return self._after(job, code, stop, disk, gone)

    def _supervise(
        self, job: process.SandboxProcess, disk: DiskWatch, began: float
    ) -> tuple[int | None, Stopped | None]:
        """Until the program ends or has to end; returns its exit code and why it was stopped."""
        limit = self.spec.limits.wall_seconds
        while True:
            code = job.wait(LOOP_SECONDS)
            if code is not None:
                return code, None
            try:
                self._orders.tick()
                self._measure(disk)
                if disk.exceeded:
                    return None, None
                if limit and time.monotonic() - began > limit:
                    raise Stopped(
                        "MAX_DURATION",
                        say("MAX_DURATION", limit=limit),
                    )
            except Stopped as stop:
                if stop.code == "FENCED":
                    return None, stop
                return self._stop_gracefully(job, stop), stop

    def _stop_gracefully(self, job: process.SandboxProcess, stop: Stopped) -> int | None:
        self.file.enter(STOPPING, "stopping")
        self.log.note(f"{stop} Sending SIGTERM, then SIGKILL after {self._orders.grace:g} s.")
        job.terminate()
        deadline = time.monotonic() + self._orders.grace
        while (left := deadline - time.monotonic()) > 0:
            code = job.wait(min(LOOP_SECONDS, left))
            if code is not None:
                return code
            self._orders.fenced()
            self._orders.beat()
        self.log.note("still running after the grace period: SIGKILL")
        return None

    def _after(
        self,
        job: process.SandboxProcess,
        code: int,
        stop: Stopped | None,
        disk: DiskWatch,
        gone: bool,
    ) -> Verdict:
        """Everything is dead (or stubborn): collect the proof and name the reason."""
        self.state.exit_code = code
        self.state.signal = code - 128 if code > 128 else None
        kills = self._group.oom_kills() if self._group else 0
        self.state.oom = kills > 0
        self._measure(disk)
        peak = self.state.usage.get("memory_peak_bytes", 0)
        text = readable(self.log.tail(TAIL_BYTES))
        self.state.detail["log_tail"] = "\n".join(text.split("\n")[-SHOWN_LINES - 1 :])[-16384:]
        seen = Evidence(
            exit_code=code,
            oom_kills=kills,
            tail=text,
            code_root=self.layout.inside(self.layout.code_dir(self.spec))
            if self.spec.code_name
            else "",
            limits=self.spec.limits,
            peak_bytes=peak,
            disk_exceeded=disk.exceeded,
            too_many_files=disk.count if disk.too_many else 0,
            too_deep=trees.MAX_DEPTH if disk.too_deep else 0,
            memory_is_per_job=bool(self._group and "memory" in self._group.controllers),
            sandbox_reported=job.reported_exit or code == 137,
            service=self.spec.kind == "service",
        )
        job.close()
        if not gone:
            raise Failure(
                "TERMINATE_FAILED",
                say("TERMINATE_FAILED"),
            )
        self._remove_group()
        if kills and not code:
            self.log.note(f"{kills} processes of the job were ended for lack of memory")
        if stop is not None:
            return self._stopped(stop)
        try:
            return judged(seen, self._orders.tick)
        except Stopped as late:
            return self._stopped(late)

    # -- the end -------------------------------------------------------------------------------

    def _stopped(self, stop: Stopped) -> Verdict:
        """Upload what there is, then let the stop decide the outcome."""
        if stop.code != "FENCED":
            self._uploads.final(self._orders.upload_tick, keep_going=True)
        raise stop

    def _conclude(self, verdict: Verdict) -> None:
        if verdict.exception:
            self.state.detail["exception"] = verdict.exception
            self.state.detail["location"] = verdict.location
        self._uploads.final(self._orders.upload_tick, keep_going=bool(verdict.code))
        if verdict.code:
            self._end(FAILED, verdict.code, verdict.message, verdict.said)
        else:
            self._end(SUCCEEDED, "", "")

    def _end(
        self, outcome: str, code: str, message: str, said: dict[str, Any] | None = None
    ) -> None:
        self.state.outcome, self.state.reason_code, self.state.message = outcome, code, message
        self.state.said = said or data_of(message)
        if code:
            self.log.note(f"{outcome}: {code}: {message}")
        with contextlib.suppress(FileNotFoundError):  # the directory was removed: no reader is left
            self.file.finish(lambda: self.log.flush() and self._numbers.finish())

    def _remove_group(self) -> None:
        if self._group is not None:
            self._group.kill()
            self._group.remove()
            self._group = None

    # -- watching ------------------------------------------------------------------------------

    def _measure(self, disk: DiskWatch) -> None:
        usage = self.state.usage
        usage["disk_bytes"] = disk.used
        if self._group is not None:
            current, peak = self._group.memory_bytes()
            usage["memory_bytes"], usage["memory_peak_bytes"] = current, peak


def lock(path: Path) -> int:
    """One runner per attempt, held until the process ends. Raises AlreadyRunning."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunning(f"Another runner holds {path}.") from None
    return descriptor
