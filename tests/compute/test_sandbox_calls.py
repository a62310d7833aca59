"""A sandboxed program makes the calls that ordinary programs need, and no others."""

from __future__ import annotations

import errno
import json
import re
import struct
from pathlib import Path

import pytest

from compute.sandbox import syscalls
from tests.compute.helpers import Lab

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
ALLOW, REFUSED, ABSENT = syscalls.ALLOW, syscalls.REFUSED, syscalls.ABSENT

TRY = """
import ctypes, errno, fcntl, json, pty, signal, socket, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.argtypes = [ctypes.c_long] * 7

def family(number, kind=socket.SOCK_STREAM):
    try:
        socket.socket(number, kind).close()
        return 'made'
    except OSError as error:
        return errno.errorcode[error.errno]

def call(number, *given):
    found = libc.syscall(number, *[*given, 0, 0, 0, 0, 0, 0][:6])
    return 'made' if found >= 0 else errno.errorcode[ctypes.get_errno()]

def typed(request):
    try:
        fcntl.ioctl(terminal, request, b'x')
        return 'made'
    except OSError as error:
        return errno.errorcode[error.errno]

_, terminal = pty.openpty()
kept = ctypes.create_string_buffer(120)
here = ctypes.addressof(kept)
tried = {
    'own': [family(n) for n in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)]
           + [family(socket.AF_NETLINK, socket.SOCK_RAW)],
    'vsock': family(40), 'alg': family(38, socket.SOCK_SEQPACKET), 'packet': family(17),
    'high half': call(N['socket'], 40 | 1 << 32, 1, 0),
    'pair': call(N['socketpair'], 1, 1, 0, here),
    'other pair': call(N['socketpair'], 30, 1, 0, here),
    'io_uring': call(425, 1, here), 'clone3': call(435, here, 64), 'later': call(600),
    'dns': socket.getaddrinfo('localhost', 80)[0][4][0],
    'typing': [typed(0x5412), typed(0x541C)],
    'window': len(fcntl.ioctl(terminal, 0x5413, bytes(8))),  # TIOCGWINSZ
    'personality': [call(N['personality'], n) for n in (0xFFFFFFFF, 0, 8, 0, 0x0040000)],
    'unshare files': call(N['unshare'], 0x400),
    'spaces': [call(N['unshare'], n) for n in
               (0x20000, 0x80, 0x2000000, 0x4000000, 0x8000000, 1 << 28, 1 << 29, 1 << 30)]
              + [call(N['clone'], n | signal.SIGCHLD) for n in (0x20000, 1 << 28, 1 << 30)],
    'refused': {name: call(number, -1, here, 0, 0, 0) for name, number in REFUSE.items()},
    'child': subprocess.check_output([sys.executable, '-c', 'print(7)']).decode(),
    'threads': ThreadPoolExecutor(2).submit(len, 'ab').result(),
}
print('TRIED ' + json.dumps(tried))
"""


def test_what_a_program_may_call(lab: Lab) -> None:
    """In a real job, by the numbers of the machine that runs the test."""
    known = syscalls.machine()
    assert known is not None, "this processor's calls are not filtered"
    refuse = {name: n for name, n in known.numbers.items() if known.rules[n] == "refuse"}
    attempt = lab.launch(lab.spec(f"N, REFUSE = {dict(known.numbers)}, {refuse}\n{TRY}"))
    seen = lab.wait(attempt)
    log = lab.log(attempt)
    assert seen.state["outcome"] == "succeeded", log
    found = json.loads(next(line for line in log.splitlines() if line.startswith("TRIED "))[6:])
    assert found["own"] == ["made"] * 4
    assert found["pair"] == "made" and found["dns"]
    refused = {name: found[name] for name in ("vsock", "alg", "packet", "high half", "other pair")}
    assert set(refused.values()) == {"EAFNOSUPPORT"}, refused
    assert [found[name] for name in ("io_uring", "clone3", "later")] == ["ENOSYS"] * 3
    assert found["typing"] == ["EPERM", "EPERM"] and found["window"] == 8
    assert found["personality"] == ["made"] * 4 + ["EPERM"]
    assert found["unshare files"] == "made"
    assert found["spaces"] == ["EPERM"] * 11
    assert set(found["refused"].values()) == {"EPERM"}, found["refused"]
    assert {"add_key", "keyctl", "request_key", "bpf", "mount", "userfaultfd"} <= set(refuse)
    assert (found["child"], found["threads"]) == ("7\n", 2)


