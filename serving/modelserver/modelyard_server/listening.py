"""Which sockets of this network namespace listen, read from the kernel's own tables."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ROUTES = Path("/proc/net/route")
LISTEN = "0A"


@dataclass(frozen=True, order=True)
class Listener:
    """One listening TCP socket."""

    port: int
    address: str

    @property
    def everyone(self) -> bool:
        """Bound to every address: reached from outside a container too."""
        return ipaddress.ip_address(self.address).is_unspecified

    def __str__(self) -> str:
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else (f"{self.address}:{self.port}")
        )


def listeners() -> list[Listener]:
    """All of them, by port."""
    found: set[Listener] = set()
    for table in TABLES:
        try:
            with table.open() as file:
                found |= parse(file)
        except FileNotFoundError:  # a kernel without IPv6
            continue
    return sorted(found)


def parse(lines: Iterable[str]) -> set[Listener]:
    """The listening sockets of one table of the kernel (proc(5), /proc/net/tcp)."""
    found = set()
    for line in lines:
        fields = line.split()
        if len(fields) < 4 or fields[3] != LISTEN:
            continue
        address, _colon, port = fields[1].partition(":")
        # 32-bit words in the order of this machine's bytes.
        words = bytes.fromhex(address)
        raw = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
        found.add(Listener(int(port, 16), str(_plain(ipaddress.ip_address(raw)))))
    return found


def _plain(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address that an IPv6 socket is bound to is shown as what it is."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_isolated() -> bool:
    """This network leads nowhere: what listens in it belongs to this instance alone."""
    try:
        return len(ROUTES.read_text().splitlines()) <= 1
    except FileNotFoundError:
        return True
