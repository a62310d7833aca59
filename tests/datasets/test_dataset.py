"""Datasets: snapshots that never change, checks that find everything, shares that open versions."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from PIL import Image

from core import reconcile, states
from core.actor import system
from core.errors import Conflict, NotFound, ValidationFailed
from datasets import queries
from datasets.dataset import services as datasets
from datasets.dataset.models import Dataset
from datasets.version import reconcile as checks
from datasets.version import services as versions
from datasets.version.models import DatasetVersion
from storage.blob.models import Blob
from storage.object import services as objects
from tests.datasets.test_idx import STEMS, images, labels
from tests.storage import people
from tests.storage.people import Person, statement
from tests.training import jobs

pytestmark = pytest.mark.postgresql

FILES = {
    STEMS["train", "images"].removesuffix(".gz"): images(100),
    STEMS["train", "labels"].removesuffix(".gz"): labels(100),
    STEMS["test", "images"].removesuffix(".gz"): images(30),
    STEMS["test", "labels"].removesuffix(".gz"): labels(30),
}


@pytest.fixture(autouse=True)
def var_dir(settings: Any, tmp_path: Path) -> Path:
    """Bytes of a test never meet those of another."""
    settings.VAR_DIR = tmp_path
    return tmp_path


@pytest.fixture
def alice(db: None) -> Person:
    return people.root("alice")


def client_of(person: Person) -> Client:
    token = people.token(person, dt.timedelta(hours=1))
    return Client(headers={"Authorization": f"Bearer {token}"})


def uploaded(person: Person, files: dict[str, bytes] = FILES, prefix: str = "mnist/") -> None:
    people.bucket(person, "team1")
    for name, data in files.items():
        people.put(person, "team1", f"{prefix}{name}", data)


def made(person: Person, **data: Any) -> Dataset:
    return datasets.create(
        person.actor,
        {"name": "digits", "format": "idx", "bucket": "team1", "prefix": "mnist", **data},
    )


def only_version(dataset: Dataset) -> DatasetVersion:
    return DatasetVersion.objects.unscoped("test").select_related("dataset").get(dataset=dataset)


def usable(person: Person) -> list[DatasetVersion]:
    """Every version that the person may use in a job."""
    return [
        row
        for rows in queries.usable_versions(person.actor, region=person.actor.region)
        for row in rows
    ]


def checked(dataset: Dataset) -> DatasetVersion:
    version = only_version(dataset)
    assert reconcile.look("datasets.datasetversion", str(version.pk)) == "done"
    return only_version(dataset)


def test_a_good_version_becomes_ready_and_says_what_it_holds(alice: Person) -> None:
    uploaded(alice)
    dataset = made(alice)
    before = only_version(dataset)
    assert (before.name, before.phase, before.file_count) == ("V001", "Creating", 4)
    with pytest.raises(Conflict) as refused:
        queries.usable_version(alice.actor, before.pk)
    assert refused.value.code == "DATASET_NOT_READY"
    version = checked(dataset)
    assert version.phase == "Ready", version.problems
    assert version.summary["splits"]["train"] == {
        "count": 100,
        "shape": [4, 3],
        "classes": 10,
        "histogram": {str(k): 10 for k in range(10)},
    }
    assert version.size == sum(map(len, FILES.values()))
    assert usable(alice) == [version]
    assert queries.usable_version(alice.actor, version.pk) == version


def test_a_bad_version_lists_every_problem_and_cannot_be_used(alice: Person) -> None:
    broken = dict(FILES)
    names = list(FILES)
    broken[names[0]] = images(100)[:-5]
    broken[names[1]] = labels(100, classes=12)
    broken[names[3]] = labels(29)
    uploaded(alice, broken)
    version = checked(made(alice))
    assert version.phase == "Invalid"
    found = {(p["code"], p["file"]): p["offset"] for p in version.problems}
    assert found[("TRUNCATED", names[0])] == len(images(100)) - 5
    assert found[("LABEL_RANGE", names[1])] == 8 + 10
    assert ("COUNT_MISMATCH", names[3]) in found
    assert usable(alice) == []
    with pytest.raises(Conflict):
        queries.usable_version(alice.actor, version.pk)


def test_a_version_keeps_its_bytes(
    alice: Person, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """Overwriting and deleting the source, and deleting the bucket's content, change nothing."""
    uploaded(alice)
    version = checked(made(alice))
    with django_capture_on_commit_callbacks(execute=True):
        for name in FILES:
            people.put(alice, "team1", f"mnist/{name}", b"other bytes")
        objects.delete_prefix(alice.actor, "team1", "mnist/")
    client = client_of(alice)
    listing = client.get(f"/api/v1/dataset-versions/{version.pk}/files").json()
    assert [f["path"] for f in listing["items"]] == sorted(FILES)
    for file in listing["items"]:
        got = client.get("/api/v1" + file["url"])
        assert b"".join(got.streaming_content) == FILES[file["path"]]
        assert got["X-Content-SHA256"] == hashlib.sha256(FILES[file["path"]]).hexdigest()
    assert Blob.objects.count() == len(FILES)


