"""Names of preset images of ModelArts: the engine of the same framework, and it is said."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from compute.engines.catalogue import counterpart
from core.errors import ValidationFailed
from core.models import Event
from tests.engines import PYTORCH, SKLEARN
from tests.storage import people
from tests.training.test_places import owner, spec  # noqa: F401 - a fixture
from training.job import services
from training.job.forms import JobForm
from training.job.models import TrainingJob

PRESET = "pytorch_1.8.0-cuda_10.2-py_3.7-ubuntu_18.04-x86_64"


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        (PRESET, PYTORCH),
        ("PyTorch-1.8.1-python3.7", PYTORCH),
        ("scikit_learn_0.18.1-cpu-py_3.6", SKLEARN),
        ("sklearn-1.2", SKLEARN),
        ("tensorflow_2.1.0-cuda_10.1-py_3.7-ubuntu_18.04-x86_64", None),
        ("pytorch", None),
        ("pytorch_lightning", None),
        ("horovod_0.22.1-pytorch_1.8.1-cuda_11.1-py_3.7", None),
        ("", None),
    ],
)
def test_which_engine_stands_in(name: str, engine: str | None) -> None:
    found = counterpart(name)
    assert (found.name if found else None) == engine


def test_a_job_is_accepted_with_a_warning(owner: Any) -> None:  # noqa: F811
    client = Client(
        headers={"authorization": f"Bearer {people.token(owner, dt.timedelta(hours=1))}"}
    )
    answer = client.post(
        "/api/v1/training-jobs", spec(engine=PRESET), content_type="application/json"
    )
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert body["engine"] == PYTORCH
    (warning,) = body["problems"]
    assert (warning["level"], warning["code"], warning["field"]) == (
        "warning", "ENGINE_REPLACED", "engine",
    )  # fmt: skip
    assert PRESET in warning["text"] and PYTORCH in warning["text"] and warning["next"]
    event = Event.objects.get(resource_id=body["id"], code="ENGINE_REPLACED")
    assert event.level == "warning" and PRESET in event.message
    browser = Client()
    people.sign_in(browser, owner)
    assert PRESET in browser.get(f"/training-jobs/{body['id']}").content.decode()
    again = services.create(owner.actor, spec("two", engine=PYTORCH))
    assert again.problems == []


def test_another_framework_is_refused(owner: Any) -> None:  # noqa: F811
    with pytest.raises(ValidationFailed) as refused:
        services.create(owner.actor, spec(engine="tensorflow_2.1.0-cuda_10.1-py_3.7"))
    assert [p.code for p in refused.value.problems] == ["ENGINE_UNKNOWN"]


def test_the_form_takes_such_a_name_and_chooses_the_engine(owner: Any) -> None:  # noqa: F811
    form = JobForm(actor=owner.actor, initial={"engine": PRESET})
    assert f'value="{PYTORCH}" selected' in str(form["engine"])
    data = {
        "name": "formed", "code_bucket": "data", "code_prefix": "code/", "boot_file": "train.py",
        "engine": PRESET, "outputs": "train_url=obs://data/out/formed/", "pool": "public",
        "flavor": "modelyard.cpu.1u", "max_duration": "600", "priority": "1",
    }  # fmt: skip
    form = JobForm(actor=owner.actor, data=data)
    assert form.is_valid(), form.errors
    job = services.create(owner.actor, form.data_for_service())
    assert (job.engine, job.problems[0]["code"]) == (PYTORCH, "ENGINE_REPLACED")
    assert not JobForm(actor=owner.actor, data={**data, "engine": "tensorflow_2.1"}).is_valid()
    assert TrainingJob.objects.unscoped("test").count() == 1
