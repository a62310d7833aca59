"""The contract of an attack."""

from __future__ import annotations

from typing import ClassVar

from ops.drill.client import Client
from ops.drill.processes import Host


class Attack:
    """One tenant's attack. ``client`` is that tenant; ``host`` the machine, only to look at it."""

    name: ClassVar[str]

    def __init__(self, client: Client, host: Host) -> None:
        self.client, self.host = client, host

    def check(self) -> None:
        """Raise Skip where it has no meaning on this installation."""

    def begin(self) -> None:
        """Start it, and return when it has its effect."""

    def look(self) -> list[str]:
        """What is wrong with the platform right now, as sentences. Asked between the other
        tenant's acts."""
        return []

    def end(self) -> str:
        """Stop it and tidy up; returns how it ended. Called also when ``begin`` failed."""
        return ""
