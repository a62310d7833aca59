"""Datasets of another account: nothing without a share, exactly what it says with one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from core import references
from core.errors import AccessDenied, NotFound, ValidationFailed
from datasets import queries
from datasets.dataset.models import Dataset
from datasets.version import services as versions
from datasets.version.models import DatasetVersion
from tests.datasets.test_dataset import FILES, checked, client_of, made, uploaded, usable
from tests.storage import people
from tests.storage.people import Person
from tests.training import jobs

pytestmark = pytest.mark.postgresql


@pytest.fixture(autouse=True)
def var_dir(settings: Any, tmp_path: Path) -> Path:
    """Bytes of a test never meet those of another."""
    settings.VAR_DIR = tmp_path
    return tmp_path


@pytest.fixture
def alice(db: None) -> Person:
    """The owner."""
    return people.root("alice")


@pytest.fixture
def carol(db: None) -> Person:
    """The main account of another tenant."""
    return people.root("carol")


def test_strangers_see_nothing_and_learn_nothing(alice: Person, carol: Person) -> None:
    uploaded(alice)
    dataset = made(alice)
    version = checked(dataset)
    client = client_of(carol)
    pages = Client()
    people.sign_in(pages, carol)

    def shape(response: Any) -> tuple[int, Any]:
        body = response.json()
        body.pop("request_id")
        return response.status_code, body

    name = next(iter(FILES))
    for template, own in (
        ("/api/v1/datasets/{}", dataset.pk),
        ("/api/v1/dataset-versions/{}", version.pk),
        ("/api/v1/dataset-versions/{}/files", version.pk),
        ("/api/v1/dataset-versions/{}/files/" + name, version.pk),
    ):
        theirs = shape(client.get(template.format(own)))
        assert theirs == shape(client.get(template.format(uuid.uuid4())))
        assert theirs[0] == 404
    for path in (f"/datasets/{dataset.pk}", f"/dataset-versions/{version.pk}/x/picture?index=0"):
        assert pages.get(path).status_code == 404
    assert usable(carol) == []
    with pytest.raises(NotFound):
        queries.usable_version(carol.actor, version.pk)
    taken = client.post(
        "/api/v1/dataset-versions",
        {"dataset": str(dataset.pk), "bucket": "team1"},
        content_type="application/json",
    )
    assert taken.status_code == 404


class Open:
    """A grant provider that opens one dataset with some operations, as an accepted unit does."""

    def __init__(self, dataset: Dataset, *operations: str) -> None:
        self.dataset = dataset
        self.actions = {f"modelarts:dataset:{o}": "unit" for o in operations}

    def operations(self, actor: Any, target: Any) -> dict[str, str]:
        return dict(self.actions) if target == self.dataset else {}

    def shared_walk(self, actor: Any, action: str, model: Any) -> None:
        return None  # no index gives the order

    def shared_filter(self, actor: Any, action: str, model: Any) -> Any:
        from django.db.models import Q

        known = {a.lower() for a in self.actions}
        return Q(pk=self.dataset.pk) if model is Dataset and action.lower() in known else None


@pytest.fixture
def shared(alice: Person, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DatasetVersion]:
    """Make alice's dataset and open it to everybody else with the given operations."""
    from core import grants
    from datasets.grants import VersionGrants

    def make(*operations: str) -> DatasetVersion:
        uploaded(alice)
        dataset = made(alice)
        version = checked(dataset)
        opened = Open(dataset, *operations)
        of_versions = VersionGrants()
        monkeypatch.setattr(of_versions, "_datasets", opened)
        monkeypatch.setattr(grants, "providers", lambda: (opened, of_versions))
        return version

    return make


def test_a_consumer_reads_and_uses_what_is_shared(
    carol: Person, shared: Callable[..., DatasetVersion]
) -> None:
    version = shared("getDataset", "listDatasets", "getDatasetVersion", "use")
    assert usable(carol) == [version]
    assert queries.usable_version(carol.actor, version.pk) == version
    client = client_of(carol)
    assert client.get(f"/api/v1/datasets/{version.dataset_id}").status_code == 200
    assert client.get(f"/api/v1/dataset-versions/{version.pk}").status_code == 200
    file = client.get(f"/api/v1/dataset-versions/{version.pk}/files").json()["items"][0]
    got = client.get("/api/v1" + file["url"])
    assert b"".join(got.streaming_content) == FILES[file["path"]]
    pages = Client()
    people.sign_in(pages, carol)
    for path in (f"/datasets/{version.dataset_id}/samples", f"/dataset-versions/{version.pk}"):
        page = pages.get(path)
        assert page.status_code == 200
        assert b"obs://team1" not in page.content  # where the owner keeps it is the owner's
    # Looking is not changing, and the bucket behind it stays closed.
    assert client.delete(f"/api/v1/datasets/{version.dataset_id}").status_code == 403
    assert client.delete(f"/api/v1/dataset-versions/{version.pk}").status_code == 403
    assert client.get("/api/v1/buckets/team1/objects").status_code == 404
    with pytest.raises(NotFound):
        versions.create(carol.actor, {"dataset": version.dataset_id, "bucket": "team1"})
    people.bucket(carol, "mine")
    people.put(carol, "mine", "x", b"1")
    with pytest.raises(ValidationFailed) as refused:
        versions.create(carol.actor, {"dataset": version.dataset_id, "bucket": "mine"})
    assert refused.value.problems[0].field == "dataset"


def test_a_consumer_who_may_only_look_cannot_use(
    carol: Person, shared: Callable[..., DatasetVersion]
) -> None:
    version = shared("getDataset", "getDatasetVersion")
    assert usable(carol) == []
    with pytest.raises(AccessDenied):
        queries.usable_version(carol.actor, version.pk)


def test_a_consumer_who_may_only_use_reads_the_files_alone(
    carol: Person, shared: Callable[..., DatasetVersion]
) -> None:
    version = shared("use")
    client = client_of(carol)
    assert client.get(f"/api/v1/dataset-versions/{version.pk}").status_code == 404
    listing = client.get(f"/api/v1/dataset-versions/{version.pk}/files")
    assert len(listing.json()["items"]) == 4


def test_what_still_reads_a_shared_dataset_is_known_to_its_shares(
    alice: Person, carol: Person, shared: Callable[..., DatasetVersion]
) -> None:
    version = shared("use")
    dataset = version.dataset
    reading = jobs.job(carol, "reading", inputs=jobs.reads(version))
    jobs.job(carol, "has-read", phase="Completed", inputs=jobs.reads(version))
    assert [row.from_id for row in references.blocking(dataset)] == [reading.pk]
    assert references.uses(dataset, alice.actor).elsewhere == (("training.trainingjob", 2, 1),)
