"""gunicorn's threads, with a bound on how long a caller may take to send a request or to take its
answer.

The class of gunicorn reads and writes in a thread, blocking and without end: as many silent sockets
as there are threads would stop console and API. docs/mechanisms/processes.md says what is bounded.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from time import monotonic
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

#: bytes read and thrown away from a caller who was answered and still sends
MOST_THROWN_AWAY = 1024 * 1024
#: bytes sent at once, so that a caller who takes them is told from one who does not
PIECE = 64 * 1024


class CallerSocket(socket.socket):
    """The socket of one caller; knows how long it kept a thread waiting."""

    def __init__(self, accepted: socket.socket, rate: float) -> None:
        super().__init__(fileno=accepted.detach())
        self.rate = rate
        self.cut = False
        self.behind = 0.0
        self.thrown_away = 0
        #: while a thread waits for the caller: since when, `behind` at that moment, and whether he
        #: is the one to read. One attribute, so that another thread never sees half of a change.
        self.waiting: tuple[float, float, bool] | None = None

    def begin(self) -> None:
        """A request begins: what the one before took does not count."""
        self.behind = 0.0

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """As ever, but counted. Raises ConnectionResetError once the caller has been cut: half a
        body must not be taken for a whole one."""
        began = self._wait(he_reads=False)
        data = b""
        try:
            data = super().recv(size, flags)
        finally:
            self._over(began, len(data))
        if self.cut:
            raise ConnectionResetError(errno.ECONNRESET, "The caller sent too slowly.")
        return data

    def send(self, data: Any, flags: int = 0, /) -> int:
        """As ever, but counted."""
        began = self._wait(he_reads=True)
        size = 0
        try:
            size = super().send(data, flags)
        finally:
            self._over(began, size)
        return size

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """All of it, in pieces that are counted."""
        with memoryview(data) as whole, whole.cast("B") as left:
            sent = 0
            while sent < len(left):
                sent += self.send(left[sent : sent + PIECE], flags)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """``count`` bytes of a file, or the rest of it, in pieces that are counted. Returns the
        number sent."""
        file.seek(offset)
        sent = 0
        while count is None or sent < count:
            data = file.read(PIECE if count is None else min(PIECE, count - sent))
            if not data:
                break
            self.sendall(data)
            sent += len(data)
        return sent

    def lag(self, now: float) -> tuple[float, float]:
        """Seconds waited for these bytes; seconds waited in this request beyond what its bytes
        earn. Zeros where no thread waits."""
        waiting = self.waiting
        if waiting is None:
            return 0.0, 0.0
        here = now - waiting[0]
        return here, waiting[1] + here

    def cut_off(self) -> None:
        """Wake the thread that waits. Where it reads it may still answer."""
        waiting = self.waiting
        self.cut = True
        with contextlib.suppress(OSError):  # the caller has gone already
            self.shutdown(socket.SHUT_RDWR if waiting and waiting[2] else socket.SHUT_RD)

    def _wait(self, *, he_reads: bool) -> float:
        began = monotonic()
        self.waiting = (began, self.behind, he_reads)
        return began

    def _over(self, began: float, size: int) -> None:
        self.waiting = None
        self.behind += monotonic() - began - size / self.rate


class SlowClientWorker(ThreadWorker):  # type: ignore[misc]
    """No thread waits for a first byte; a caller that sends or reads too slowly is cut; while
    requests queue for threads, the slowest is cut first."""

    #: seconds that a thread waits for the caller during one request, beyond what the bytes earn
    PATIENCE = 15.0
    #: bytes per second that a caller sends, or takes, at least
    RATE = 16 * 1024.0
    #: seconds that it waits for a single byte, whatever the bytes before have earned
    STALLED = 60.0
    #: the same patience while requests queue for a thread
    PATIENCE_PRESSED = 1.0
    #: seconds between two looks while requests queue
    LOOK = 0.2
    #: seconds in which a caller that was answered may close the connection
    LINGER = 2.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queued: set[TConn] = set()
        self.handled: set[TConn] = set()
        self.leaving: deque[TConn] = deque()

    # -- in the main thread

    def enqueue_req(self, conn: TConn) -> None:
        """A thread is for those who have sent something; others wait in the poller."""
        if not isinstance(conn.sock, CallerSocket):
            conn.sock = CallerSocket(conn.sock, self.RATE)
        if not conn.initialized and not conn.data_ready:
            conn.set_timeout()
            self._watch(conn, self.pending_conns, self.on_pending_socket_readable)
            return
        self.queued.add(conn)
        super().enqueue_req(conn)

    def finish_request(self, conn: TConn, future: Future[Any]) -> None:
        """gunicorn waits here for the caller to close, and accepts no other meanwhile."""
        if future.cancelled() or future.exception() or future.result():
            super().finish_request(conn, future)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.timeout = monotonic() + self.LINGER
            self._watch(conn, self.leaving, self.on_leaving_socket_readable)
        except OSError:
            self._close(conn)

    def on_leaving_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Read what an answered caller still sends: closing on it could destroy the answer."""
        data = b""
        with contextlib.suppress(OSError):
            data = conn.sock.recv(64 * 1024)
        conn.sock.thrown_away += len(data)
        if not data or conn.sock.thrown_away > MOST_THROWN_AWAY:
            self.poller.unregister(client)
            self.leaving.remove(conn)
            self._close(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn of gunicorn's loop, and a look at who keeps a thread waiting."""
        super().wait_for_and_dispatch_events(min(timeout, self.LOOK) if self.queued else timeout)
        now = monotonic()
        for slow in list(self._slow(now)):
            slow.cut_off()
        if self.nr_conns >= self.worker_connections:
            for idle in (self.leaving, self.pending_conns, self.keepalived_conns):
                if idle:
                    idle[0].timeout = now  # its time is over: gunicorn closes it in this turn
                    break
        while self.leaving and self.leaving[0].timeout <= now:
            conn = self.leaving.popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """A stopping worker does not wait for the silent either."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _slow(self, now: float) -> Iterator[CallerSocket]:
        """Who is cut now: all past their time, and one for each queued request, slowest first."""
        read = [(conn.sock.lag(now), conn.sock) for conn in tuple(self.handled)]
        for (here, behind), sock in read:
            if here > self.STALLED or behind > self.PATIENCE:
                yield sock
        if len(read) < self.cfg.threads:
            return  # a queued request is taken by the next free thread
        free_soon = sum(sock.cut for _, sock in read)
        waiting = [(max(lag), sock) for lag, sock in read if max(lag) > self.PATIENCE_PRESSED]
        waiting.sort(key=lambda entry: entry[0], reverse=True)
        yield from (sock for _, sock in waiting[: max(len(self.queued) - free_soon, 0)])

    def _watch(self, conn: TConn, among: deque[TConn], readable: Any) -> None:
        conn.sock.setblocking(False)
        among.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(readable, conn))

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    # -- in the thread of a request

    def handle(self, conn: TConn) -> Any:
        """Read and answer one request; a connection that was cut is never used again."""
        self.queued.discard(conn)
        conn.sock.begin()
        self.handled.add(conn)
        try:
            result = super().handle(conn)
        finally:
            self.handled.discard(conn)
        return False if conn.sock.cut else result
