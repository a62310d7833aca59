"""A model server that answers in bytes of its own choice: ``python hostile_model.py SOCKET``.

The path chooses: NAMED and ENDLESS below; ``open`` tells how many answers without end are under
way; anything else is an ordinary answer.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n"
BODY = b"Content-Length: 2\r\n\r\n{}"
HINT = b"HTTP/1.1 103 Early Hints\r\n" + b"".join(
    b"x-%d: %s\r\n" % (number, b"y" * 200) for number in range(30)
)
BIG = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
#: path -> (how the answer begins, what follows without end)
ENDLESS = {
    "tiny": (CHUNKED + b"\r\n", b"1\r\nx\r\n" * 10_000),
    "big": (CHUNKED + b"\r\n", BIG),
    "events": (JSON + b"\r\n", b"data: x\n\n" * 1000),
    "length-and-chunks": (JSON + b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n", BIG),
    "chunks-and-length": (CHUNKED + b"Content-Length: 10\r\n\r\n", BIG),
    "hundred": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4000),
    "hundred-heads": (b"", (HINT + b"\r\n") * 20),
    "endless-head": (JSON, b"X-Model-A: v\r\n" * 1000),
    "endless-line": (JSON + b"X-Model-A: ", b"v" * 100_000),
    "endless-chunk-size": (CHUNKED + b"\r\n", b"0" * 100_000),
    "endless-extension": (CHUNKED + b"\r\n1;", b"e" * 100_000),
    "endless-trailers": (CHUNKED + b"\r\n0\r\n", b"X-Model-A: v\r\n" * 1000),
    "endless-after": (JSON + BODY, (JSON + BODY) * 100),
    "silent": (b"", b""),
    "silent-stream": (CHUNKED + b"\r\n", b""),
}
NAMED = {
    "split": JSON + b"X-Model-A: a\rSet-Cookie: x=y\r\nX-Model-B: b\nSet-Cookie: x=y\r\n" + BODY,
    "folded": JSON + b"X-Model-A: a\r\n folded\r\nETag: \x00bad\r\n" + BODY,
    "bytes": JSON + b"X-Model-A: \xff\xfe\xe4\xb8\xad\r\n" + BODY,
    "many": JSON + b"".join(b"X-Model-%d: v\r\n" % n for n in range(20_000)) + BODY,
    "long": JSON + b"X-Model-A: " + b"v" * 8_000_000 + b"\r\n" + BODY,
    "switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw",
    "not-modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
    "no-content": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
    "extra": JSON + BODY + b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nPOISON!" * 3,
    "short": JSON + b"Content-Length: 100\r\n\r\nabc",
    "status": b"HTTP/1.1 999 X\r\n" + BODY,
    "no-http": b"hello no http",
}
CLOSING = ("short", "no-http")


class Open:
    """Counts the answers without end."""

    lock = threading.Lock()
    count = 0

    @classmethod
    def add(cls, one: int) -> None:
        """One more, or one less."""
        with cls.lock:
            cls.count += one


def answer(line: socket.socket) -> None:
    """Every request of a connection."""
    with line, contextlib.suppress(OSError):
        held = b""
        while True:
            while b"\r\n\r\n" not in held:
                piece = line.recv(65536)
                if not piece:
                    return
                held += piece
            head, _, held = held.partition(b"\r\n\r\n")
            path = head.split(b" ")[1].partition(b"?")[0].decode().strip("/")
            if path in ENDLESS:
                Open.add(1)
                try:
                    endless(line, *ENDLESS[path])
                finally:
                    Open.add(-1)
                return
            if path == "open":
                said = b"%d" % Open.count
                line.sendall(JSON + b"Content-Length: %d\r\n\r\n%s" % (len(said), said))
                continue
            line.sendall(NAMED.get(path, JSON + BODY))
            if path in CLOSING:
                return


def endless(line: socket.socket, begin: bytes, then: bytes) -> None:
    """An answer until its connection is closed."""
    line.sendall(begin)
    while then:
        line.sendall(then)
    line.recv(1)


def main(path: str) -> None:
    """Serve for ever."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(128)
        while True:
            line, _ = listener.accept()
            threading.Thread(target=answer, args=(line,), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
