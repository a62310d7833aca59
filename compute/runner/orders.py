"""What may end an attempt from outside: a stop, a signal, a newer attempt, a vanished directory."""

from __future__ import annotations

import contextlib
import json
import signal
from types import FrameType

from compute.runner.failures import Stopped
from compute.runner.layout import Layout
from compute.runner.sentences import say
from compute.runner.spec import RunSpec
from compute.runner.state import StateFile

HEARTBEAT_SECONDS = 2.0


class Orders:
    """Looks for orders and keeps the heartbeat; `grace`: seconds between asking and killing."""

    def __init__(self, spec: RunSpec, layout: Layout, file: StateFile) -> None:
        self._token = spec.token
        self._layout = layout
        self._file = file
        self._signalled = False
        self.grace = spec.grace_seconds

    def listen(self) -> None:
        """Take SIGTERM and SIGINT as a request to stop."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def tick(self) -> None:
        """Heartbeat, and the reasons to stop. Raises Stopped."""
        self.fenced()
        if self._signalled or self._layout.stop.exists():
            order: dict[str, object] = {}
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                order = dict(json.loads(self._layout.stop.read_text()))
                self.grace = float(order["grace_seconds"])  # type: ignore[arg-type]
            code = str(order.get("code") or "STOPPED_BY_USER")
            raise Stopped(code, str(order.get("message") or "A stop was requested."))
        self.beat()

    def upload_tick(self) -> None:
        """During the last upload a stop comes too late; only a newer attempt ends it."""
        self.fenced()
        self.beat()

    def fenced(self) -> None:
        try:
            current = int(self._layout.token.read_text())
        except ValueError:
            return
        except FileNotFoundError:
            if self._layout.directory.exists():
                return
            raise Stopped("FENCED", say("DIRECTORY_REMOVED")) from None
        if current > self._token:
            raise Stopped(
                "FENCED",
                say("TAKEN_OVER", current=current, token=self._token),
            )

    def beat(self) -> None:
        try:
            self._file.beat(HEARTBEAT_SECONDS)
        except FileNotFoundError:
            self.fenced()  # the directory was taken away since the last look
            raise

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._signalled = True
