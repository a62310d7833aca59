"""The other tenant: works while one attacks, and tells what it noticed."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from client import Refused, StepFailed, predict
from ops.drill.client import Client, picture
from ops.drill.work import ENGINE, until

BUCKET = "digits-others"
ROUNDS = 15
RATIO = 2.0  # medians under attack against those of before
NOISE = 0.1  # seconds that a median may grow without being told: other work of the machine
SLOW = 10.0  # seconds that no single act may take
WITHIN = 60.0  # seconds until a package is checked, however late
PACKAGE = {
    "config.json": json.dumps(
        {"model_algorithm": "predict_analysis", "model_type": "Scikit_Learn", "runtime": ENGINE}
    ),
    "customize_service.py": "from model_service.python_model_service import "
    "XgSklServingBaseService\n\n\nclass Served(XgSklServingBaseService):\n    pass\n",
    "model.joblib": "weights",
}


class Others:
    """One tenant's ordinary acts, timed: a change, a list, an object stored and read, a model
    registered, which a worker checks, and a prediction where a service runs.

    ``judged`` False tells the times and calls none of them wrong: on a machine that does other work
    they say nothing about the attack."""

    def __init__(self, client: Client, *, judged: bool = True) -> None:
        self.client, self.judged = client, judged
        self.wrong: list[str] = []
        self._acts: dict[str, Callable[[], None]] = {
            "change": self._change,
            "list": self._list,
            "store": self._store,
            "register": self._register,
        }
        rows = client.api.get("/services", limit=100).get("items", [])
        running = [row for row in rows if row["phase"] == "Running"]
        if running:  # of the demonstration
            address = running[0]["access_address"]
            self._acts["predict"] = lambda: self._predict(address)
        if client.api.named("/buckets", BUCKET) is None:
            client.api.post("/buckets", {"name": BUCKET})
        for name, text in PACKAGE.items():
            self._put(f"package/model/{name}", text.encode())

    def work(self, between: Callable[[], list[str]] = list) -> dict[str, float]:
        """Every act some times in turn; the median of each in seconds. ``between``: a look at the
        platform after each round."""
        took: dict[str, list[float]] = {name: [] for name in self._acts}
        for _round in range(ROUNDS):
            for name, act in self._acts.items():
                began = time.monotonic()
                try:
                    act()
                except (Refused, StepFailed) as problem:
                    self.wrong.append(f"another tenant's {name} failed: {problem}")
                took[name].append(time.monotonic() - began)
            self.wrong += between()
        for name, seconds in took.items():
            if self.judged and max(seconds) > SLOW:
                self.wrong.append(f"another tenant's {name} took {max(seconds):.1f} s")
        return {name: statistics.median(seconds) for name, seconds in took.items()}

    def compare(self, before: dict[str, float], under: dict[str, float]) -> str:
        """What changed, in words; too much of it is wrong."""
        said = []
        for name, idle in before.items():
            now = under[name]
            said.append(f"{name} {idle * 1000:.0f} -> {now * 1000:.0f} ms")
            if self.judged and now > RATIO * idle and now - idle > NOISE:
                self.wrong.append(
                    f"another tenant's {name} took {now / idle:.1f} times as long as before"
                )
        return ", ".join(said)

    def _change(self) -> None:
        api = self.client.api
        made = api.post("/groups", {"name": f"others-{uuid.uuid4().hex[:8]}"})
        api.delete(f"/groups/{made['id']}")

    def _list(self) -> None:
        self.client.api.get("/training-jobs", limit=20)

    def _store(self) -> None:
        self._put("one", uuid.uuid4().bytes * 4096)
        self.client.api.objects(BUCKET, "one")

    def _register(self) -> None:
        api = self.client.api
        name = f"others-{uuid.uuid4().hex[:8]}"
        made = api.post("/models", {"name": name, "bucket": BUCKET, "prefix": "package"})
        path = f"/models/{made['id']}"
        until(
            "the check", lambda: api.get(path)["phase"] != "Publishing", within=WITHIN, every=0.02
        )
        api.delete(path)

    def _predict(self, address: str) -> None:
        predict(address, self.client.api.token, picture())

    def _put(self, key: str, data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file")
            path.write_bytes(data)
            self.client.api.put_file(BUCKET, key, path)
