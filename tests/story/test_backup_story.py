"""A working installation is copied and the copy started beside it: the original notices nothing.

Everything is real: ``./run``, the demonstration, a job and a service that run, a second ``./run``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.drill import work
from ops.drill.client import Client, prepare
from ops.drill.processes import Host
from tests.browser.installation import Installation, running, variables
from tests.engines import SKLEARN, engine_python

pytestmark = [pytest.mark.story, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
STEPS = 1200  # of half a second: the job outlives the test, which stops it
WITHIN = 420.0


def test_a_copy_starts_beside_the_original_which_goes_on(tmp_path: Path) -> None:
    engines = Path(engine_python(SKLEARN)).parents[2]
    tmp_path.chmod(0o711)  # sandboxed users pass through
    var, place, other = tmp_path / "var", tmp_path / "backups", tmp_path / "other"
    with running(var, engines) as original:
        line = [sys.executable, "-m", "demo", "--base-url", original.url]
        call(line, var, engines)
        host, client = Host(var), Client(original.url, var)
        prepare(client)
        work.upload_code(client)
        service, job = work.Service(client, host), work.Job(client, host)
        job.steps = STEPS
        service.start()
        service.reach("Running")
        job.start()
        job.reach("Running")
        instance = service.attempt
        before = living(host, original)

        call(manage("backup", place, "--logs"), var, engines)
        call(manage("restore", place, "--check"), var, engines)
        call(manage("restore", place), other, engines)
        shutil.copy(var / "demo.json", other)  # the passwords, to sign in with
        with running(other, engines) as copy:
            there = Client(copy.url, other)
            ran = there.get(f"/training-jobs/{job.id}")
            assert (ran["phase"], ran["reason"]) == ("Failed", "RESTORED")
            again = work.Service(there, Host(other))
            again.id = service.id
            again.end("Running", WITHIN, other_than=instance)  # and it answers a prediction
            assert everything(there) == everything(client)
            assert identity(other) != identity(var)
            assert Host(other).living().isdisjoint(before["attempts"])
            assert living(host, original) == before
        assert living(host, original) == before
        assert job.row()["phase"] == "Running"
        client.predict(service.row()["access_address"])
        assert service.attempt == instance
        job.stop()
        service.stop()


def manage(*words: str | Path) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *map(str, words)]


def call(line: list[str], var: Path, engines: Path) -> None:
    """A command to its end, over one data folder."""
    done = subprocess.run(
        line,
        cwd=ROOT,
        env=variables(var, engines),
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def living(host: Host, original: Installation) -> dict[str, Any]:
    """Processes of the original: its own, and those of what it runs."""
    names = ("web", "gateway", "worker", "beat", "broker")
    attempts = {
        attempt: (host.runner(attempt), host.user_process(attempt)) for attempt in host.living()
    }
    assert attempts, original
    return {
        "programs": {name: host.program(name) for name in names},
        "alive": all(host.program(name).alive for name in names),
        "attempts": attempts,
    }


def everything(client: Client) -> dict[str, Any]:
    """What the owner reads: digests of all objects and model files, and the log of a job."""
    api = client.api
    found: dict[str, Any] = {}
    for bucket in client.get("/buckets", limit=100)["items"]:
        for row in api.objects(bucket["name"], ""):
            data = api.get_object(bucket["name"], row["key"])
            found[f"{bucket['name']}/{row['key']}"] = hashlib.sha256(data).hexdigest()
    assert len(found) > 50
    models = client.get("/models", limit=100)["items"]
    assert models
    for model in models:
        for file in client.get(f"/models/{model['id']}/files")["items"]:
            answer = api.send("GET", f"/models/{model['id']}/files/{file['path']}")
            found[f"{model['id']}/{file['path']}"] = hashlib.sha256(answer.body).hexdigest()
    done = [
        j for j in client.get("/training-jobs", limit=100)["items"] if j["phase"] == "Completed"
    ]
    assert done
    for job in done:
        found[job["id"]] = client.get(f"/training-jobs/{job['id']}/logs")["text"]
        assert found[job["id"]]
    return found


def identity(var: Path) -> str:
    return str(json.loads((var / "installation.json").read_text())["installation"])
