"""Is the package's own server there, where it was declared, and well? If not, why not."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from .listening import Listener, listeners
from .upstream import Said, ask

# Answers only a socket that is bound to every address, as a cluster's network would find it.
ADDRESS = "127.0.0.2"
ADDRESS6 = "::1"
DELAY, PERIOD, TIMEOUT, THRESHOLD = 12, 5, 5, 3
MAX_SHOWN = 8


class GiveUp(Exception):
    """It will not come up: reason code, sentence, next step and proof."""

    def __init__(self, reason: str, message: str, hint: str, proof: dict[str, Any]) -> None:
        super().__init__(message)
        self.reason, self.message, self.hint, self.proof = reason, message, hint, proof


@dataclass(frozen=True)
class Rules:
    """What config.json asks for. ``threshold`` None: the deployment's deadline decides."""

    port: int
    url: str = ""
    delay: float = 0
    timeout: float = TIMEOUT
    period: float = PERIOD
    threshold: int | None = None
    settle: float = 30  # a wrong place must stay so for this long before it is believed

    @classmethod
    def of(cls, own: dict[str, Any], settle: float) -> Rules:
        health = own.get("health") or {}
        return cls(
            port=int(own["port"]),
            url=str(health.get("url") or ""),
            delay=health.get("initial_delay_seconds", DELAY) if health else 0,
            timeout=health.get("timeout_seconds") or TIMEOUT,
            period=health.get("period_seconds") or PERIOD,
            threshold=health.get("failure_threshold"),
            settle=settle,
        )


@dataclass
class Watch:
    """What was seen last; ``look`` looks again. Written by one thread, read by others."""

    rules: Rules
    address: str = ""  # where it answers; "" until it did
    ready: bool = False
    well: bool = False
    reason: str = ""
    message: str = "The command was started."
    proof: dict[str, Any] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _wrong: tuple[object, float] = ("", 0.0)
    _failures: int = 0
    _counted: float = 0.0

    async def look(self) -> float:
        """Look once; returns seconds until the next look. Raises GiveUp."""
        if self.ready:
            await self._alive()
            return self.rules.period
        await self._start()
        if not self.ready:
            self._count()
        return 0.2

    # -- coming up -----------------------------------------------------------------------------

    async def _start(self) -> None:
        port, found = self.rules.port, listeners()
        here = [one for one in found if one.port == port]
        self.proof = {
            "port": port,
            "listening": [str(one) for one in found[:MAX_SHOWN]],
            "tried": f"{ADDRESS}:{port}",
        }
        if any(one.everyone for one in here):
            self._wrong = ("", 0.0)
            await self._greet(here)
        elif here:
            shown = " and ".join(map(str, here))
            await self._misplaced(
                "LISTEN_LOCALHOST", f"Listens on {shown} only. Bind to 0.0.0.0.", here
            )
        elif found:
            ports = _ports(found)
            await self._misplaced("PORT_CLOSED", f"Listens on {ports}, declared {port}.", found)
        else:
            self._wrong = ("", 0.0)
            self._say("HEALTH_STARTUP", f"Nothing listens on port {port}.")

    async def _greet(self, here: list[Listener]) -> None:
        """It listens in the right place: the health check decides, or the connection alone."""
        said = Said(0, "")
        for address in self._addresses(here):
            said = await self._ask(address)
            if said.status:
                break
        self.proof["answer"] = said.text
        if said.ok:
            self.address, self.ready, self.well = address, True, True
            self._say("", "")
        else:
            self._say("HEALTH_STARTUP", f"{said.text}.")

    def _addresses(self, here: list[Listener]) -> list[str]:
        six = any(one.everyone and ":" in one.address for one in here)
        return [ADDRESS, ADDRESS6] if six else [ADDRESS]

    async def _ask(self, address: str) -> Said:
        if self.rules.url:
            return await ask(address, self.rules.port, self.rules.url, self.rules.timeout)
        return await _connects(address, self.rules.port, self.rules.timeout)

    async def _misplaced(self, reason: str, message: str, where: list[Listener]) -> None:
        """Believed when it stays so, and when what listens elsewhere is a server and not a helper
        of one that is still loading."""
        self._say(reason, message)
        now, seen = time.monotonic(), (reason, tuple(where))
        if self._wrong[0] != seen:
            self._wrong = (seen, now)
        if now - self._wrong[1] < self.rules.settle or now - self._began < self.rules.delay:
            return
        if reason == "LISTEN_LOCALHOST" or await _any_speaks_http(where, self.proof):
            raise self._given_up()

    def _count(self) -> None:
        """One failure per period; as many as config.json allows, then it is over."""
        now = time.monotonic()
        if now - max(self._began + self.rules.delay, self._counted) < self.rules.period:
            return
        self._counted, self._failures = now, self._failures + 1
        limit = self.rules.threshold
        if limit is not None and self._failures >= limit:
            if self.reason == "HEALTH_STARTUP":
                checks = "health check" if limit == 1 else "health checks"
                self.message = f"{limit} {checks} failed. {self.message}"
            raise self._given_up()

    def _given_up(self) -> GiveUp:
        return GiveUp(self.reason, self.message, self._hint(), self.proof)

    def _hint(self) -> str:
        port = self.rules.port
        if self.reason == "LISTEN_LOCALHOST":
            return (
                "Let the program listen on 0.0.0.0 instead of localhost or 127.0.0.1, for example "
                f'with `--host 0.0.0.0` or `HTTPServer(("0.0.0.0", {port}), ...)`; register a new '
                "version, deploy it as a new service."
            )
        if self.reason == "PORT_CLOSED":
            other = self.proof["listening"][0].rpartition(":")[2]
            return (
                f'Use {other}: write "port": {other} into config.json. Or let the program listen '
                f"on {port}, which the variable PORT tells it. Register a new version, "
                "deploy it as a new service."
            )
        return ""

    def _say(self, reason: str, message: str) -> None:
        self.reason, self.message = reason, message

    # -- afterwards ----------------------------------------------------------------------------

    async def _alive(self) -> None:
        said = await self._ask(self.address)
        self.proof["answer"] = said.text
        if said.ok:
            self._failures, self.well = 0, True
            self._say("", "")
            return
        self._failures += 1
        if self._failures >= (self.rules.threshold or THRESHOLD):
            self.well = False
            self._say("HEALTH_LOST", f"{self._failures} checks failed. {said.text}.")


async def _connects(address: str, port: int, seconds: float) -> Said:
    """Without a health check: whether it takes a connection."""
    try:
        async with asyncio.timeout(seconds):
            _reader, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return Said(0, f"No connection to {address}:{port} within {seconds:g} s")
    except OSError as error:
        return Said(0, f"No connection to {address}:{port}: {error.strerror or error}")
    writer.transport.abort()
    return Said(200, f"{address}:{port} takes connections")


async def _any_speaks_http(where: list[Listener], proof: dict[str, Any]) -> bool:
    for one in where[:MAX_SHOWN]:
        address = one.address
        if one.everyone:
            address = ADDRESS6 if ":" in address else ADDRESS
        said = await ask(address, one.port, "/", 2)
        if said.status:
            proof["answer"] = said.text
            return True
    return False


def _ports(found: list[Listener]) -> str:
    ports = sorted({one.port for one in found})
    shown = [str(port) for port in ports[:MAX_SHOWN]]
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]