def test_bytes_go_with_the_last_reference(
    alice: Person, var_dir: Path, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    uploaded(alice)
    dataset = made(alice)
    version = checked(dataset)
    with django_capture_on_commit_callbacks(execute=True):
        versions.delete(alice.actor, version)
    assert Blob.objects.count() == len(FILES)  # the bucket still has them
    with django_capture_on_commit_callbacks(execute=True):
        objects.delete_prefix(alice.actor, "team1", "mnist/")
    assert not Blob.objects.exists()
    assert [p for p in (var_dir / "objects").rglob("*") if p.is_file()] == []


def test_versions_are_numbered_and_equal_data_has_equal_digests(alice: Person) -> None:
    uploaded(alice)
    dataset = made(alice)
    datasets.add_version(alice.actor, dataset, {"bucket": "team1", "prefix": "mnist"})
    people.put(alice, "team1", "mnist/extra", b"1")
    datasets.add_version(alice.actor, dataset, {"bucket": "team1", "prefix": "/mnist/"})
    rows = DatasetVersion.objects.unscoped("test").order_by("number")
    assert [row.name for row in rows] == ["V001", "V002", "V003"]
    assert rows[0].digest == rows[1].digest != rows[2].digest


def test_nothing_there_and_no_such_bucket_are_said(alice: Person) -> None:
    people.bucket(alice, "team1")
    with pytest.raises(ValidationFailed) as refused:
        made(alice)
    assert refused.value.problems[0].code == "NOTHING_THERE"
    assert not Dataset.objects.unscoped("test").exists()
    with pytest.raises(NotFound):
        made(alice, bucket="nobodys")


def test_a_bucket_of_another_region_is_refused(alice: Person) -> None:
    uploaded(alice)
    elsewhere = alice.actor.with_request(region="cn-east-1")
    with pytest.raises(ValidationFailed) as refused:
        datasets.create(elsewhere, {"name": "digits", "bucket": "team1", "prefix": "mnist"})
    assert "cn-east-1" in refused.value.message


def test_a_snapshot_holds_what_its_maker_may_read(alice: Person) -> None:
    uploaded(alice, {"a": b"1", "secret/b": b"2"})
    bob = people.user(
        alice,
        "bob",
        [
            statement("Allow", "obs:bucket:*", "obs:object:*"),
            statement("Allow", "modelarts:dataset:*"),
            statement("Deny", "obs:object:GetObject", resources=["obs:*:*:object:team1/mnist/s*"]),
        ],
    )
    version = only_version(made(bob, format="files"))
    assert [f.path for f in queries.version_files(version.pk)] == ["a"]


def test_a_store_that_cannot_be_read_is_an_error_not_bad_data(alice: Person, var_dir: Path) -> None:
    uploaded(alice)
    dataset = made(alice)
    for file in [p for p in (var_dir / "objects").rglob("*") if p.is_file()]:
        file.rename(file.with_suffix(".away"))
    version = checked(dataset)
    assert (version.phase, version.reason) == ("Error", "CHECK_FAILED")
    for file in (var_dir / "objects").rglob("*.away"):
        file.rename(file.with_suffix(""))
    client = client_of(alice)
    again = client.post(
        f"/api/v1/dataset-versions/{version.pk}/retry", content_type="application/json"
    )
    assert (again.status_code, again.json()["phase"]) == (200, "Validating")
    assert checked(dataset).phase == "Ready"


def test_a_check_that_reads_nothing_has_an_end_too(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the look as a whole ends, which would count as a fault of the platform."""

    def computes(files: Any, *, tick: Callable[[], None], **given: Any) -> None:
        tick()
        raise AssertionError("it goes on and on")

    assert checks.BUDGET < reconcile.LONG_SECONDS
    monkeypatch.setattr(checks, "BUDGET", -1.0)
    monkeypatch.setattr(checks.idx, "validate_bounded", computes)
    uploaded(alice)
    version = checked(made(alice))
    assert (version.phase, version.reason) == ("Error", "CHECK_TOO_LONG")


def test_a_version_in_use_stays(alice: Person) -> None:
    uploaded(alice)
    dataset = made(alice)
    version = checked(dataset)
    job = jobs.job(alice, "reader-of-it", inputs=jobs.reads(version))
    for call in (
        lambda: versions.delete(alice.actor, version),
        lambda: datasets.delete(alice.actor, dataset),
    ):
        with pytest.raises(Conflict) as refused:
            call()
        assert refused.value.code == "IN_USE"
        assert "reader-of-it" in refused.value.message
    states.transition(job, "Failed", actor=system("test"))
    datasets.delete(alice.actor, dataset)
    assert not DatasetVersion.objects.unscoped("test").exists()


def test_pictures_and_pages(alice: Person) -> None:
    uploaded(alice)
    dataset = made(alice)
    version = checked(dataset)
    client = Client()
    people.sign_in(client, alice)
    base = f"/dataset-versions/{version.pk}"
    for at, count in ((0, 24), (4, 4)):
        page = client.get(f"{base}/samples?split=train&page={at + 1}")
        assert page.status_code == 200
        assert page.content.count(b"/x/picture?") == count
    picture = client.get(f"{base}/x/picture?split=train&index=99")
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
    with Image.open(io.BytesIO(picture.content)) as image:
        first = image.getpixel((0, 0))
    assert first == 99 * 12 % 256
    for wrong in ("split=train&index=100", "split=other&index=0", "split=train&index=-1", ""):
        assert client.get(f"{base}/x/picture?{wrong}").status_code == 404
    chart = client.get(f"{base}/x/classes").json()
    assert chart["x"] == [str(k) for k in range(10)]
    assert [s["data"] for s in chart["series"]] == [[10] * 10, [3] * 10]
    for path in ("", "/distribution", "/files", "/used-by", "/activity", "/access"):
        assert client.get(base + path).status_code == 200, path
    base = f"/datasets/{dataset.pk}"
    for path in ("", "/samples", "/distribution", "/versions", "/files", "/used-by"):
        page = client.get(base + path)
        assert page.status_code == 200, path
    assert f"/training-jobs/new?dataset_version={version.pk}".encode() in client.get(base).content


def test_pages_of_a_dataset_without_versions_and_of_bad_data(alice: Person) -> None:
    broken = dict.fromkeys(FILES, b"no idx at all")
    uploaded(alice, broken)
    empty = datasets.create(alice.actor, {"name": "empty"})
    client = Client()
    people.sign_in(client, alice)
    for path in ("", "/samples", "/distribution", "/versions", "/files", "/used-by"):
        assert client.get(f"/datasets/{empty.pk}{path}").status_code == 200, path
    version = checked(made(alice))
    page = client.get(f"/dataset-versions/{version.pk}").content.decode()
    assert page.count("BAD_MAGIC") == 4
    for path in ("/samples", "/distribution"):
        assert client.get(f"/dataset-versions/{version.pk}{path}").status_code == 200


def test_create_through_the_page(alice: Person) -> None:
    uploaded(alice)
    client = Client()
    people.sign_in(client, alice)
    form = client.get("/datasets/new?bucket=team1&prefix=mnist/")
    assert form.status_code == 200
    assert b"team1" in form.content
    wrong = client.post(
        "/datasets/new",
        {"name": "digits", "format": "idx", "bucket": "team1", "prefix": "../x", "once": "1"},
    )
    assert wrong.status_code == 400
    posted = client.post(
        "/datasets/new",
        {"name": "digits", "format": "idx", "bucket": "team1", "prefix": "mnist/", "once": "1"},
    )
    assert posted.status_code == 302, posted.content
    dataset = Dataset.objects.unscoped("test").get()
    more = client.get(f"/datasets/{dataset.pk}/do/add-version")
    assert more.status_code == 200
    assert b'value="mnist/"' in more.content
    added = client.post(
        f"/datasets/{dataset.pk}/do/add-version", {"bucket": "team1", "prefix": "mnist/"}
    )
    assert added.status_code == 302
    assert DatasetVersion.objects.unscoped("test").count() == 2


def test_a_version_that_may_be_used_and_not_read_is_no_choice(alice: Person) -> None:
    uploaded(alice)
    version = checked(made(alice))
    assert usable(alice) == [version]
    deaf = people.user(
        alice,
        "deaf",
        [statement("Allow", "*:*:*"), statement("Deny", "modelarts:dataset:get*")],
    )
    assert usable(deaf) == []
    with pytest.raises(NotFound):
        queries.usable_version(deaf.actor, version.pk)
