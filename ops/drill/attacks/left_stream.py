"""Callers leave streams of a model that always has more to send, in pieces of a byte."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from ops.drill.attacks.own_server import WITHIN, OwnServer
from ops.drill.work import until

CALLERS = 20
#: seconds in which the model must learn that its caller has gone
LEFT_WITHIN = 15.0


class LeftStream(OwnServer):
    """The gateway ends each stream with its caller, and carries the others as ever."""

    name = "left-stream"
    # It counts the streams that it still sends, and tells their number under /streams.
    answer = """
streams = 0
lock = threading.Lock()
def answer(connection):
    global streams
    try:
        line = connection.recv(65536).split(b"\\r\\n")[0]
        if b"/endless" in line:
            with lock:
                streams += 1
            try:
                head = b"HTTP/1.1 200 OK\\r\\nContent-Type: a/b\\r\\n"
                connection.sendall(head + b"Transfer-Encoding: chunked\\r\\n\\r\\n")
                while True:
                    connection.sendall(b"1\\r\\nx\\r\\n" * 10000)
            finally:
                with lock:
                    streams -= 1
        body = b'{"stage": "ready", "streams": %d}' % streams
        head = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nConnection: close\\r\\n"
        connection.sendall(head + b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
    except OSError:
        pass
    connection.close()
"""

    def begin(self) -> None:
        self.deploy(1)
        until("the attacker's service", self._running, within=WITHIN)
        self._leave()

    def look(self) -> list[str]:
        self._leave()
        return []

    def end(self) -> str:
        left = ""
        if self.services and self._running():
            until("the end of streams that nobody reads", self._none, within=LEFT_WITHIN)
            left = "no stream outlived its caller; "
        return left + super().end()

    def _running(self) -> bool:
        return bool(self.row(self.services[0])["phase"] == "Running")

    def _leave(self) -> None:
        """Begin streams, read the beginning of each, and go."""
        lines = [self._ask("/endless") for _one in range(CALLERS)]
        for line in lines:
            if not line.recv(1000).startswith(b"HTTP/1.1 200"):
                self.client.wrong.append("a stream was not begun")
            line.close()

    def _none(self) -> bool:
        with self._ask("/streams") as line:
            answer = b""
            while piece := line.recv(65536):
                answer += piece
        return b'"streams": 0' in answer

    def _ask(self, path: str) -> socket.socket:
        address = urlsplit(self.row(self.services[0])["access_address"])
        line = socket.create_connection((address.hostname or "", address.port or 80), timeout=30)
        line.sendall(
            f"GET {address.path.rstrip('/')}{path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Connection: close\r\nAuthorization: Bearer {self.client.api.token}\r\n\r\n".encode()
        )
        return line
