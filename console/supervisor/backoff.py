"""How long to wait before a process that died is started again."""

from dataclasses import dataclass


@dataclass
class Backoff:
    """Doubling delays in seconds, forgotten once a process has lived long enough."""

    first: float = 0.5
    ceiling: float = 30.0
    healthy_after: float = 60.0
    _next: float = 0.0

    def delay(self, lived: float) -> float:
        """The wait after a life of `lived` seconds: first, 2 x first, ... up to the ceiling."""
        if lived >= self.healthy_after or not self._next:
            self._next = self.first
        current = self._next
        self._next = min(current * 2, self.ceiling)
        return current
