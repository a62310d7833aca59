"""Web and gateway as ``./run`` starts them, on a database of their own, for raw sockets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from ops.supervisor import ports, programs
from ops.supervisor.process import Life
from tests import template
from tests.waiting import until

SEED = """
import json, sys
from tests.doors.world import bearer
from tests.storage import people
told = {}
for name in ("acme", "other"):
    person = people.root(name)
    people.bucket(person, "team1")
    told[name] = bearer(person)
sys.stdout.write("SEEDED " + json.dumps(told))
"""


class Served:
    """A running web server and gateway; ``bearers`` by account name."""

    def __init__(self, folder: Path) -> None:
        template.copy(folder)
        self.folder = folder
        self.port, self.gateway_port = ports.choose(), ports.choose()
        environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
        self.environment = environment | {
            "MODELYARD_VAR": str(folder),
            "MODELYARD_WEB_URL": f"http://127.0.0.1:{self.port}",
            "MODELYARD_GATEWAY_URL": f"http://127.0.0.1:{self.gateway_port}",
            "DJANGO_SETTINGS_MODULE": "console.settings",
        }
        told = self.manage("shell", "--verbosity", "0", "--command", SEED)
        self.bearers: dict[str, str] = json.loads(told.partition("SEEDED ")[2])
        size = programs.Size(web_processes=1)
        self.web = self.start(programs.web("127.0.0.1", self.port, size))
        self.gateway = self.start(programs.gateway("127.0.0.1", self.gateway_port))

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=self.environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, program: Any) -> Life:
        life = Life(
            program,
            log=self.folder / f"{program.name}.log",
            environment=self.environment,
            folder=Path.cwd(),
        )
        until(lambda: life.ended() or program.ready())
        assert not life.ended(), life.last_words()
        return life

    def close(self) -> None:
        for life in (self.gateway, self.web):
            life.reap()

    def files(self) -> list[Path]:
        """Everything that lies in the store of bytes, unfinished pieces too."""
        root = self.folder / "objects"
        return [path for path in root.rglob("*") if path.is_file()]

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")


class Wire:
    """One connection, spoken to in bytes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=300)
        self.rest = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case, body (by Content-Length, or to the end)."""
        while b"\r\n\r\n" not in self.rest:
            data = self.socket.recv(65536)
            assert data, f"closed without an answer: {self.rest!r}"
            self.rest += data
        head, _blank, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _c, v in (line.partition(":") for line in lines)}
        length = int(headers["content-length"]) if "content-length" in headers else None
        while length is None or len(self.rest) < length:
            data = self.socket.recv(65536)
            if not data:
                break
            self.rest += data
        body, self.rest = (
            (self.rest, b"") if length is None else (self.rest[:length], self.rest[length:])
        )
        return int(first.split()[1]), headers, body

    def closed(self) -> bool:
        """Whether the other side ends the connection."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()


def request(method: str, target: str, bearer: str = "", body: bytes = b"", **headers: str) -> bytes:
    """The bytes of a request; a header of "" is left out, so is Content-Length then."""
    lines = {"Host": "127.0.0.1", "Content-Length": str(len(body))}
    if bearer:
        lines["Authorization"] = f"Bearer {bearer}"
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"{method} {target} HTTP/1.1\r\n{text}\r\n".encode("latin-1") + body
