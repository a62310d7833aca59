"""What attacks with a model server of the attacker's own have in common."""

from __future__ import annotations

import json
import tempfile
import uuid
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from ops.drill.attacks.base import Attack
from ops.drill.client import PREFIX, Client
from ops.drill.processes import Host
from ops.drill.work import ENGINE, until

WITHIN = 180.0
SERVICE = """
import os, sys
from model_service.python_model_service import XgSklServingBaseService
os.execv(sys.executable, [sys.executable, "-u", "/home/mind/model/own.py"])
class Own(XgSklServingBaseService):
    def _inference(self, data): return data
"""
#: before ``answer(connection)`` of each, and after it
LISTEN = """
import os, socket, threading, time
path = "/run/modelyard/server.sock"
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(64)
"""
ACCEPT = """
while True:
    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
"""


class OwnServer(Attack):
    """A model whose package puts a program of its own in the place of the model server.

    answer: Python text that defines ``answer(connection)``. apis: of its config.json.
    """

    answer: ClassVar[str]
    apis: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, client: Client, host: Host) -> None:
        super().__init__(client, host)
        self.services: list[str] = []
        self._model = ""

    def deploy(self, count: int) -> None:
        """Publish the model and make so many services of it."""
        self._upload()
        mark = uuid.uuid4().hex[:8]
        row = self.client.post(
            "/models", {"name": f"{PREFIX}-{mark}", "bucket": PREFIX, "prefix": self.name}
        )
        self._model = row["id"]
        until("the attacker's model", self._published, within=WITHIN)
        for number in range(count):
            made = {"name": f"{PREFIX}-{mark}-{number}", "model": self._model}
            self.services.append(self.client.post("/services", made)["id"])

    def _ended(self, service: str) -> bool:
        return self.row(service)["phase"] in ("Failed", "Stopped")

    def end(self) -> str:
        for service in self.services:
            if self.row(service)["phase"] not in ("Failed", "Stopped"):
                self.client.post(f"/services/{service}/stop")
        for service in self.services:
            until("the end of the attacker's service", partial(self._ended, service), within=WITHIN)
            self.client.patiently(partial(self.client.api.delete, f"/services/{service}"))
        if self._model:
            self.client.patiently(lambda: self.client.api.delete(f"/models/{self._model}"))
        return f"{len(self.services)} services ended"

    def row(self, service: str) -> dict[str, Any]:
        """One of the services, as the API shows it."""
        found: dict[str, Any] = self.client.get(f"/services/{service}")
        return found

    def _upload(self) -> None:
        config: dict[str, Any] = {
            "model_algorithm": "predict_analysis",
            "model_type": "Scikit_Learn",
            "runtime": ENGINE,
        }
        if self.apis:
            config["apis"] = self.apis
        files = {
            "config.json": json.dumps(config),
            "customize_service.py": SERVICE,
            "own.py": LISTEN + self.answer + ACCEPT,
            "model.joblib": "weights",
        }
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file")
            for name, text in files.items():
                path.write_text(text)
                self.client.api.put_file(PREFIX, f"{self.name}/model/{name}", path)

    def _published(self) -> bool:
        phase = self.client.get(f"/models/{self._model}")["phase"]
        if phase == "Failed":
            self.client.wrong.append("the attacker's model was not published")
        return bool(phase != "Publishing")
