"""What the program of a model may say through the gateway, over real sockets: it answers in bytes
of its own choice."""

import contextlib
import socket
import threading

import pytest

from serving.gateway.protocol import Instance
from tests.serving.gateway import House, call, error


class Program:
    """Takes connections at a unix socket and answers every request with the same bytes."""

    def __init__(self, path, answer):
        self.answer = answer
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            with line, contextlib.suppress(OSError):  # the gateway need not take all of it
                line.recv(65536)
                line.sendall(self.answer)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(300)
        self.listener.close()


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def answering(house):
    """Makes the service's only instance a program that answers so."""
    programs = []

    def answering(*lines, body=b"{}"):
        path = house.tmp_path / "p.sock"
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
        programs.append(Program(path, head.encode() + body))
        house.route(Instance("p", str(path)))

    yield answering
    for program in programs:
        program.stop()


@pytest.mark.parametrize("status", ["099", 101, 600, 999])
def test_a_status_that_ends_no_request_is_502(house, answering, status):
    answering(f"HTTP/1.1 {status} Go on", "Upgrade: raw", "Connection: upgrade")
    answer = call(house.url, data=b"{}")
    assert error(answer) == (502, "BAD_ANSWER")
    assert f"status {int(status)},".encode() in answer[2] and "upgrade" not in answer[1]


@pytest.mark.parametrize("status", [200, 302, 404, 599])
def test_a_status_that_ends_a_request_is_passed_on(house, answering, status):
    answering(f"HTTP/1.1 {status} Fine")
    assert call(house.url, data=b"{}", allow_redirects=False)[0] == status


ORDERS = {
    "X-Accel-Redirect": "/static/app.js",
    "X-Accel-Buffering": "no",
    "X-Sendfile": "/etc/hostname",
    "Cache-Control": "public, max-age=9",
    "Expires": "Thu, 01 Jan 2099 00:00:00 GMT",
    "Date": "Thu, 01 Jan 2099 00:00:00 GMT",
    "Set-Cookie": "sessionid=x",
    "Set-Login": "logged-in",
    "Sec-Session-Registration": "(ES256)",
    "WWW-Authenticate": "Basic realm=console",
    "Link": "</x>; rel=preload",
    "Location": "https://elsewhere.example",
    "Speculation-Rules": '"/rules"',
    "SourceMap": "/x.map",
    "Access-Control-Allow-Origin": "*",
    "Refresh": "0; url=/",
    "Clear-Site-Data": '"*"',
    "X-Models": "m",
    "X-Named": "1",
}
DESCRIBES = {
    "Content-Type": "text/csv",
    "Content-Encoding": "own",
    "Content-Language": "de",
    "Content-Disposition": "attachment",
    "ETag": '"1"',
    "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
    "Retry-After": "7",
    "Vary": "accept",
    "X-Model": "m1",
    "X-MODEL-Tokens": "12",
}


def test_only_headers_that_describe_the_answer_leave(house, answering):
    answering(
        "HTTP/1.1 200 OK",
        "Connection: close, x-model-hop",
        "X-Model-Hop: 1",
        *(f"{name}: {value}" for name, value in (ORDERS | DESCRIBES).items()),
    )
    status, headers, _ = call(house.url, data=b"{}")
    assert status == 200
    assert {name: headers[name] for name in DESCRIBES} == DESCRIBES
    assert headers.getall("cache-control") == ["private, no-store"]
    assert len(headers.getall("date")) == 1 and "2099" not in headers["date"]
    left = {name for name in ORDERS if name in headers} - {"Cache-Control", "Date"}
    assert left == set() and "x-model-hop" not in headers
