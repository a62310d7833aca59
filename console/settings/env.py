"""Typed reading of environment variables.

Every parser names the variable, what it got, what it takes and how to mend it, so that a typing
error in a unit file or a shell is found when the process starts and not at the first request that
meets it. An empty value counts as unset: `FOO= ./run` and no FOO at all mean the same.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES = {
    "": 1,
    "b": 1,
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", start=1)},
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", start=1)},
}
QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]*)", re.IGNORECASE)
SECRET_NAME = re.compile(r"SECRET|PASSWORD|TOKEN|KEY|_URL\Z")


class BadVariable(ImproperlyConfigured):
    """An environment variable holds something its parser does not take."""

    def __init__(self, name: str, value: str, rule: str) -> None:
        # Addresses of databases and brokers carry passwords; an error message ends up in logs.
        shown = "(value hidden)" if SECRET_NAME.search(name) else repr(value)
        super().__init__(f"{name}={shown}: {rule}. Correct it, or unset {name} to get the default.")
        self.name = name


class Env:
    """Parsers over one mapping of variables (`os.environ` in settings, a dict in tests)."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def raw(self, name: str) -> str | None:
        """The value without surrounding blanks, or None when unset or empty."""
        return self._variables.get(name, "").strip() or None

    def text(self, name: str, default: str = "", choices: tuple[str, ...] = ()) -> str:
        """A string; with `choices`, one of them exactly."""
        value = self.raw(name)
        if value is None:
            return default
        if choices and value not in choices:
            raise BadVariable(name, value, f"it must be one of {', '.join(choices)}")
        return value

    def boolean(self, name: str, default: bool = False) -> bool:
        """1, true, yes, on or 0, false, no, off, in any case."""
        value = self.raw(name)
        if value is None:
            return default
        if value.lower() in TRUE:
            return True
        if value.lower() in FALSE:
            return False
        raise BadVariable(name, value, "it must be 1, true, yes, on or 0, false, no, off")

    def integer(
        self, name: str, default: int, minimum: int | None = None, maximum: int | None = None
    ) -> int:
        """A whole number between `minimum` and `maximum`, both included."""
        value = self.raw(name)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            raise BadVariable(name, value, "it must be a whole number") from None
        if minimum is not None and number < minimum:
            raise BadVariable(name, value, f"it must be at least {minimum}")
        if maximum is not None and number > maximum:
            raise BadVariable(name, value, f"it must be at most {maximum}")
        return number

    def duration(self, name: str, default: timedelta) -> timedelta:
        """A length of time: `90` (seconds), `500ms`, `30s`, `5m`, `2h`, `7d`."""
        value = self.raw(name)
        if value is None:
            return default
        found = QUANTITY.fullmatch(value)
        unit = (found["unit"].lower() or "s") if found else ""
        if not found or unit not in SECONDS:
            raise BadVariable(name, value, "it must be a time such as 30s, 5m, 2h or 7d")
        return timedelta(seconds=float(found["number"]) * SECONDS[unit])

    def size(self, name: str, default: int) -> int:
        """A size in bytes: `1048576`, `512MiB` (powers of 1024), `10GB` (powers of 1000)."""
        value = self.raw(name)
        if value is None:
            return default
        found = QUANTITY.fullmatch(value)
        if not found or found["unit"].lower() not in BYTES:
            raise BadVariable(name, value, "it must be a size such as 512MiB, 10GB or 1048576")
        return int(float(found["number"]) * BYTES[found["unit"].lower()])

    def listing(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        """Values separated by commas; blanks around them and empty ones are dropped."""
        value = self.raw(name)
        if value is None:
            return list(default)
        return [part.strip() for part in value.split(",") if part.strip()]

    def networks(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Addresses and networks of IP, separated by commas."""
        found = self.listing(name, default)
        for one in found:
            try:
                ip_network(one)
            except ValueError:
                raise BadVariable(
                    name, one, "it must be addresses or networks such as 10.0.0.7,10.1.0.0/16"
                ) from None
        return tuple(found)

    def path(self, name: str, default: Path) -> Path:
        """An absolute path. A relative one is refused: each process has its own current folder."""
        value = self.raw(name)
        if value is None:
            return default
        path = Path(value).expanduser()
        if not path.is_absolute():
            raise BadVariable(name, value, "it must be an absolute path")
        return path