@pytest.mark.parametrize("name", sorted(syscalls.AUDIT))
def test_the_filter_by_hand(name: str) -> None:
    """Every number, and every way through it, by an interpreter of these few instructions."""
    known = syscalls.known(name)
    program = syscalls.program(known)
    plain = {"allow": ALLOW, "refuse": REFUSED, "absent": ABSENT, "inspect": REFUSED}

    def judged(call: str | int, *arguments: int, audit: int = known.audit) -> int:
        return verdict(
            program, known.numbers[call] if isinstance(call, str) else call, audit, *arguments
        )

    for number in range(1000):
        rule = known.rules.get(number, "absent")
        if rule in plain:
            assert judged(number, 40, 40) == plain[rule], number
    for call in ("socket", "socketpair"):
        for family in range(64):
            wanted = ALLOW if family in syscalls.FAMILIES else syscalls.ERRNO | errno.EAFNOSUPPORT
            assert judged(call, family) == wanted, (call, family)
    for bit in range(32):
        spaces = bit in (17, 25, 26, 27, 28, 29, 30)
        assert judged("clone", 1 << bit | 17) == (REFUSED if spaces else ALLOW), bit
        assert judged("unshare", 1 << bit) == (REFUSED if spaces or bit == 7 else ALLOW), bit
    for request in (0x5412, 0x541C, 0x5412 | 1 << 32):
        assert judged("ioctl", 0, request) == REFUSED
    assert judged("ioctl", 0x5412, 0x5401) == ALLOW
    values = [0, 8, 0x20000, 0x20008, 0xFFFFFFFF, 4, 0x40000]
    assert [judged("personality", one) for one in values] == [ALLOW] * 5 + [REFUSED] * 2
    assert judged("socket", 2, audit=0x40000003) == syscalls.KILL, "another processor"
    assert judged(syscalls.X32 + known.numbers["socket"], 2) == syscalls.KILL
    assert judged(syscalls.SKIPPED) == ABSENT


@pytest.mark.parametrize("name", sorted(syscalls.AUDIT))
def test_a_rule_is_found_by_halving(name: str) -> None:
    """What a call costs grows with the logarithm of the table."""
    known = syscalls.known(name)
    program = syscalls.program(known)
    assert len(program) // 8 < 4096, "the kernel takes no longer one"
    assert max(steps(program, number, known.audit) for number in range(600)) < 24


def test_tracing_is_for_a_view_of_its_own() -> None:
    """In its own process namespace a program traces its own; without one it would trace others."""
    known = syscalls.known("x86_64")
    for name in ("ptrace", "process_vm_readv", "process_vm_writev"):
        for inspect, wanted in ((True, ALLOW), (False, REFUSED)):
            program = syscalls.program(known, inspect=inspect)
            assert verdict(program, known.numbers[name], known.audit, 0) == wanted


@pytest.mark.parametrize("name", sorted(syscalls.AUDIT))
def test_the_numbers_are_the_kernels(name: str) -> None:
    """As the headers of this machine have them, which may know fewer."""
    if not HEADERS[name].exists():
        pytest.skip("no headers of the kernel here")
    written = re.findall(
        r"^#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[name].read_text(), re.MULTILINE
    )
    headers = {call: int(number) for call, number in written}
    numbers = {call: n for call, n in syscalls.known(name).numbers.items() if call in headers}
    assert len(numbers) > 250
    assert numbers == {call: headers[call] for call in numbers}


def verdict(program: bytes, number: int, audit: int, *arguments: int) -> int:
    return run(program, number, audit, *arguments)[0]


def steps(program: bytes, number: int, audit: int) -> int:
    return run(program, number, audit)[1]


def run(program: bytes, number: int, audit: int, *arguments: int) -> tuple[int, int]:
    """The verdict, and how many instructions it took."""
    data = struct.pack("=IIQ6Q", number, audit, 0, *[*arguments, *[0] * 6][:6])
    lines = list(struct.iter_unpack("=HBBI", program))
    held, at, taken = 0, 0, 0
    while True:
        code, yes, no, value = lines[at]
        at, taken = at + 1, taken + 1
        if code == syscalls.LOAD:
            held = struct.unpack_from("=I", data, value)[0]
        elif code == syscalls.RETURN:
            return int(value), taken
        elif code == syscalls.JUMP:
            at += value
        else:
            tests = {
                syscalls.EQUAL: held == value,
                syscalls.AT_LEAST: held >= value,
                syscalls.ANY_BIT: bool(held & value),
            }
            at += yes if tests[code] else no


def test_an_unknown_processor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from compute.sandbox.report import capabilities

    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    syscalls.here.cache_clear()
    try:
        assert syscalls.memory_file() is None
    finally:
        syscalls.here.cache_clear()
    told = [problem.what for problem in capabilities(probe=False).problems]
    assert any("riscv64" in what for what in told), told
