"""Start real model servers for tests: the same command as in the sandbox, without the sandbox."""

import asyncio
import contextlib
import json
import subprocess
import tempfile
from pathlib import Path

import aiohttp

from tests.engines import SKLEARN, engine_python
from tests.waiting import until

MAIN = Path(__file__).resolve().parents[2] / "serving" / "modelserver" / "main.py"
HEAD = "from model_service.model_service import SingleNodeService\n"


class ModelServer:
    """One server process; its output is in `output()`, its status lines in `stages()`."""

    def __init__(self, model_dir, *options, engine=SKLEARN, before=()):
        # A unix socket's path is at most 107 bytes; pytest's own directories are longer.
        self.folder = tempfile.TemporaryDirectory(prefix="my-ms-")
        self.socket = Path(self.folder.name) / "s.sock"
        self.log = Path(self.folder.name) / "log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [
                    *before,
                    engine_python(engine),
                    "-u",
                    MAIN,
                    "--model-dir",
                    model_dir,
                    "--socket",
                    self.socket,
                    *map(str, options),
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin"},
            )

    def output(self):
        return self.log.read_text()

    def lines(self, word):
        return [
            json.loads(line.partition(" ")[2])
            for line in self.output().splitlines()
            if line.startswith(word + " ")
        ]

    def stages(self):
        return [line["stage"] for line in self.lines("MODELYARD_STATUS")]

    def wait_ready(self):
        self.wait(lambda: "ready" in self.stages() or self.process.poll() is not None)
        assert self.process.poll() is None, self.output()
        return self

    def wait(self, condition):
        until(condition, self.output)

    def session(self):
        return aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.socket)))

    def call(self, path="/", method="POST", **kwargs):
        """One request; returns (status, headers, parsed JSON)."""

        async def go():
            async with (
                self.session() as session,
                session.request(method, f"http://model{path}", **kwargs) as answer,
            ):
                return answer.status, answer.headers, json.loads(await answer.read())

        return asyncio.run(go())

    def exit_status(self):
        return self.process.wait(300)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)  # house-rule: it is killed then
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


def write_package(folder, service, *, config=None, weights=None):
    """Write a model directory; `service` is the code of customize_service.py or None."""
    folder.mkdir(parents=True, exist_ok=True)
    config = config or {"model_algorithm": "test", "model_type": "Custom"}
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    if service is not None:
        (folder / "customize_service.py").write_text(service)
    for name, data in (weights or {}).items():
        (folder / name).write_bytes(data)
    return folder


def form(*parts):
    """A multipart body of (field, value) or (field, file name, bytes)."""
    data = aiohttp.FormData()
    for field, *rest in parts:
        if len(rest) == 1:
            data.add_field(field, rest[0], content_type="text/plain")
        else:
            data.add_field(field, rest[1], filename=rest[0])
    # FormData with text parts alone would be sent urlencoded.
    data._is_multipart = True
    return data
