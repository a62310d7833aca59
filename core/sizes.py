"""How many processes and threads one machine runs. Standard library only: the supervisor reads it
before it starts anything, the settings read it in each process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How many of each. Overridden by the environment variables in `Size.read`."""

    web_processes: int = 2
    web_threads: int = 16
    #: of three one stays free of any one account, and two look at what one account has
    worker_processes: int = 3

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Size:
        """MODELYARD_WEB_PROCESSES, MODELYARD_WEB_THREADS, MODELYARD_WORKER_PROCESSES (>= 1).

        Raises ValueError for anything else.
        """

        def number(name: str, default: int) -> int:
            value = variables.get(name, "").strip()
            if value and not (value.isdigit() and int(value) >= 1):
                raise ValueError(f"{name}={value!r}: it must be a whole number of at least 1.")
            return int(value) if value else default

        return cls(
            number("MODELYARD_WEB_PROCESSES", cls.web_processes),
            number("MODELYARD_WEB_THREADS", cls.web_threads),
            number("MODELYARD_WORKER_PROCESSES", cls.worker_processes),
        )
