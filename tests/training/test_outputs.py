"""Where a job writes, what lies there already, and what a model takes of it."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from core.errors import Conflict, ValidationFailed
from registry.model import services as models
from registry.model.models import ModelFile
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person
from training.job import launch, services
from training.job.models import Attempt, OutputClaim, TrainingJob

JOB = {
    "name": "one",
    "code_bucket": "data",
    "code_prefix": "code/",
    "boot_file": "train.py",
    "engine": "python_3.11-sklearn-cpu",
}


@pytest.fixture
def owner(db: None) -> Person:
    found = people.root("outputs")
    people.bucket(found, "data")
    people.put(found, "data", "code/train.py", b"print('hello')\n")
    people.put(found, "data", "train.py", b"print('root')\n")
    make.agency(found.user.account, make.statement("Allow", "obs:*:*"))
    return found


def created(owner: Person, **more: Any) -> TrainingJob:
    return services.create(owner.actor, {**JOB, **more})


def ended(owner: Person, job: TrainingJob, files: dict[str, bytes]) -> None:
    """The job ran: it uploaded ``files`` below its output path, and nothing else."""
    place = job.outputs[0]
    uploaded = []
    for path, data in files.items():
        key = place["prefix"] + path
        people.put(owner, place["bucket"], key, data)
        digest = hashlib.sha256(data).hexdigest()
        uploaded.append(
            {"output": place["name"], "path": path, "key": key, "sha256": digest, "size": len(data)}
        )
    report = {"uploaded": uploaded, "uploaded_count": len(uploaded)}
    Attempt.objects.create(job=job, number=1, report=report)
    OutputClaim.objects.filter(job=job).delete()
    TrainingJob.objects.unscoped("test").filter(pk=job.pk).update(phase="Completed")
    job.refresh_from_db()


class TestPaths:
    def test_a_job_has_a_path_of_its_own(self, owner: Person) -> None:
        assert created(owner).outputs == [
            {"name": "train_url", "bucket": "data", "prefix": "output/one/"}
        ]

    def test_a_rerun_has_another_one(self, owner: Person) -> None:
        job = created(owner)
        ended(owner, job, {"model/a": b"1"})
        again = services.rerun(owner.actor, job, {})
        assert (again.name, again.outputs[0]["prefix"]) == ("one-rerun1", "output/one-rerun1/")

    def test_the_api_asks_about_a_path_with_objects(self, owner: Person) -> None:
        for number in range(5):
            people.put(owner, "data", f"full/{number}", b"12")
        people.put(owner, "data", "fuller", b"1")
        client = Client(headers={"authorization": f"Bearer {people.token(owner, HOUR)}"})
        body = {**JOB, "outputs": [{"name": "out", "bucket": "data", "prefix": "full"}]}
        refused = client.post("/api/v1/training-jobs", body, "application/json")
        assert refused.status_code == 409
        answer = refused.json()
        assert "OUTPUT_NOT_EMPTY" in refused.content.decode()
        assert "allow_nonempty_outputs" in refused.content.decode()
        assert "holds 5 objects (10 bytes)" in answer["error_msg"]
        assert not TrainingJob.objects.unscoped("test").exists()
        body["allow_nonempty_outputs"] = True
        assert client.post("/api/v1/training-jobs", body, "application/json").status_code == 201

    def test_objects_that_may_not_be_read_are_asked_about_without_names(
        self, owner: Person
    ) -> None:
        hidden = people.statement(
            "Deny", "obs:object:GetObject", resources=["OBS:*:*:object:data/full/secret*"]
        )
        writer = people.user(owner, "writer", [people.statement("Allow", "*:*:*"), hidden])
        people.put(owner, "data", "full/secret", b"12")
        body = {"outputs": [{"name": "out", "bucket": "data", "prefix": "full/"}]}
        with pytest.raises(Conflict) as refused:
            created(writer, **body)
        assert refused.value.code == "OUTPUT_NOT_EMPTY"
        assert refused.value.message == ("obs://data/full/ holds objects that you may not read")
        people.put(owner, "data", "full/open", b"12")
        with pytest.raises(Conflict, match="`full/open`, and objects that you may not") as refused:
            created(writer, **body)
        assert "secret" not in f"{refused.value.message}{refused.value.extra}"
        job = created(writer, **body, allow_nonempty_outputs=["obs://data/full/"])
        client = Client()
        people.sign_in(client, writer)
        ended(owner, job, {})
        page = client.get(f"/training-jobs/{job.pk}/do/rerun").content.decode()
        assert "1 object, 2\xa0B, and objects that you may not read" in page

    def test_the_form_asks_and_takes_what_was_shown_only(self, owner: Person) -> None:
        people.put(owner, "data", "full/a", b"12")
        people.put(owner, "data", "other/a", b"12")
        client = Client()
        people.sign_in(client, owner)
        form = {
            **JOB, "pool": "public", "flavor": "modelyard.cpu.1u", "max_duration": "60",
            "priority": "1", "outputs": "out=obs://data/full/", "once": "a",
        }  # fmt: skip
        assert b"allow_nonempty_outputs" not in client.get("/training-jobs/new").content
        asked = client.post("/training-jobs/new", form)
        text = asked.content.decode()
        assert asked.status_code == 409
        assert 'value="obs://data/full/"' in text and "<code>full/a</code>" in text
        accepted = {**form, "allow_nonempty_outputs": "obs://data/full/"}
        moved = {**accepted, "outputs": "out=obs://data/other/"}
        assert client.post("/training-jobs/new", moved).status_code == 409
        assert client.post("/training-jobs/new", accepted).status_code == 302

    def test_a_rerun_shows_what_runs_and_where_it_writes(self, owner: Person) -> None:
        job = created(owner, outputs=[{"name": "out", "bucket": "data", "prefix": "same/"}])
        ended(owner, job, {"model/a": b"1"})
        client, page = Client(), f"/training-jobs/{job.pk}/do/rerun"
        people.sign_in(client, owner)
        text = client.get(page).content.decode()
        for shown in ("obs://data/code/train.py", "one-rerun1", "obs://data/same/", "1 object"):
            assert shown in text
        assert client.post(page).status_code == 409
        taken = {"allow_nonempty_outputs": "obs://data/same/"}
        assert client.post(page, taken).status_code == 302


class TestRoot:
    @pytest.mark.parametrize("given", ["", "/", ".", None])
    def test_no_code_directory_is_the_root(self, owner: Person, given: str | None) -> None:
        job = created(owner, code_prefix=given)
        assert job.code_prefix == ""
        attempt = Attempt(job=job, number=1)
        spec = launch.run_spec(job, attempt, Path("/e"), Path("/c"))
        (fetch,) = spec.fetch
        assert (fetch.prefix, fetch.dest, fetch.skip) == (
            "", "code/data", ("output/", "output/one/"),
        )  # fmt: skip
        assert not spec.problems()

    def test_form_and_api_take_it(self, owner: Person) -> None:
        client = Client()
        people.sign_in(client, owner)
        form = {
            **JOB, "code_prefix": "", "pool": "public", "flavor": "modelyard.cpu.1u",
            "max_duration": "60", "priority": "1",
        }  # fmt: skip
        assert client.post("/training-jobs/new", form).status_code == 302
        api = Client(headers={"authorization": f"Bearer {people.token(owner, HOUR)}"})
        body = {**JOB, "name": "two", "code_prefix": ""}
        assert api.post("/api/v1/training-jobs", body, "application/json").status_code == 201


class TestModelOfAJob:
    def test_it_has_the_files_of_that_job_alone(self, owner: Person) -> None:
        place = [{"name": "out", "bucket": "data", "prefix": "same/"}]
        first = created(owner, outputs=place)
        ended(owner, first, {"model/a": b"1", "model/b": b"2", "log.txt": b"3"})
        again = services.rerun(owner.actor, first, {"allow_nonempty_outputs": True})
        ended(owner, again, {"model/config.json": b"{}"})
        model = models.create(owner.actor, {"name": "m", "training_job": str(again.pk)})
        assert paths(model) == {"model/config.json"}
        assert paths(models.create(owner.actor, {"name": "m", "training_job": str(first.pk)})) == {
            "model/a", "model/b",
        }  # fmt: skip

    def test_a_file_that_another_wrote_over_is_refused(self, owner: Person) -> None:
        job = created(owner)
        ended(owner, job, {"model/a": b"1", "model/b": b"2"})
        people.put(owner, "data", "output/one/model/a", b"another")
        with pytest.raises(ValidationFailed) as refused:
            models.create(owner.actor, {"name": "m", "training_job": str(job.pk)})
        assert refused.value.problems[0].code == "OUTPUT_CHANGED"
        assert "1 of the 2 files" in refused.value.message

    def test_a_job_that_wrote_none_is_refused_though_others_did(self, owner: Person) -> None:
        place = [{"name": "out", "bucket": "data", "prefix": "same/"}]
        first = created(owner, outputs=place)
        ended(owner, first, {"model/a": b"1"})
        again = services.rerun(owner.actor, first, {"allow_nonempty_outputs": True})
        ended(owner, again, {"log.txt": b""})
        with pytest.raises(ValidationFailed, match="wrote no directory"):
            models.create(owner.actor, {"name": "m", "training_job": str(again.pk)})

    def test_a_record_that_is_not_whole_is_refused(self, owner: Person) -> None:
        job = created(owner)
        ended(owner, job, {"model/a": b"1"})
        attempt = job.attempt
        assert attempt is not None
        attempt.report["uploaded_count"] = 5000
        attempt.save()
        with pytest.raises(ValidationFailed, match="more files"):
            models.create(owner.actor, {"name": "m", "training_job": str(job.pk)})


def test_a_claimed_path_is_busy_before_it_is_asked_about(owner: Person) -> None:
    created(owner)
    people.put(owner, "data", "output/one/a", b"1")
    with pytest.raises(Conflict) as refused:
        created(owner, name="two", outputs=[
            {"name": "out", "bucket": "data", "prefix": "output/one/"},
        ])  # fmt: skip
    assert refused.value.code == "OUTPUT_BUSY"


HOUR = dt.timedelta(hours=1)


def paths(model: Any) -> set[str]:
    return set(ModelFile.objects.filter(model=model).values_list("path", flat=True))
