"""The system calls that a sandboxed program may make: a seccomp filter (seccomp(2), bpf(2)).

``calls.csv`` names every call that is known, with its number on each processor and its rule. It is
an allow-list after the default profile of the container engines (Docker, containerd, Podman):

- ``allow``: what ordinary programs need;
- ``refuse``: known and dangerous (mounts, modules, keys, BPF, clocks): EPERM;
- the other rules look at one argument (``_checks``);
- a call that is not in the table, so every call of a later kernel, does not exist: ENOSYS, so that
  libraries fall back to what they did before it. clone3 and io_uring are left out on purpose: a
  filter cannot read the flags of the one, and the other makes calls without making calls.

Namespaces bound much of this already. The filter is for what they do not bound: families of sockets
such as AF_VSOCK, key rings, and the parts of the kernel that only a mistake in it makes reachable.
Programs for another processor's calls end, because their numbers mean something else.
"""

from __future__ import annotations

import csv
import ctypes
import errno
import functools
import os
import platform
import re
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
# linux/sched.h: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. The lowest byte of
# clone's flags is a signal; unshare has CLONE_NEWTIME in it.
NAMESPACES = 0x7E020000
TIME_NAMESPACE = 0x80
# asm-generic/ioctls.h: type into a terminal as if its user had, and paste into a console.
TYPING = (0x5412, 0x541C)
# linux/personality.h: PER_LINUX, PER_LINUX32, both as UNAME26, and the question what it is.
PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
# From this kernel on a traced process cannot make a call that its filter has let pass another one.
INSPECT_SINCE = (4, 8)

# linux/bpf_common.h, linux/seccomp.h
LOAD, EQUAL, AT_LEAST, ANY_BIT, JUMP, RETURN = 0x20, 0x15, 0x35, 0x45, 0x05, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
REFUSED, ABSENT = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
# struct seccomp_data: number, architecture, instruction pointer, arguments (low half first)
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 4, 16, 24
X32 = 0x40000000
# A tracer sets the number to -1 to skip a call.
SKIPPED = 0xFFFFFFFF

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2

Line = tuple[int, int, int, int]


@dataclass(frozen=True)
class Machine:
    """One processor: its name in audit records (linux/audit.h), and its calls."""

    audit: int
    numbers: Mapping[str, int]
    rules: Mapping[int, str]


AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


@functools.cache
def known(name: str) -> Machine:
    """The table of one processor. Raises KeyError for one that the table does not have."""
    audit, numbers, rules = AUDIT[name], {}, {}
    with Path(__file__).with_name("calls.csv").open(newline="", encoding="ascii") as table:
        heads, *rows = csv.reader(table)
    column = heads.index(name)
    for row in rows:
        if row[column]:
            number = int(row[column])
            numbers[row[0]], rules[number] = number, row[1]
    return Machine(audit, numbers, rules)


def machine() -> Machine | None:
    """This machine's calls; None where the filter does not know them."""
    name = platform.machine()
    return known(name) if name in AUDIT else None


def program(of: Machine, *, inspect: bool = False) -> bytes:
    """The filter as the kernel reads it: an array of struct sock_filter.

    inspect: the program may trace the processes that it sees, because it sees its own alone.
    Which rule a number has is found by halving, not by asking for one after the other.
    """
    checks = _checks(inspect=inspect)
    starts: list[tuple[int, str]] = []
    for number in range(max(of.rules) + 2):
        rule = of.rules.get(number, "absent")
        if not starts or starts[-1][1] != rule:
            starts.append((number, rule))
    lines = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, of.audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 3, X32),
        (EQUAL, 0, 1, SKIPPED),
        (RETURN, 0, 0, ABSENT),
        (RETURN, 0, 0, KILL),
        *_halved(starts, checks),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _halved(starts: Sequence[tuple[int, str]], checks: Mapping[str, list[Line]]) -> list[Line]:
    """The lines that find the rule of a number; each start holds up to the next one."""
    if len(starts) == 1:
        return checks[starts[0][1]]
    middle = len(starts) // 2
    below, above = _halved(starts[:middle], checks), _halved(starts[middle:], checks)
    if len(below) < 256:  # a conditional jump has one byte for its distance
        return [(AT_LEAST, len(below), 0, starts[middle][0]), *below, *above]
    return [(AT_LEAST, 0, 1, starts[middle][0]), (JUMP, 0, 0, len(below)), *below, *above]


def _checks(*, inspect: bool) -> dict[str, list[Line]]:
    """What each rule of the table means, as lines that end the filter."""
    allow, refuse = [(RETURN, 0, 0, ALLOW)], [(RETURN, 0, 0, REFUSED)]
    return {
        "allow": allow,
        "refuse": refuse,
        "absent": [(RETURN, 0, 0, ABSENT)],
        "inspect": allow if inspect else refuse,
        "family": _one_of(FIRST_ARGUMENT, FAMILIES, ERRNO | errno.EAFNOSUPPORT),
        "personality": _one_of(FIRST_ARGUMENT, PERSONALITIES, REFUSED),
        "ioctl": _one_of(SECOND_ARGUMENT, TYPING, ALLOW, found=REFUSED),
        "clone": _without(NAMESPACES),
        "unshare": _without(NAMESPACES | TIME_NAMESPACE),
    }


def _one_of(argument: int, values: Sequence[int], other: int, found: int = ALLOW) -> list[Line]:
    """``found`` for the values (32 bits: that is what these calls read), ``other`` for the rest."""
    return [
        (LOAD, 0, 0, argument),
        *((EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)),
        (RETURN, 0, 0, other),
        (RETURN, 0, 0, found),
    ]


def _without(bits: int) -> list[Line]:
    return [
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (ANY_BIT, 0, 1, bits),
        (RETURN, 0, 0, REFUSED),
        (RETURN, 0, 0, ALLOW),
    ]


@functools.cache
def here(*, isolated: bool) -> bytes | None:
    """This machine's filter, for a program with or without a view of its own; None on an unknown
    processor."""
    found = machine()
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    version = tuple(int(part) for part in release.groups()) if release else (0, 0)
    inspect = isolated and version >= INSPECT_SINCE
    return None if found is None else program(found, inspect=inspect)


def memory_file() -> int | None:
    """The filter of an isolated program, in a descriptor for bubblewrap's ``--seccomp``, to be
    inherited and closed; None on an unknown processor."""
    lines = here(isolated=True)
    if lines is None:
        return None
    found = os.memfd_create("sandbox-calls")
    os.write(found, lines)
    os.lseek(found, 0, os.SEEK_SET)
    return found


class Own:
    """The filter for this process itself, made before a fork and put on after it."""

    def __init__(self, libc: ctypes.CDLL) -> None:
        self._libc = libc
        lines = here(isolated=False) or b""
        self._lines = ctypes.create_string_buffer(lines, len(lines))
        # struct sock_fprog: how many lines, and where
        where = ctypes.addressof(self._lines)
        self._head = ctypes.create_string_buffer(struct.pack("@HP", len(lines) // 8, where))

    def put_on(self) -> None:
        """For this process and what it starts, for ever. Raises OSError. Nothing is put on where
        the processor is unknown."""
        if not len(self._lines):
            return
        one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
        head, mode = ctypes.byref(self._head), ctypes.c_ulong(SECCOMP_MODE_FILTER)
        if self._libc.prctl(PR_SET_NO_NEW_PRIVS, one, none, none, none) or self._libc.prctl(
            PR_SET_SECCOMP, mode, head, none, none
        ):
            raise OSError(ctypes.get_errno(), "the filter of system calls could not be put on")
