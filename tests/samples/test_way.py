"""Every sample from its files to the right digit: job, model, service, multipart call, no network.

`mnist-pytorch` is the proof that a script in the form of ModelArts' own example runs: its imports,
arguments, flags, layout, log lines, base class and fields of config.json.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from compute.sandbox import capabilities
from registry.model import services as models
from serving.service import services as serving
from tests.hostile.house import TURN, House
from tests.hostile.shop import Shop
from tests.waiting import PATIENCE, until
from training.job import services as jobs
from training.job.models import MetricPoint
from training.sample.catalogue import DATA, PICTURES, SAMPLES

REPORT = capabilities()
pytestmark = pytest.mark.skipif(REPORT.isolation != "full", reason=f"no isolation: {REPORT.fix}")
EPOCHS = {"digits-sklearn": "12", "digits-pytorch": "4", "mnist-pytorch": "3"}
SECONDS = 5 * PATIENCE  # a job computes for ten seconds, and the machine may be busy
PICTURES_SENT, RIGHT = 10, 8
BOUNDARY = "a-boundary-of-a-test"
KINDS = [
    pytest.param(name, marks=[pytest.mark.slow] if "pytorch" in name else []) for name in SAMPLES
]


class Patient(Shop):
    """A shop with the platform's own times."""

    def limits(self, monkeypatch: Any, timeout: float = PATIENCE) -> None:
        """None of the test's own."""


def driven(house: House, obj: Any, *phases: str) -> Any:
    """The row, looked at until it is in one of the phases."""
    row = obj

    def there() -> bool:
        nonlocal row
        row = house.look(row)
        return row.phase in phases

    until(there, lambda: f"{row} is {row.phase}: {row.message}\n{house.log(row)[-2000:]}", SECONDS)
    return row


def multipart(name: str, content: bytes) -> bytes:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def digit(answer: Any) -> Any:
    (only,) = answer
    return only["image"]


@pytest.mark.parametrize("name", KINDS)
def test_from_files_to_the_right_digit(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sample = SAMPLES[name]
    files = {key: path.read_bytes() for key, path in sample.files().items()}
    for key, content in files.items():
        if not key.startswith(PICTURES):
            house.put(key, content)
    shop, owner = Patient(house, monkeypatch), house.owner.actor
    with TURN:
        job = jobs.create(
            owner,
            {
                "name": name,
                "code_bucket": "team1",
                "code_prefix": name,
                "boot_file": "train.py",
                "engine": sample.engine,
                "inputs": [{"name": "data_url", "bucket": "team1", "prefix": DATA}],
                "outputs": [{"name": "train_url", "bucket": "team1", "prefix": "mnist-output/"}],
                "hyperparameters": {**sample.hyperparameters, "epochs": EPOCHS[name]},
            },
        )
    job = driven(house, job, *job.TERMINAL)
    assert job.phase == "Completed", f"{job.message}\n{house.log(job)[-3000:]}"
    assert "Error" not in house.log(job) and "Warning" not in house.log(job)
    if name == "mnist-pytorch":
        assert [problem["code"] for problem in job.problems] == ["ENGINE_REPLACED"]
        _curves(job)
    with TURN:
        model = models.create(owner, {"name": name, "training_job": str(job.pk)})
    model = house.look(model)
    assert model.phase == "Published", model.problems
    with TURN:
        service = serving.create(
            owner, {"name": name, "model": str(model.pk), "flavor": "modelyard.cpu.1u"}
        )
    service = driven(house, service, "Running", "Failed")
    assert service.phase == "Running", f"{service.message}\n{house.log(service)[-3000:]}"
    labels = json.loads(files[f"{PICTURES}labels.json"])
    right = 0
    for picture, label in sorted(labels.items())[:PICTURES_SENT]:
        said = shop.call(
            service,
            multipart(picture, files[PICTURES + picture]),
            content_type=f"multipart/form-data; boundary={BOUNDARY}",
        )
        assert said.status == 200, said.body
        right += digit(said.json) == label
    assert right >= RIGHT, f"{right} of {PICTURES_SENT}"
    shop.stop(service)


def _curves(job: Any) -> None:
    """Loss over the batches of the whole run; loss and accuracy of each test where it was made."""
    series: dict[str, list[tuple[float, float | None, float]]] = {}
    for point in MetricPoint.objects.filter(job=job).order_by("id"):
        series.setdefault(point.name, []).append((point.step, point.epoch, point.value))
    train = 1437
    assert [(step, epoch) for step, epoch, _v in series["Loss"]] == [
        (epoch * train + done, epoch) for epoch in (1, 2, 3) for done in (0, 640, 1280)
    ]
    assert [(step, epoch) for step, epoch, _v in series["Accuracy"]] == [
        (epoch * train + 1280, epoch) for epoch in (1, 2, 3)
    ]
    assert all(0.5 < value <= 1 for _s, _e, value in series["Accuracy"])
    assert len(series["loss"]) == 3
