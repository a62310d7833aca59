"""Keeps programs running: start, readiness, restart with backoff, orderly stop."""

import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Self

from ops.supervisor import lock, logs
from ops.supervisor.backoff import Backoff
from ops.supervisor.process import Life, Program, describe
from ops.supervisor.reporter import Reporter

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROBE_EVERY = 0.15
"""Seconds between two questions to a process that is not ready yet."""
RECORD_AGAIN = 1.0
"""Seconds until what runs is written down again, where the disk had no room."""
IMPATIENT_AFTER = 1.0
"""Seconds after which a second stop signal means "now"."""
FIRST_LIVES = 3
"""A program that dies this often before it was ever ready will not be helped by a fourth try."""


class StartFailed(Exception):
    """A program or step did not come up; the message carries its last log lines."""


class Stopped(Exception):
    """A stop was asked for while something was being waited for."""


class Unit:
    """A program and its present life, if any."""

    def __init__(self, program: Program, follower: logs.Follower | None) -> None:
        self.program = program
        self.follower = follower
        self.backoff = Backoff()
        self.life: Life | None = None
        self.ready = False
        self.ready_since = 0.0
        self.was_ready = False
        self.deaths = 0
        self.restart_at = 0.0
        self.probe_at = 0.0


class Supervisor:
    """The loop. Single-threaded: signals and ended children wake it through a socket pair."""

    def __init__(
        self,
        *,
        var: Path,
        folder: Path,
        log_of: Callable[[str], Path],
        state: Path,
        environment: Mapping[str, str],
        reporter: Reporter,
        addresses: Mapping[str, str] | None = None,
        verbose: bool = False,
    ) -> None:
        self._var = var
        self._folder = folder
        self._log_of = log_of
        self._state = state
        self.environment = dict(environment)
        self.addresses = dict(addresses or {})
        self._reporter = reporter
        self._verbose = verbose
        self._units: list[Unit] = []
        self._steps: list[Life] = []
        self._recorded = True
        self._stop_asked: float | None = None
        self._hurry = False
        self._selector = selectors.DefaultSelector()
        self._handlers: dict[int, object] = {}

    # -- signals -------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Take over the signals. Restored at exit, where everything still running is stopped."""
        self._inbox, self._outbox = socket.socketpair()
        for end in (self._inbox, self._outbox):
            end.setblocking(False)
        self._selector.register(self._inbox, selectors.EVENT_READ)
        self._wakeup = signal.set_wakeup_fd(self._outbox.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            self._handlers[number] = signal.signal(number, self._on_stop)
        # A handler must exist for the wake-up to be written; the loop looks at the children.
        self._handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)  # type: ignore[arg-type]
            signal.set_wakeup_fd(self._wakeup)
            self._selector.close()
            self._inbox.close()
            self._outbox.close()

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._stop_asked is None:
            self._stop_asked = now
        # `timeout`, `make` and terminals deliver one wish twice; a second one a moment later is
        # somebody who does not want to wait.
        elif now - self._stop_asked > IMPATIENT_AFTER:
            self._hurry = True

    def ask_to_stop(self, why: str) -> None:
        """What a stop signal does, from any thread, with a sentence that says why."""
        self._reporter.say(why)
        if self._stop_asked is None:
            self._stop_asked = time.monotonic()
        with suppress(OSError):
            self._outbox.send(b"\0")

    @property
    def stopping(self) -> bool:
        return self._stop_asked is not None

    def _pause(self, seconds: float) -> None:
        """Sleep until something happens, at most so long."""
        if self._selector.select(max(0.0, seconds)):
            with suppress(BlockingIOError):
                while self._inbox.recv(1024):
                    pass

    # -- starting ------------------------------------------------------------------------------

    def add(self, programs: Iterable[Program]) -> None:
        """Start programs, all at once, and wait until each is ready.

        Raises StartFailed when one dies repeatedly before it is ready or takes too long, Stopped
        when a stop signal arrives meanwhile.
        """
        units = []
        for program in programs:
            follower = logs.Follower(self._log_of(program.name)) if self._verbose else None
            unit = Unit(program, follower)
            units.append(unit)
            self._units.append(unit)
            self._start(unit)
        while not all(unit.ready for unit in units):
            if self.stopping:
                raise Stopped
            self.tick()
            for unit in units:
                self._check_start(unit)
            self._pause(PROBE_EVERY)

    def _check_start(self, unit: Unit) -> None:
        if unit.was_ready:
            return
        if unit.deaths >= FIRST_LIVES:
            raise self._failure(unit.program.name, f"died {unit.deaths} times while starting")
        if unit.life and unit.life.age > unit.program.ready_within:
            within = f"is not ready after {unit.program.ready_within:.0f} s"
            raise self._failure(unit.program.name, within, unit.life)

    def _failure(self, name: str, what: str, life: Life | None = None) -> StartFailed:
        path = self._log_of(name)
        words = life.last_words() if life else []
        if not words:
            words = logs.tail(path)
        shown = "".join(f"\n    {line}" for line in words)
        return StartFailed(f"{name} {what}. Its log is {path}; the last lines:{shown}")

    def _start(self, unit: Unit) -> None:
        unit.ready = False
        unit.probe_at = 0.0
        unit.life = Life(
            unit.program,
            log=self._log_of(unit.program.name),
            environment=self.environment,
            folder=self._folder,
        )
        self._record()

    def _record(self) -> None:
        lives = [unit.life for unit in self._units if unit.life] + self._steps
        try:
            given = self.environment.get("MODELYARD_INSTALLATION", "")
            lock.record(self._state, self.addresses, [life.identity for life in lives], given)
        except OSError as problem:
            # A full disk must not take down what runs; the record only serves the next start.
            if self._recorded:
                self._reporter.say(f"what runs could not be written down: {problem}")
            self._recorded = False
        else:
            self._recorded = True

    # -- the loop ------------------------------------------------------------------------------

    def watch(self) -> None:
        """Keep everything running until a stop signal arrives."""
        while not self.stopping:
            self.tick()
            self._pause(self._next_event())

    def tick(self) -> None:
        """One look at every program."""
        now = time.monotonic()
        for unit in self._units:
            if unit.life and unit.life.ended():
                self._bury(unit, now)
            if not unit.life and now >= unit.restart_at and not self.stopping:
                self._start(unit)
            if unit.life and not unit.ready and now >= unit.probe_at:
                self._probe(unit)
                unit.probe_at = time.monotonic() + PROBE_EVERY
            if unit.life and not unit.ready and unit.was_ready:
                self._check_restart(unit.life)
            self._stream(unit)
        if not self._recorded:
            self._record()

    def _check_restart(self, life: Life) -> None:
        if life.age > life.program.ready_within and not life.ended():
            within = f"{life.program.ready_within:.0f} s"
            self._reporter.say(f"{life.program.name} is not ready after {within}: killing it")
            life.kill()

    def _next_event(self) -> float:
        if self._verbose:
            return 0.2
        now = time.monotonic()
        waits = [unit.restart_at - now for unit in self._units if not unit.life]
        if any(unit.life and not unit.ready for unit in self._units):
            waits.append(PROBE_EVERY)
        if not self._recorded:
            waits.append(RECORD_AGAIN)
        return min(waits, default=60.0)

    def _bury(self, unit: Unit, now: float) -> None:
        life = unit.life
        if life is None:
            return
        # Words before reap: nothing is lost by it, and after a rotation they would be elsewhere.
        words = life.last_words(3)
        code = life.reap()
        unit.deaths += 1
        delay = unit.backoff.delay(now - unit.ready_since if unit.ready else 0.0)
        unit.life = None
        unit.ready = False
        unit.restart_at = now + delay
        hint = f": {words[-1].strip()}" if words and code != -signal.SIGKILL else ""
        self._reporter.say(
            f"{unit.program.name} (process {life.pid}) ended, {describe(code)}{hint};"
            f" starting it again in {delay:g} s"
        )
        self._record()

    def _probe(self, unit: Unit) -> None:
        if unit.life is None or unit.life.age < unit.program.settle:
            return
        if not self._answers(unit.program):
            return
        # Another program may answer on its port while ours has just died.
        if unit.life.ended():
            return
        unit.ready = unit.was_ready = True
        unit.ready_since = time.monotonic()
        again = " again" if unit.deaths else ""
        age = f"process {unit.life.pid}, {unit.life.age:.1f} s"
        self._reporter.say(f"{unit.program.name} is ready{again} ({age})")

    def _answers(self, program: Program) -> bool:
        try:
            return program.ready is None or program.ready()
        except Exception as problem:  # noqa: BLE001 no question may take down what runs
            self._reporter.say(f"asking {program.name} failed: {problem!r}")
            return False

    def _stream(self, unit: Unit) -> None:
        if unit.follower:
            for line in unit.follower.new_lines():
                self._reporter.plain(f"{unit.program.name:>8} | {line}")

    # -- steps ---------------------------------------------------------------------------------

    def run_step(
        self,
        name: str,
        argv: Sequence[str],
        *,
        to_terminal: bool = False,
        timeout: float | None = None,
        stoppable: bool = True,
    ) -> int:
        """Run a command to its end while everything else is being watched; return its exit code.

        Its output goes to the log `name` or to the terminal. A stop signal ends it (Stopped) unless
        `stoppable` is False; running over `timeout` seconds ends it too (exit code -9).
        """
        program = Program(name, tuple(argv))
        log = None if to_terminal else self._log_of(name)
        life = Life(program, log=log, environment=self.environment, folder=self._folder)
        self._steps.append(life)
        self._record()
        try:
            while not life.ended():
                if stoppable and self.stopping:
                    self._end([life])
                    raise Stopped
                if self._hurry or (timeout is not None and life.age > timeout):
                    break
                self.tick()
                left = timeout - life.age if timeout is not None else 60.0
                self._pause(min(self._next_event(), max(left, 0.0)))
            return life.reap()
        finally:
            life.reap()
            self._steps.remove(life)
            self._record()

    def require_step(self, name: str, argv: Sequence[str]) -> None:
        """run_step for something the start depends on. Raises StartFailed with its last words."""
        code = self.run_step(name, argv)
        if code != 0:
            raise self._failure(name, f"failed ({describe(code)})")

    def running(self, name: str) -> bool:
        """Whether the program is up and has answered."""
        return any(unit.ready for unit in self._units if unit.program.name == name)

    # -- stopping ------------------------------------------------------------------------------

    def stop(self, names: Iterable[str] | None = None) -> None:
        """Stop the named programs, or all, side by side.

        Each gets SIGTERM and its grace, then its group is killed. A further stop signal meanwhile
        cuts every grace short.
        """
        chosen = None if names is None else set(names)
        units = [u for u in self._units if chosen is None or u.program.name in chosen]
        self._units = [unit for unit in self._units if unit not in units]
        self._end([unit.life for unit in units if unit.life])
        for unit in units:
            self._stream(unit)
        self._record()
        if not self._units:
            self._state.unlink(missing_ok=True)

    def _end(self, lives: Sequence[Life]) -> None:
        for life in lives:
            life.terminate()
        for life in lives:
            deadline = time.monotonic() + life.program.grace
            while not life.ended():
                left = deadline - time.monotonic()
                if left <= 0 or self._hurry:
                    self._reporter.say(f"{life.program.name} does not stop in time: killing it")
                    break
                self._pause(left)
            life.reap()
