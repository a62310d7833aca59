"""The system calls that no namespace bounds, refused by a seccomp filter (seccomp(2), bpf(2)).

A network namespace bounds the families of IP, not every family: AF_VSOCK speaks with the hypervisor
and with other machines of the host from within any namespace. So ``socket`` and ``socketpair`` make
only what a program without network needs, and io_uring, which opens sockets without either call, is
not there. Programs for another processor's calls end, because the filter does not know their
numbers.
"""

from __future__ import annotations

import errno
import os
import platform
import socket
import struct
from dataclasses import dataclass

FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)

# linux/bpf_common.h, linux/seccomp.h
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
# struct seccomp_data: number, architecture, instruction pointer, arguments (low half first)
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
X32 = 0x40000000


@dataclass(frozen=True, slots=True)
class Machine:
    """The numbers of one processor's calls (linux/audit.h, asm/unistd.h)."""

    audit: int
    socket: int
    socketpair: int
    io_uring_setup: int = 425


MACHINES = {
    "x86_64": Machine(0xC000003E, 41, 53),
    "aarch64": Machine(0xC00000B7, 198, 199),
}


def machine() -> Machine | None:
    """This machine's numbers; None where the filter does not know them."""
    return MACHINES.get(platform.machine())


def program(known: Machine) -> bytes:
    """The filter as bubblewrap's ``--seccomp`` reads it: an array of struct sock_filter."""
    lines: list[tuple[int, int, int, int]] = []

    def load(offset: int) -> None:
        lines.append((LOAD, 0, 0, offset))

    def when(test: int, value: int, skip: int, otherwise: int = 0) -> None:
        lines.append((test, skip, otherwise, value))

    def end(verdict: int) -> None:
        lines.append((RETURN, 0, 0, verdict))

    load(ARCHITECTURE)
    when(EQUAL, known.audit, 1)
    end(KILL)
    load(NUMBER)
    when(AT_LEAST, X32, 0, 1)
    end(KILL)
    when(EQUAL, known.io_uring_setup, 0, 1)
    end(ERRNO | errno.ENOSYS)
    when(EQUAL, known.socket, 2)
    when(EQUAL, known.socketpair, 1)
    end(ALLOW)
    load(FIRST_ARGUMENT)
    for number, family in enumerate(FAMILIES):
        when(EQUAL, family, len(FAMILIES) - number)  # over the others and the refusal
    end(ERRNO | errno.EAFNOSUPPORT)
    end(ALLOW)
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def memory_file() -> int | None:
    """The filter in a descriptor to be inherited and closed; None on an unknown processor."""
    known = machine()
    if known is None:
        return None
    found = os.memfd_create("sandbox-calls")
    os.write(found, program(known))
    os.lseek(found, 0, os.SEEK_SET)
    return found
