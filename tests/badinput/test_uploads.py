"""Uploads that break rules or break off, against the real web server over raw sockets."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.badinput.served import Served, Wire, request
from tests.waiting import until

pytestmark = pytest.mark.slow
MIB = 1024 * 1024
LARGE = int(os.environ.get("MODELYARD_LARGE_MIB", "30"))  # 300 measures what the rule is about
OBJECTS = "/api/v1/buckets/team1/objects"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("served") / "var")
    yield made
    made.close()


@pytest.fixture
def wire(served: Served) -> Iterator[Wire]:
    made = Wire(served.port)
    yield made
    made.close()


def put(served: Served, target: str, body: bytes = b"x", **headers: str) -> Any:
    wire = Wire(served.port)
    try:
        wire.send(request("PUT", target, served.bearers["acme"], body, **headers))
        status, told, content = wire.answer()
        return status, told, json.loads(content)
    finally:
        wire.close()


def get(served: Served, target: str, account: str = "acme") -> tuple[int, dict[str, str], bytes]:
    wire = Wire(served.port)
    try:
        wire.send(request("GET", target, served.bearers[account]))
        return wire.answer()
    finally:
        wire.close()


def refused(answer: Any, status: int, code: str = "") -> None:
    assert answer[0] == status, answer
    assert {"error_code", "error_msg", "request_id"} <= set(answer[2]), answer
    assert not code or answer[2]["error_code"] == code, answer


KEYS = {
    "blanks": "a b c.txt",
    "quotes": 'it\'s "quoted" `x` $(id) ;&|.txt',
    "emoji": "🦄/数据.bin",
    "right to left": "a\u202egnp.exe",
    "zero width": "a\u200bb",
    "1,024 bytes": "k" * 1024,
    "a question mark": "what?#now",
    "plus and equals": "a+b=c&d",
    "dots inside": "a...b/..c/d..",
    "percent": "100%",
}
BAD_KEYS = {
    "parent": "a/../../etc/passwd",
    "parent encoded": "a/%2e%2e/b",
    "parent encoded twice": "a/%252e%252e/b",
    "dot": "a/./b",
    "double slash": "a//b",
    "trailing slash": "a/",
    "leading slash": "%2Fetc/passwd",
    "backslash": "..%5C..%5Cx",
    "NUL": "a%00b",
    "newline": "a%0Ab",
    "an escape": "a%1B%5B31m",
    "line separator": "a%E2%80%A8b",
    "not UTF-8": "a%FFb",
    "overlong": "%C0%AE%C0%AE/x",
    "a surrogate": "a%ED%A0%80",
    "1,025 bytes": "k" * 1025,
    "an escape of a letter": "a%2541",
}


@pytest.mark.parametrize("name", KEYS)
def test_odd_keys_are_kept_as_they_are(served: Served, name: str) -> None:
    target = f"{OBJECTS}/{quote(KEYS[name])}"
    status, _headers, stored = put(served, target, name.encode())
    assert (status, stored["key"]) == (201, KEYS[name])
    status, headers, body = get(served, target)
    assert (status, body) == (200, name.encode())
    assert headers["content-disposition"].startswith("attachment;")
    assert headers["content-disposition"].isascii()
    assert get(served, target, "other")[0] == 404


@pytest.mark.parametrize("name", BAD_KEYS)
def test_bad_keys_are_refused_with_the_rule(served: Served, name: str) -> None:
    before = served.files()
    answer = put(served, f"{OBJECTS}/{BAD_KEYS[name]}")
    refused(answer, 400)
    assert answer[2]["problems"][0]["text"]
    assert served.files() == before


def test_one_key_in_two_normal_forms_is_one_object(served: Served) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert put(served, f"{OBJECTS}/{quote(composed)}", b"one")[2]["key"] == composed
    assert put(served, f"{OBJECTS}/{quote(decomposed)}", b"two")[2]["key"] == composed
    assert get(served, f"{OBJECTS}/{quote(composed)}")[2] == b"two"


def test_nothing_at_all_is_an_object(served: Served) -> None:
    status, _headers, stored = put(served, f"{OBJECTS}/empty", b"")
    assert (status, stored["size"]) == (201, 0)
    assert get(served, f"{OBJECTS}/empty")[2] == b""


def test_digests_and_lengths(served: Served, wire: Wire) -> None:
    target = f"{OBJECTS}/checked"
    right = hashlib.sha256(b"data").hexdigest()
    refused(put(served, target, b"data", X_Content_SHA256="0" * 64), 400, "DIGEST_MISMATCH")
    refused(put(served, target, b"data", X_Content_SHA256="zz"), 400)
    refused(put(served, target, b"data", X_Content_SHA256=right[:-1]), 400)
    assert put(served, target, b"data", X_Content_SHA256=right.upper())[0] == 201
    refused(put(served, target, b"", Content_Length=""), 411, "LENGTH_REQUIRED")
    chunked = put(
        served, target, b"4\r\ndata\r\n0\r\n\r\n", Content_Length="", Transfer_Encoding="chunked"
    )
    refused(chunked, 411, "LENGTH_REQUIRED")
    refused(put(served, target, b"data", Content_Length=str(6 * 1024**3)), 413, "BODY_TOO_LARGE")
    assert get(served, target)[2] == b"data"


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "4, 5", "+4", "٤".encode().decode("latin-1")])
def test_lengths_that_are_none(served: Served, wire: Wire, length: str) -> None:
    """The server itself refuses what would let two readers disagree about a body's end."""
    wire.send(
        request("PUT", f"{OBJECTS}/l", served.bearers["acme"], b"data", Content_Length=length)
    )
    assert wire.answer()[0] == 400


