"""A model that sends without end, and a caller of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

from tests.serving.gateway import House
from tests.serving.test_gateway_answers import Program

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n"
#: what a model sends when it sends without end
ENDLESS = {
    "pieces of a byte": b"1\r\nx\r\n" * 10_000,
    "large pieces": b"10000\r\n" + b"x" * 0x10000 + b"\r\n",
}


class Endless(Program):
    """Answers with a head, and then with the same bytes until its connection is closed."""

    def __init__(self, path: Any, head: bytes, then: bytes) -> None:
        self.then = then
        self.asked = threading.Event()
        self.gone = threading.Event()
        super().__init__(path, head)

    def serve(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer_one, args=(line,), daemon=True).start()

    def answer_one(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            line.recv(65536)
            self.asked.set()
            line.sendall(self.answer)
            while self.then:
                line.sendall(self.then)
            while line.recv(65536):
                pass
        self.gone.set()


def caller(house: House, times: int = 1) -> socket.socket:
    one = b"GET /v1/infers/svc/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer my_good\r\n\r\n"
    line = socket.create_connection(("127.0.0.1", house.port), timeout=300)
    line.sendall(one * times)
    return line
