"""How many connections may be open, in all and for one address."""

from __future__ import annotations

import ipaddress
import resource
from collections import Counter

from core.proxies import Proxies

#: descriptors that the process needs for itself; a connection needs two, its own and the model's
OWN_FILES, FILES = 128, 2
MOST = 2_000
#: what one address may have of them: the rest is for others
SHARE = 0.75


def most() -> int:
    """As many as the limit of open files allows, which is raised as far as it goes."""
    wanted = MOST * FILES + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(16, (allowed - OWN_FILES) // FILES)


class Connections:
    """Counts them. An IPv6 network of 64 bits is one address: its user has all of it."""

    def __init__(self, limit: int, shared: tuple[str, ...] = ()) -> None:
        self.limit = limit
        self._per_address = max(1, int(limit * SHARE))
        self._shared = Proxies(shared)
        self._open: Counter[str] = Counter()
        self._all = 0

    def enter(self, address: str) -> str | None:
        """Count one more; returns what to give to ``leave``, None where there is no room."""
        key = self._key(address)
        if self._all >= self.limit or (key and self._open[key] >= self._per_address):
            return None
        self._all += 1
        self._open[key] += 1
        return key

    def leave(self, key: str) -> None:
        """One less."""
        self._all -= 1
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]

    def _key(self, address: str) -> str:
        """Whose it is; "" where many share it, as behind a proxy, or it has none."""
        try:
            one = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return ""
        if isinstance(one, ipaddress.IPv6Address) and one.ipv4_mapped is not None:
            one = one.ipv4_mapped
        if self._shared.trusts(address):
            return ""
        if one.version == 6:
            return str(ipaddress.ip_network((one, 64), strict=False))
        return str(one)
