"""System calls that no namespace bounds are refused in the sandbox."""

from __future__ import annotations

import errno
import json
import struct

import pytest

from compute.sandbox import syscalls
from tests.compute.helpers import Lab

TRY = """
import ctypes, errno, json, os, socket
libc = ctypes.CDLL(None, use_errno=True)

def family(number, kind=socket.SOCK_STREAM):
    try:
        socket.socket(number, kind).close()
        return 'made'
    except OSError as error:
        return errno.errorcode[error.errno]

def call(number, *arguments):
    found = libc.syscall(number, *arguments)
    return 'made' if found >= 0 else errno.errorcode[ctypes.get_errno()]

pair = (ctypes.c_int * 2)()
print('TRIED ' + json.dumps({
    'own': [family(n) for n in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)]
           + [family(socket.AF_NETLINK, socket.SOCK_RAW)],
    'vsock': family(40), 'alg': family(38, socket.SOCK_SEQPACKET), 'packet': family(17),
    'high half': call(SOCKET, ctypes.c_long(40 | 1 << 32), 1, 0),
    'pair': call(SOCKETPAIR, 1, 1, 0, pair), 'other pair': call(SOCKETPAIR, 30, 1, 0, pair),
    'io_uring': call(425, 1, ctypes.create_string_buffer(120)),
    'dns': socket.getaddrinfo('localhost', 80)[0][4][0],
}))
"""


def test_only_families_that_a_namespace_bounds(lab: Lab) -> None:
    known = syscalls.machine()
    assert known is not None, "this processor's calls are not filtered"
    calls = f"SOCKET, SOCKETPAIR = {known.socket}, {known.socketpair}\n"
    attempt = lab.launch(lab.spec(calls + TRY))
    seen = lab.wait(attempt)
    log = lab.log(attempt)
    assert seen.state["outcome"] == "succeeded", log
    found = json.loads(next(line for line in log.splitlines() if line.startswith("TRIED "))[6:])
    assert found["own"] == ["made"] * 4
    assert found["pair"] == "made" and found["dns"]
    refused = {name: found[name] for name in ("vsock", "alg", "packet", "high half", "other pair")}
    assert set(refused.values()) == {"EAFNOSUPPORT"}, refused
    assert found["io_uring"] == "ENOSYS"


@pytest.mark.parametrize("machine", sorted(syscalls.MACHINES))
def test_the_filter_by_hand(machine: str) -> None:
    """Every way through it, by an interpreter of these few instructions."""
    known = syscalls.MACHINES[machine]
    program = syscalls.program(known)
    allow, no_family = syscalls.ALLOW, syscalls.ERRNO | errno.EAFNOSUPPORT
    for call in (known.socket, known.socketpair):
        for family in range(64):
            wanted = allow if family in syscalls.FAMILIES else no_family
            assert verdict(program, call, known.audit, family) == wanted, (call, family)
    for call in set(range(600)) - {known.socket, known.socketpair, known.io_uring_setup}:
        assert verdict(program, call, known.audit, 40) == allow, call
    ring = verdict(program, known.io_uring_setup, known.audit, 0)
    assert ring == syscalls.ERRNO | errno.ENOSYS
    assert verdict(program, known.socket, 0x40000003, 2) == syscalls.KILL, "another processor"
    assert verdict(program, syscalls.X32 + known.socket, known.audit, 2) == syscalls.KILL


def verdict(program: bytes, number: int, audit: int, argument: int) -> int:
    data = struct.pack("=IIQQ", number, audit, 0, argument)
    lines = list(struct.iter_unpack("=HBBI", program))
    held, at = 0, 0
    while True:
        code, yes, no, value = lines[at]
        at += 1
        if code == syscalls.LOAD:
            held = struct.unpack_from("=I", data, value)[0]
        elif code == syscalls.RETURN:
            return int(value)
        else:
            true = held == value if code == syscalls.EQUAL else held >= value
            at += yes if true else no


def test_an_unknown_processor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from compute.sandbox.report import capabilities

    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert syscalls.memory_file() is None
    told = [problem.what for problem in capabilities(probe=False).problems]
    assert any("riscv64" in what for what in told), told
