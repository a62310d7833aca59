"""How paths and flags reach the program, what is copied in before it, where the page links to."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from core.errors import ValidationFailed
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person
from training.job import launch, services
from training.job.forms import JobForm, PairsField, PlacesField
from training.job.models import Attempt, TrainingJob

HOME = "/home/ma-user/modelarts"


@pytest.fixture
def owner(db: None) -> Person:
    found = people.root("placesowner")
    people.bucket(found, "data")
    people.put(found, "data", "code/train.py", b"print('hello')\n")
    people.put(found, "data", "mnist/images.gz", b"images")
    make.agency(found.user.account, make.statement("Allow", "obs:*:*"))
    return found


def spec(name: str = "one", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "code_bucket": "data",
        "code_prefix": "code/",
        "boot_file": "train.py",
        "engine": "python_3.11-sklearn-cpu",
        "inputs": [{"name": "data_url", "bucket": "data", "prefix": "mnist/"}],
        "outputs": [{"name": "train_url", "bucket": "data", "prefix": f"out/{name}/"}],
        **more,
    }


def place(**more: Any) -> dict[str, Any]:
    return {"name": "place", "bucket": "data", "prefix": "out/place/", **more}


def run_spec(job: TrainingJob, tmp_path: Path) -> Any:
    attempt = Attempt.objects.create(job=job, number=1)
    return launch.run_spec(job, attempt, tmp_path, tmp_path / "credential")


def codes(owner: Person, **more: Any) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as refused:
        services.create(owner.actor, spec(**more))
    return {problem.code: problem.field for problem in refused.value.problems}


def test_flags_and_both_ways_of_passing_over_the_api(owner: Person, tmp_path: Path) -> None:
    client = Client(
        headers={"authorization": f"Bearer {people.token(owner, dt.timedelta(hours=1))}"}
    )
    inputs = [{**spec()["inputs"][0], "access_method": "env"}]
    outputs = [
        place(predownload=True, access_method="parameter"),
        place(name="LOGS", prefix="out/logs/", access_method="env", predownload=False),
    ]
    given = spec(inputs=inputs, outputs=outputs, hyperparameters={"no-cuda": None, "epochs": "2"})
    answer = client.post("/api/v1/training-jobs", given, content_type="application/json")
    assert answer.status_code == 201, answer.content
    body = client.get(f"/api/v1/training-jobs/{answer.json()['id']}").json()
    assert body["inputs"] == inputs
    assert body["outputs"] == [
        place(predownload=True),
        place(name="LOGS", prefix="out/logs/", access_method="env"),
    ]
    assert body["hyperparameters"] == {"no-cuda": None, "epochs": "2"}
    job = TrainingJob.objects.unscoped("test").get(pk=body["id"])
    seen = run_spec(job, tmp_path)
    assert seen.problems() == []
    assert [(i.name, i.access_method) for i in seen.inputs] == [("data_url", "env")]
    assert [(o.name, o.access_method, o.predownload) for o in seen.outputs] == [
        ("place", "parameter", True),
        ("LOGS", "env", False),
    ]
    assert seen.hyperparameters == {"no-cuda": None, "epochs": "2"}
    wrong = spec("two", inputs=[{**inputs[0], "access_method": "file"}])
    answer = client.post("/api/v1/training-jobs", wrong, content_type="application/json")
    assert answer.status_code == 400 and "file" in answer.content.decode()


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        (
            {"hyperparameters": {"resume": None}, "secret_hyperparameters": {"resume": "x"}},
            "BAD_FLAG",
            "hyperparameters",
        ),
        ({"hyperparameters": {"place": None}, "outputs": [place()]}, "NAME_TWICE", "inputs"),
        ({"outputs": [place(name="train-url", access_method="env")]}, "BAD_NAME", "outputs"),
        (
            {"outputs": [place(access_method="env")], "environment": {"place": "x"}},
            "NAME_TWICE",
            "outputs",
        ),
        ({"outputs": [place(name="HOME", access_method="env")]}, "NAME_TWICE", "outputs"),
        ({"environment": {"HOME": "/tmp"}}, "NAME_RESERVED", "environment"),
        ({"environment": {"MODELYARD_ATTEMPT": "x"}}, "NAME_RESERVED", "environment"),
        ({"secret_environment": {"MODELYARD_X": "x"}}, "NAME_RESERVED", "environment"),
        (
            {"outputs": [place(name="MODELYARD_JOB_NAME", access_method="env")]},
            "NAME_RESERVED",
            "outputs",
        ),
        ({"environment": {"A\n": "x"}}, "BAD_NAME", "environment"),
        ({"hyperparameters": {"a\n": "1"}}, "BAD_NAME", "hyperparameters"),
        ({"environment": {"EMPTY": None}}, "BAD_VALUE", "environment"),
    ],
)
def test_what_cannot_be_passed_is_refused(
    owner: Person, more: dict[str, Any], code: str, field: str
) -> None:
    assert codes(owner, **more) == {code: field}


def test_a_flag_named_like_a_secret_has_none(owner: Person) -> None:
    job = services.create(owner.actor, spec(hyperparameters={"api_token": None}))
    assert (job.hyperparameters, job.sealed) == ({"api_token": None}, "")


def test_what_is_copied_in_has_to_fit_and_be_allowed(
    owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.put(owner, "data", "out/place/checkpoint.pt", b"12345678")
    monkeypatch.setattr("training.job.places.MIB", 1 / 10_240)  # the smallest disk: one byte
    outputs = [place(predownload=True)]
    assert codes(owner, outputs=outputs) == {"PREDOWNLOAD_TOO_LARGE": "outputs"}
    services.create(owner.actor, spec(outputs=[place()], allow_nonempty_outputs=True))
    monkeypatch.undo()
    other = people.root("placesother")
    people.bucket(other, "data2")
    people.put(other, "data2", "code/train.py", b"print('hello')\n")
    make.agency(
        other.user.account,
        make.statement("Allow", "obs:bucket:*", "obs:object:PutObject"),
        {
            **make.statement("Allow", "obs:object:GetObject"),
            "Resource": ["OBS:*:*:object:data2/code/*"],
        },
    )
    ask = {"code_bucket": "data2", "inputs": []}
    assert codes(other, outputs=[place(bucket="data2", predownload=True)], **ask) == {
        "AGENCY_DENIED": "outputs"
    }
    same = place(bucket="data2", predownload=True)
    with pytest.raises(ValidationFailed) as refused:
        services.create(other.actor, spec(outputs=[same, same | {"name": "again"}], **ask))
    texts = [p.text for p in refused.value.problems if p.code == "AGENCY_DENIED"]
    assert len(texts) == 1 and f"obs://data2/{same['prefix']}*" in texts[0]
    services.create(other.actor, spec(outputs=[place(bucket="data2")], **ask))


def test_lines_of_the_form() -> None:
    pairs = PairsField(flags=True)
    assert pairs.clean("epochs=2\nno-cuda\nnote=") == {"epochs": "2", "no-cuda": None, "note": ""}
    assert pairs.prepare_value({"epochs": "2", "no-cuda": None}) == "epochs=2\nno-cuda"
    places = PlacesField()
    text = "data_url=obs://data/mnist/\n$LOGS=obs://data/logs/"
    read: Any = places.clean(text)
    assert read[0] == {"name": "data_url", "bucket": "data", "prefix": "mnist/"}
    assert (read[1]["name"], read[1]["access_method"]) == ("LOGS", "env")
    assert places.prepare_value(read) == text


def test_the_form_passes_them_on(owner: Person) -> None:
    data = {
        "name": "formed", "code_bucket": "data", "code_prefix": "code/", "boot_file": "train.py",
        "engine": "python_3.11-sklearn-cpu", "inputs": "$DATA=obs://data/mnist/",
        "outputs": "train_url=obs://data/out/formed/", "predownload": "on",
        "hyperparameters": "dry-run", "pool": "public", "flavor": "modelyard.cpu.1u",
        "max_duration": "600", "priority": "1",
    }  # fmt: skip
    form = JobForm(actor=owner.actor, data=data)
    assert form.is_valid(), form.errors
    job = services.create(owner.actor, form.data_for_service())
    assert job.inputs == [
        {"name": "DATA", "bucket": "data", "prefix": "mnist/", "access_method": "env"}
    ]
    assert job.outputs[0]["predownload"] is True
    assert job.hyperparameters == {"dry-run": None}


def test_a_rerun_keeps_flags_and_ways(owner: Person) -> None:
    outputs = [place(predownload=True, access_method="env")]
    job = services.create(owner.actor, spec(outputs=outputs, hyperparameters={"no-cuda": None}))
    TrainingJob.objects.unscoped("test").filter(pk=job.pk).update(phase="Completed")
    from training.job.models import OutputClaim

    OutputClaim.objects.all().delete()
    again = services.rerun(owner.actor, job, {})
    assert (again.outputs, again.hyperparameters) == (outputs, {"no-cuda": None})


def test_the_page_links_paths_to_the_folder(owner: Person) -> None:
    outputs = [place(predownload=True), place(name="LOGS", prefix="logs/", access_method="env")]
    job = services.create(owner.actor, spec(outputs=outputs, hyperparameters={"no-cuda": None}))
    browser = Client()
    people.sign_in(browser, owner)
    text = browser.get(f"/training-jobs/{job.pk}").content.decode()
    (row,) = [part for part in text.split("<tr") if "obs://data/out/place/" in part]
    assert '/objects?prefix=out%2Fplace%2F"' in row, row
    assert f"{HOME}/outputs/place_0" in row and "hyperparameter" in row and "copied in" in row
    (row,) = [part for part in text.split("<tr") if "obs://data/logs/" in part]
    assert f"{HOME}/outputs/LOGS_0" in row and "environment variable" in row
    assert "flag, without a value" in text
    link = text.partition('/objects?prefix=mnist%2F"')[0].rpartition('"')[2]
    folder = browser.get(f"{link}/objects?prefix=mnist/")
    assert folder.status_code == 200 and "images.gz" in folder.content.decode()