def test_two_lengths_are_refused(served: Served, wire: Wire) -> None:
    head = request("PUT", f"{OBJECTS}/smuggled", served.bearers["acme"], b"")
    both = head.replace(b"Content-Length: 0", b"Content-Length: 4\r\nTransfer-Encoding: chunked")
    wire.send(both + b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert wire.answer()[0] in (400, 411)
    assert get(served, f"{OBJECTS}/smuggled")[0] == 404


def test_a_cut_upload_leaves_what_was_there(served: Served) -> None:
    """Closed half-way: no object, no bytes; the second try is whole."""
    target, data = f"{OBJECTS}/cut", os.urandom(MIB)
    assert put(served, target, b"before")[0] == 201
    before = sorted(served.files())
    wire = Wire(served.port)
    whole = request("PUT", target, served.bearers["acme"], data)
    wire.send(whole[: len(whole) // 2])
    partial = served.folder / "objects" / "partial"
    until(lambda: any(partial.iterdir()))
    wire.close()
    until(lambda: not any(partial.iterdir()))
    until(lambda: sorted(served.files()) == before)
    assert get(served, target)[2] == b"before"
    assert put(served, target, data, X_Content_SHA256=hashlib.sha256(data).hexdigest())[0] == 201
    assert get(served, target)[2] == data


def test_the_same_key_twice_at_once_is_one_of_them_whole(served: Served) -> None:
    target = f"{OBJECTS}/raced"
    bodies = [bytes([letter]) * (2 * MIB) for letter in b"abcd"]
    answers: list[Any] = []

    def send(body: bytes) -> None:
        answers.append(put(served, target, body))

    threads = [threading.Thread(target=send, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert [status for status, _headers, _body in answers] == [201] * 4
    assert get(served, target)[2] in bodies
    sizes = [path.stat().st_size for path in served.files()]
    assert sizes.count(2 * MIB) == 1, "replaced bytes are gone"


def test_memory_stays_flat_for_a_large_upload(served: Served) -> None:
    """The web process passes bytes on in pieces; its peak does not follow their number."""
    piece, target = os.urandom(MIB), f"{OBJECTS}/large"
    put(served, f"{OBJECTS}/warm", piece)
    before = peak(served)
    digest = hashlib.sha256()
    wire = Wire(served.port)
    wire.send(request("PUT", target, served.bearers["acme"], Content_Length=str(LARGE * MIB)))
    for _n in range(LARGE):
        wire.send(piece)
        digest.update(piece)
    status, _headers, body = wire.answer()
    wire.close()
    assert status == 201, body
    assert json.loads(body)["sha256"] == digest.hexdigest()
    grown = peak(served) - before
    assert grown < 12 * 1024, f"{grown} KiB for {LARGE} MiB"


def peak(served: Served) -> int:
    """The largest resident set of any process of the web server so far, in KiB."""
    leader = served.web.pid
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = dict(
                line.split(":", 1) for line in (entry / "status").read_text().splitlines()
            )
        except OSError:
            continue
        if leader in (int(entry.name), int(status["PPid"])):
            found.append(int(status["VmHWM"].split()[0]))
    return max(found)


def test_junk_after_a_request_is_its_own_mistake(served: Served, wire: Wire) -> None:
    """A body on GET is read past; what follows is answered as what it is."""
    wire.send(request("GET", "/healthz", "", b'{"x": 1}') + request("GET", "/healthz"))
    assert wire.answer()[0] == 200
    assert wire.answer()[0] == 200
    wire.send(b"\x00\x01junk junk\r\n\r\n")
    assert wire.answer()[0] == 400
    assert wire.closed()


def test_the_log_has_no_errors_of_ours(served: Served) -> None:
    log = served.log("web")
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]
    assert '" 500 ' not in log
