"""What refers to something refers to its own region: jobs, models, services, datasets, units."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from core import registry
from datasets.dataset.models import Dataset
from datasets.version.models import DatasetVersion
from registry.model.models import Model
from serving.service.models import Service
from tests.accounts import make
from tests.contract.base import bearer
from tests.storage import people
from tests.storage.people import Person
from training.job.models import Attempt, TrainingJob

HERE, THERE = "cn-north-1", "cn-east-1"


@dataclass
class World:
    """One account with a bucket, a dataset, a model and a job in each of two regions."""

    owner: Person
    api: Client
    things: dict[str, dict[str, Any]]

    def job(self, region: str, **changes: Any) -> dict[str, Any]:
        """A job whose code, input and output lie in ``region``, with ``changes``."""
        name = self.things[region]["bucket"].name
        return {
            "name": "job",
            "code_bucket": name,
            "code_prefix": "code",
            "boot_file": "train.py",
            "engine": "python_3.11-sklearn-cpu",
            "inputs": [{"name": "data_url", "bucket": name, "prefix": "in"}],
            "outputs": [{"name": "train_url", "bucket": name, "prefix": "new"}],
        } | changes


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    settings.VAR_DIR = tmp_path
    owner = people.root("regions")
    make.agency(owner.user.account, make.statement("Allow", "obs:*:*", "modelarts:*:*"))
    things = {region: _things(owner, region) for region in (HERE, THERE)}
    return World(owner, Client(headers={"Authorization": f"Bearer {bearer(owner)}"}), things)


def _things(owner: Person, region: str) -> dict[str, Any]:
    here = Person(owner.user)
    bucket = people.bucket(here, f"in-{region}")
    type(bucket).objects.unscoped("test").filter(pk=bucket.pk).update(region=region)
    bucket.region = region
    for key in ("code/train.py", "in/x.txt", "out/model/config.json"):
        people.put(here, bucket.name, key, b"{}\n")
    own = {"account_id": owner.user.account_id, "region": region}
    dataset = Dataset.objects.create(name=f"data-{region}", format="files", **own)
    version = DatasetVersion.objects.create(
        dataset=dataset, number=1, name="V001", phase="Ready", **own
    )
    model = Model.objects.create(
        name=f"model-{region}", phase="Published", engine="python_3.11-sklearn-cpu", **own
    )
    job = TrainingJob.objects.create(
        name=f"done-{region}",
        phase="Completed",
        code_bucket=bucket.name,
        outputs=[{"name": "train_url", "bucket": bucket.name, "prefix": "out/"}],
        **own,
    )
    key = "out/model/config.json"
    wrote = {"output": "train_url", "path": "model/config.json", "key": key}
    sha256 = hashlib.sha256(b"{}\n").hexdigest()
    report = {"uploaded": [{**wrote, "sha256": sha256}], "uploaded_count": 1}
    Attempt.objects.create(job=job, number=1, report=report)
    return {"bucket": bucket, "dataset": dataset, "version": version, "model": model, "job": job}


def _far_code(w: World) -> Any:
    return "training-jobs", w.job(HERE, code_bucket=f"in-{THERE}"), "code_bucket"


def _far_input(w: World) -> Any:
    item = {"name": "data_url", "bucket": f"in-{THERE}", "prefix": "in"}
    return "training-jobs", w.job(HERE, inputs=[item]), "inputs"


def _far_output(w: World) -> Any:
    item = {"name": "train_url", "bucket": f"in-{THERE}", "prefix": "new"}
    return "training-jobs", w.job(HERE, outputs=[item]), "outputs"


def _far_version(w: World) -> Any:
    item = {"name": "data_url", "dataset_version": str(w.things[THERE]["version"].pk)}
    return "training-jobs", w.job(HERE, inputs=[item]), "inputs"


def _far_package(w: World) -> Any:
    return "models", {"name": "m", "bucket": f"in-{THERE}", "prefix": "out"}, "bucket"


def _far_output_of_a_job(w: World) -> Any:
    return "models", {"name": "m", "training_job": str(w.things[THERE]["job"].pk)}, "training_job"


def _far_model(w: World) -> Any:
    return "services", {"name": "s", "model": str(w.things[THERE]["model"].pk)}, "model"


def _far_source(w: World) -> Any:
    body = {"name": "d", "format": "files", "bucket": f"in-{THERE}", "prefix": "in"}
    return "datasets", body, "bucket"


def _far_source_of_a_version(w: World) -> Any:
    body = {
        "dataset": str(w.things[HERE]["dataset"].pk), "bucket": f"in-{THERE}", "prefix": "in",
    }  # fmt: skip
    return "dataset-versions", body, "bucket"


def _far_source_by_verb(w: World) -> Any:
    slug = f"datasets/{w.things[HERE]['dataset'].pk}/add-version"
    return slug, {"bucket": f"in-{THERE}", "prefix": "in"}, "bucket"


def _far_share(kind: str) -> Callable[[World], Any]:
    def case(w: World) -> Any:
        thing = w.things[THERE]["model" if kind == "registry.model" else "dataset"]
        body = {"name": "u", "resources": [{"type": kind, "id": str(thing.pk)}]}
        return "share-units", body, "resources"

    case.__name__ = f"_far_share_{kind.rpartition('.')[2]}"
    return case


CASES: tuple[Callable[[World], Any], ...] = (
    _far_code, _far_input, _far_output, _far_version, _far_package, _far_output_of_a_job,
    _far_model, _far_source, _far_source_of_a_version, _far_source_by_verb,
    _far_share("registry.model"), _far_share("datasets.dataset"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__.lstrip("_"))
def test_a_reference_to_another_region_is_refused(world: World, case: Any) -> None:
    slug, body, field = case(world)
    answer = world.api.post(f"/api/v1/{slug}", body, content_type="application/json")
    assert answer.status_code == 400, answer.content
    problems = [p for p in answer.json()["problems"] if p["code"] == "REGION_MISMATCH"]
    assert [p["field"] for p in problems] == [field], answer.json()
    assert THERE in problems[0]["text"] and HERE in problems[0]["text"]


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c not in (_far_source_by_verb, _far_source_of_a_version)],
    ids=lambda case: case.__name__.lstrip("_"),
)
def test_the_same_reference_fits_there(world: World, case: Any) -> None:
    """Where the case is wrong for another reason, the test above proves nothing."""
    slug, body, _field = case(world)
    if slug == "training-jobs":
        changed = {k: v for k, v in body.items() if v != world.job(HERE)[k]}
        body = world.job(THERE, **changed)
    answer = world.api.post(
        f"/api/v1/{slug}",
        body,
        content_type="application/json",
        headers={"X-Modelyard-Region": THERE},
    )
    assert answer.status_code == 201, answer.content
    assert answer.json()["region"] == THERE


def test_every_reference_between_regional_things_is_among_the_cases() -> None:
    """A new type that may refer to something gets a case, or is named here as one that does not."""
    tried = {"training-jobs", "models", "services", "datasets", "dataset-versions", "share-units"}
    refers_to_nothing = {"buckets"}
    regional = {spec.slug for spec in registry.all_specs() if spec.regional}
    assert regional == tried | refers_to_nothing


def test_a_rerun_stays_where_the_job_ran(world: World) -> None:
    job = world.things[THERE]["job"]
    type(job).objects.unscoped("test").filter(pk=job.pk).update(
        code_prefix="code/", boot_file="train.py", engine="python_3.11-sklearn-cpu",
        flavor="modelyard.cpu.1u", created_by_id=world.owner.user.pk,
    )  # fmt: skip
    answer = world.api.post(
        f"/api/v1/training-jobs/{job.pk}/rerun",
        {"allow_nonempty_outputs": True},
        "application/json",
    )
    assert answer.status_code in (200, 201), answer.content
    again = TrainingJob.objects.unscoped("test").get(parent_id=job.pk)
    assert again.region == THERE


def test_forms_offer_what_lies_in_the_region(world: World) -> None:
    pages = Client()
    people.sign_in(pages, world.owner)
    for address in ("training-jobs/new", "models/new", "services/new", "datasets/new",
                    "dataset-versions/new", "share-units/new"):  # fmt: skip
        text = pages.get(f"/{address}").content.decode()
        near, far = world.things[HERE], world.things[THERE]
        offered = [n for n in ("bucket", "dataset", "model", "job") if f"{near[n].name}" in text]
        assert offered, f"{address} offers nothing of this region"
        for name in offered:
            assert far[name].name not in text, f"{address} offers {far[name].name}"
    verb = f"/datasets/{world.things[THERE]['dataset'].pk}/do/add-version"
    text = pages.get(verb).content.decode()
    assert f"in-{THERE}" in text and f"in-{HERE}" not in text


def test_a_service_that_starts_again_stays_with_its_model(world: World) -> None:
    model = world.things[THERE]["model"]
    service = Service.objects.create(
        account_id=world.owner.user.account_id, region=THERE, name="s", phase="Stopped",
        model=model, model_label="m", engine=model.engine, flavor="modelyard.cpu.1u",
        model_account_id=world.owner.user.account_id,
    )  # fmt: skip
    answer = world.api.post(f"/api/v1/services/{service.pk}/start", {}, "application/json")
    assert answer.status_code == 200, answer.content
