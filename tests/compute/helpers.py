"""Real processes for the tests of compute: a small storage server, specifications, waiting."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from compute.backends import LocalBackend, Observation
from compute.runner.spec import Fetch, Limits, RunSpec
from tests.waiting import until

TOKEN = "my_test-credential"
PAGE = 2


@dataclass
class Storage:
    """The storage API of the contract, in memory: objects[(bucket, key)] = bytes."""

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    fail_puts: int = 0
    refuse_puts: str = ""
    corrupt_gets: int = 0
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def put(self, bucket: str, key: str, data: bytes | str) -> None:
        self.objects[bucket, key] = data.encode() if isinstance(data, str) else data


def handler_for(storage: Storage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

        def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def refuse(self, status: int, code: str, message: str) -> None:
            self.answer(status, {"error_code": code, "error_msg": message, "request_id": "r"})

        def target(self) -> tuple[str, str, dict[str, list[str]]] | None:
            parts = urlsplit(self.path)
            storage.requests.append((self.command, self.path))
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                self.refuse(401, "UNAUTHENTICATED", "no valid token")
                return None
            path = parts.path.removeprefix("/api/v1")
            if not path.startswith("/buckets/"):
                if path in storage.files:
                    self.answer(200, storage.files[path])
                else:
                    self.refuse(404, "NOT_FOUND", "no such page")
                return None
            bucket, _, key = path.removeprefix("/buckets/").partition("/objects")
            if bucket in storage.denied:
                self.refuse(403, "FORBIDDEN", "policy `deny-all` denies obs:object:GetObject")
                return None
            return bucket, unquote(key.lstrip("/")), parse_qs(parts.query, keep_blank_values=True)

        def do_GET(self) -> None:
            found = self.target()
            if found is None:
                return
            bucket, key, query = found
            if not key:
                self.listing(bucket, query)
            elif (bucket, key) in storage.objects:
                data = storage.objects[bucket, key]
                digest = hashlib.sha256(data).hexdigest()
                if storage.corrupt_gets:
                    storage.corrupt_gets -= 1
                    data = b"#" + data[1:]
                self.answer(200, data, {"X-Content-SHA256": digest})
            else:
                self.refuse(404, "NOT_FOUND", f"no object {key}")

        def listing(self, bucket: str, query: dict[str, list[str]]) -> None:
            prefix, marker = query["prefix"][0], query["marker"][0]
            keys = sorted(
                k for b, k in storage.objects if b == bucket and k.startswith(prefix) and k > marker
            )
            page = keys[:PAGE]
            items = [
                {
                    "key": k,
                    "size": len(storage.objects[bucket, k]),
                    "sha256": hashlib.sha256(storage.objects[bucket, k]).hexdigest(),
                    "updated_at": "2026-01-01T00:00:00Z",
                }
                for k in page
            ]
            self.answer(200, {"items": items, "next_marker": page[-1] if keys[PAGE:] else None})

        def do_PUT(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            found = self.target()
            if found is None:
                return
            bucket, key, _ = found
            digest = hashlib.sha256(data).hexdigest()
            if storage.fail_puts:
                storage.fail_puts -= 1
                self.refuse(503, "BUSY", "try again")
            elif storage.refuse_puts and storage.refuse_puts in key:
                self.refuse(409, "QUOTA_EXCEEDED", "the bucket is full")
            elif self.headers["X-Content-SHA256"] != digest:
                self.refuse(400, "DIGEST_MISMATCH", "bytes and digest differ")
            else:
                storage.objects[bucket, key] = data
                self.answer(201, {"key": key, "size": len(data), "sha256": digest})

    return Handler


@contextlib.contextmanager
def serve(storage: Storage) -> Iterator[Storage]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(storage))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    storage.url = f"http://127.0.0.1:{server.server_port}/api/v1"
    try:
        yield storage
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def work_of(backend: LocalBackend, attempt: str) -> Path:
    """The working files as the living runner sees them: its volume is mounted for it alone."""
    place = backend.directory(attempt) / "work"
    return Path(f"/proc/{backend.observe(attempt).state['pid']}/root", *place.parts[1:])


class Lab:
    """A backend, a storage server and an engine, and the programs put into them."""

    def __init__(self, root: Path, storage: Storage) -> None:
        self.root, self.storage = root, storage
        self.backend = LocalBackend(root / "var", runtime=Path(f"/tmp/my-t-{uuid.uuid4().hex[:8]}"))
        self.engine = root / "engine"
        (self.engine / "bin").mkdir(parents=True)
        (self.engine / "bin" / "python").symlink_to("/usr/bin/python3")
        self.credential = root / "credential"
        self.credential.write_text(TOKEN)
        self.credential.chmod(0o600)
        self.launched: list[str] = []

    def spec(self, program: str, **changes: Any) -> RunSpec:
        """A job whose boot file is `program`."""
        attempt = str(uuid.uuid4())
        self.storage.put("code", f"{attempt}/main.py", program)
        defaults: dict[str, Any] = {
            "attempt": attempt,
            "api_url": self.storage.url,
            "credential_file": str(self.credential),
            "fetch": (Fetch("prefix", "code/src", "code", attempt),),
            "code_name": "src",
            "boot_file": "main.py",
            "engine": str(self.engine),
            "grace_seconds": 5.0,
            "limits": Limits(memory_mb=256, pids=64, file_size_mb=64, disk_mb=256, tmp_mb=32),
        }
        return RunSpec(**{**defaults, **changes})

    def launch(self, spec: RunSpec) -> str:
        self.backend.launch(spec)
        self.launched.append(spec.attempt)
        return spec.attempt

    def wait(self, attempt: str) -> Observation:
        """The final observation."""
        until(lambda: self.backend.observe(attempt).final)
        until(lambda: not self.backend.observe(attempt).alive)
        return self.backend.observe(attempt)

    def run(self, program: str, **changes: Any) -> Observation:
        return self.wait(self.launch(self.spec(program, **changes)))

    def work(self, attempt: str) -> Path:
        return work_of(self.backend, attempt)

    def log(self, attempt: str) -> str:
        return self.backend.logs(attempt, 0, 1 << 24).data.decode("utf-8", "replace")

    def close(self) -> None:
        for attempt in self.launched:
            self.backend.kill(attempt)
            until(lambda attempt=attempt: not self.backend.observe(attempt).alive)
            self.backend.remove(attempt)
        with contextlib.suppress(FileNotFoundError):
            self.backend.socket_path("x").parent.parent.rmdir()
