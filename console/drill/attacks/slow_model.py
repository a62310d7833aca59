"""Model servers whose answers drip: health just in time, and the first request never."""

from __future__ import annotations

import json
import tempfile
import uuid
from pathlib import Path
from typing import Any

from console.drill.attacks.base import Attack
from console.drill.client import PREFIX
from console.drill.work import ENGINE, until

SERVICES = 3
FOLDER = "slow-model"
WITHIN = 180.0
CONFIG = {
    "model_algorithm": "predict_analysis",
    "model_type": "Scikit_Learn",
    "runtime": ENGINE,
    "apis": [
        {
            "url": "/",
            "method": "POST",
            "request": {
                "Content-type": "application/json",
                "data": {"type": "object", "properties": {"x": {"type": "number"}}},
            },
            "response": {"Content-type": "application/json", "data": {"type": "object"}},
        }
    ],
}
SERVICE = """
import os, sys
from model_service.python_model_service import XgSklServingBaseService
os.execv(sys.executable, [sys.executable, "-u", "/home/mind/model/slow.py"])
class Slow(XgSklServingBaseService):
    def _inference(self, data): return data
"""
SERVER = """
import os, socket, threading, time
path = "/run/modelyard/server.sock"
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(64)
def answer(connection):
    try:
        well = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}"
        health = b"/health" in connection.recv(65536).split(b"\\r\\n")[0]
        for byte in well if health else b"H" * 10**6:
            time.sleep(0.08)
            connection.sendall(bytes([byte]))
    except OSError:
        pass
    connection.close()
while True:
    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
"""


class SlowModel(Attack):
    """No worker waits for them; each is given up with its own reason, or stopped."""

    name = "slow-model"

    def begin(self) -> None:
        self._services: list[str] = []
        self._model = ""
        self._upload()
        mark = uuid.uuid4().hex[:8]
        row = self.client.post(
            "/models", {"name": f"{PREFIX}-{mark}", "bucket": PREFIX, "prefix": FOLDER}
        )
        self._model = row["id"]
        until("the slow model", self._published, within=WITHIN)
        for number in range(SERVICES):
            made = {"name": f"{PREFIX}-{mark}-{number}", "model": self._model}
            self._services.append(self.client.post("/services", made)["id"])
        until("a server that is asked for its first answer", self._asked, within=WITHIN)

    def end(self) -> str:
        for service in self._services:
            if self._phase(service) not in ("Failed", "Stopped"):
                self.client.post(f"/services/{service}/stop")
        for service in self._services:
            until(
                "the end of a slow service",
                lambda one=service: self._phase(one) in ("Failed", "Stopped"),
                within=WITHIN,
            )
            self.client.patiently(lambda one=service: self.client.api.delete(f"/services/{one}"))
        if self._model:
            self.client.patiently(lambda: self.client.api.delete(f"/models/{self._model}"))
        return f"{len(self._services)} services ended"

    def _upload(self) -> None:
        files = {
            "config.json": json.dumps(CONFIG),
            "customize_service.py": SERVICE,
            "slow.py": SERVER,
            "model.joblib": "weights",
        }
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file")
            for name, text in files.items():
                path.write_text(text)
                self.client.api.put_file(PREFIX, f"{FOLDER}/model/{name}", path)

    def _published(self) -> bool:
        phase = self.client.get(f"/models/{self._model}")["phase"]
        if phase == "Failed":
            self.client.wrong.append("the slow model was not published")
        return bool(phase != "Publishing")

    def _phase(self, service: str) -> str:
        return str(self.client.get(f"/services/{service}")["phase"])

    def _asked(self) -> bool:
        rows: list[dict[str, Any]] = self.client.get(f"/services/{self._services[0]}/instances")[
            "items"
        ]
        return any(row["stage"] == "first inference" for row in rows)
