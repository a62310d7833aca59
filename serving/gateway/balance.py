"""Choose an instance: smooth weighted round-robin, refused ones last."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence

from .protocol import Instance

MAX_SERVICES = 10_000


class Balancer:
    """Spreads requests exactly by weight (the algorithm of nginx), per service.

    A weight says which share of requests an instance gets over any run of requests, not on
    average: a canary of 10 % gets every tenth.
    """

    def __init__(self, cooldown: float) -> None:
        self._cooldown = cooldown
        self._credit: OrderedDict[str, dict[str, int]] = OrderedDict()
        self._refused: dict[str, float] = {}

    def refused(self, instance: Instance) -> None:
        """Remember that ``instance`` did not take a connection."""
        self._refused[instance.id] = time.monotonic() + self._cooldown
        if len(self._refused) > MAX_SERVICES:
            now = time.monotonic()
            self._refused = {key: end for key, end in self._refused.items() if end > now}

    def choose(
        self, service_id: str, instances: Sequence[Instance], *, without: Instance | None = None
    ) -> Instance | None:
        """The next instance with a weight above 0, or None."""
        able = [one for one in instances if one.weight > 0 and one is not without]
        if self._refused and len(able) > 1:
            now = time.monotonic()
            able = [one for one in able if self._refused.get(one.id, 0.0) <= now] or able
        if not able:
            return None
        if len(able) == 1:
            return able[0]
        old = self._credit.pop(service_id, {})
        credit = {one.id: old.get(one.id, 0) + one.weight for one in able}
        best = max(able, key=lambda one: credit[one.id])
        credit[best.id] -= sum(one.weight for one in able)
        self._credit[service_id] = credit
        if len(self._credit) > MAX_SERVICES:
            self._credit.popitem(last=False)
        return best
