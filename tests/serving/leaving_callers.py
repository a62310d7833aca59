"""Callers of a hostile model: ``python leaving_callers.py PORT PATH COUNT stay|leave``.

They read the beginning of the answer; then they read on, or leave. Prints one line when all have
come so far, and ends with its standard input.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading


def main(port: int, path: str, count: int, then: str) -> None:
    """Come, and stay or leave."""
    asked = f"GET /v1/infers/evil/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: evil\r\n\r\n"
    lines = [socket.create_connection(("127.0.0.1", port), timeout=300) for _ in range(count)]
    for line in lines:
        line.sendall(asked.encode())
    if then == "leave":
        for line in lines:
            line.settimeout(0.2)
            with contextlib.suppress(OSError):
                line.recv(1000)
            line.close()
    else:
        for line in lines:
            threading.Thread(target=read, args=(line,), daemon=True).start()
    sys.stdout.write("there\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


def read(line: socket.socket) -> None:
    """Read all there is."""
    with contextlib.suppress(OSError):
        while line.recv(1 << 18):
            pass


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
