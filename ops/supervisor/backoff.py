"""How long to wait before a process that died is started again."""

from dataclasses import dataclass


@dataclass
class Backoff:
    """Doubling delays in seconds, forgotten once a process has lived long enough.

    The ceiling is a part of the time in which every object must be in a true state again (60 s,
    of which a busy machine needs half to start Python); a program that ends at once all the time
    still costs one start in five seconds and no more.
    """

    first: float = 0.25
    ceiling: float = 5.0
    healthy_after: float = 5.0
    _next: float = 0.0

    def delay(self, lived: float) -> float:
        """The wait after a life of `lived` seconds: first, 2 x first, ... up to the ceiling."""
        if lived >= self.healthy_after or not self._next:
            self._next = self.first
        current = self._next
        self._next = min(current * 2, self.ceiling)
        return current
