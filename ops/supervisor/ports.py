"""Free and taken TCP ports."""

import secrets
import socket
from pathlib import Path

GIVEN_TO_CALLERS = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 10_000


class PortTaken(Exception):
    """Nothing can listen on the address; the message names the option that changes it."""


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(_family(host)) as probe:
        # As servers do: connections of an earlier server that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose(host: str = "127.0.0.1") -> int:
    """A port that is free at this moment, and stays free unless a server is put on it: the kernel
    gives it to no caller, while the program that is to listen there is only being started."""
    try:
        below = int(GIVEN_TO_CALLERS.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        below = 0
    for _try in range(50 if below > LOWEST else 0):
        port = LOWEST + secrets.randbelow(below - LOWEST)
        if is_free(host, port):
            return port
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def claim(host: str, port: int, option: str) -> int:
    """The port, checked to be free; 0 becomes a free one. Raises PortTaken."""
    port = port or choose(host)
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise PortTaken(
                f"Cannot listen on {host}, port {port}: {problem.strerror}. Stop the program that"
                f" uses it, or choose another: ./run {option} {_suggestion(port)}."
            ) from None
        return int(probe.getsockname()[1])


def _suggestion(port: int) -> int:
    return port + 10 if 1024 <= port <= 65000 else 8010


def remembered(path: Path, host: str = "127.0.0.1") -> int:
    """The port noted in the file if it is still free, else a new one, noted.

    Staying on one port keeps addresses valid for processes that outlive a restart.
    """
    try:
        port = int(path.read_text())
    except (OSError, ValueError):
        port = 0
    if not port or not is_free(host, port):
        port = choose(host)
        path.write_text(f"{port}\n")
    return port
