"""An end for everything that is said over one connection."""

from __future__ import annotations

import contextlib
import os
import socket
import threading


class Deadline:
    """Shuts a connected socket ``seconds`` from now, whatever trickles in until then.

    A socket's own timeout counts from byte to byte: a program that sends one now and then would
    hold the caller for ever.
    """

    def __init__(self, connected: socket.socket, seconds: float) -> None:
        self.late = False
        # Its own handle: http.client lets go of the socket while the body is still to be read, and
        # a socket of TLS has no dup().
        self._handle = socket.socket(fileno=os.dup(connected.fileno()))
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """Never cut again."""
        self._timer.cancel()
        self._handle.close()

    def _cut(self) -> None:
        self.late = True
        with contextlib.suppress(OSError):  # closed meanwhile
            self._handle.shutdown(socket.SHUT_RDWR)
