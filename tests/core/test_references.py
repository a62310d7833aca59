"""References: written with their referrer, read by guard, tab, shares and lineage."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core import lineage, references, registry, states
from core.actor import acting, system
from core.errors import Conflict
from core.models import Reference
from datasets.dataset import services as datasets
from datasets.version import services as versions
from datasets.version.models import DatasetVersion
from registry.model import services as models
from registry.model.models import Model
from sharing import grants
from sharing.permission import catalog
from sharing.unit.models import ShareUnit, UnitPrincipal, UnitResource
from tests.serving import make as serving
from tests.storage import people
from tests.storage.people import Person, statement
from tests.training import jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Person:
    return people.root("alice")


@pytest.fixture
def carol() -> Person:
    """The main account of another tenant."""
    return people.root("carol")


def shared_with(person: Person, model: Model) -> None:
    """Give the account of ``person`` the model by an accepted unit of its owner."""
    kind, account = model._meta.label_lower, model.account_id
    unit = ShareUnit(account_id=account, name="u", region=model.region, phase="ACTIVE")
    unit.save(force_insert=True)
    spec = registry.spec_by_type(kind)
    actions = catalog.actions(catalog.default_of(kind))
    grants.give(unit, spec, [model.pk], person.user.account_id, actions)
    UnitResource.objects.create(
        unit=unit, resource_type=kind, resource_id=model.pk, resource_name="m", state="ASSOCIATED"
    )
    UnitPrincipal.objects.create(unit=unit, account_id=person.user.account_id, state="ASSOCIATED")


def version_of(person: Person) -> DatasetVersion:
    people.bucket(person, "data")
    people.put(person, "data", "in/x.txt", b"1\n")
    dataset = datasets.create(person.actor, {"name": "digits", "format": "files"})
    return versions.create(person.actor, {"dataset": dataset.pk, "bucket": "data", "prefix": "in/"})


def model_of(person: Person, **source: str) -> Model:
    made = Model.objects.create(
        account_id=person.actor.account_id,
        region="cn-north-1",
        name="digits",
        phase="Published",
        engine="python",
        source=source,
    )
    references.write(made)
    return made


def line(nodes: list[lineage.Node]) -> list[tuple[int, str, str, str]]:
    return [(n.depth, n.kind, str(n.row) if n.row else "", str(n.says)) for n in nodes]


def test_lineage_of_a_service_shows_model_job_and_dataset(alice: Person) -> None:
    version = version_of(alice)
    job = jobs.job(
        alice,
        "train",
        phase="Completed",
        inputs=jobs.reads(version),
        outputs=[{"name": "train_url", "bucket": "data", "prefix": "out/"}],
    )
    model = model_of(alice, training_job=str(job.pk), bucket="data", prefix="out/")
    service = serving.running(alice.actor.account_id, "online", model=model)
    assert line(lineage.sources(service, alice.actor)) == [
        (1, "registry.model", "digits 0.0.1", "runs from"),
        (2, "storage.bucket", "data", "was taken from"),
        (2, "training.trainingjob", "train", "was registered from"),
        (3, "datasets.datasetversion", "digits V001", "was trained on"),
        (4, "storage.bucket", "data", "was made from"),
        (3, "storage.bucket", "data", "read its code from"),
    ]
    assert line(lineage.results(version, alice.actor)) == [
        (1, "training.trainingjob", "train", "was trained on"),
        (2, "registry.model", "digits 0.0.1", "was registered from"),
        (3, "serving.service", "online", "runs from"),
        (2, "storage.bucket", "data", "wrote to"),
    ]
    client = Client()
    people.sign_in(client, alice)
    page = client.get(f"/services/{service.pk}/lineage").content.decode()
    for name in ("digits 0.0.1", "train", "digits V001"):
        assert name in page


def test_lineage_takes_no_query_per_row(alice: Person) -> None:
    version = version_of(alice)
    counts = []
    for number in (1, 5):
        for _more in range(number):
            job = jobs.job(alice, phase="Completed", inputs=jobs.reads(version))
            Model.objects.unscoped("test").all().delete()
            model_of(alice, training_job=str(job.pk))
        lineage.results(version, alice.actor)
        with CaptureQueriesContext(connection) as asked:
            lineage.results(version, alice.actor)
        counts.append(len(asked))
    assert counts[1] <= counts[0]


def test_the_names_of_another_account_are_told_to_nobody(alice: Person, carol: Person) -> None:
    """For every reader, on every way: kind and number, never a name."""
    model = model_of(alice)
    shared_with(carol, model)
    secret = serving.running(carol.actor.account_id, "carols-secret", model=model)
    serving.running(alice.actor.account_id, "own-service", model=model)
    found = references.uses(model, alice.actor)
    assert [str(use.referrer) for use in found.shown] == ["own-service"]
    assert found.elsewhere == (("serving.service", 1, 1),)
    client = Client()
    people.sign_in(client, alice)
    for page in ("used-by", "delete", "lineage"):
        text = client.get(f"/models/{model.pk}/{page}").content.decode()
        assert "carols-secret" not in text
        assert ("1 service of another account" in text) == (page != "lineage")
    own = serving.Service.objects.unscoped("test").get(name="own-service")
    states.transition(own, "Failed", actor=system("test"))
    with pytest.raises(Conflict) as refused:
        models.delete(alice.actor, model)
    assert "1 service of another account needs it." in refused.value.message
    told = f"{refused.value.message} {refused.value.hint} {refused.value.extra}"
    assert "carols-secret" not in told and str(secret.pk) not in told


def test_a_consumer_learns_nothing_of_others_who_use_what_is_shared(
    alice: Person, carol: Person
) -> None:
    model = model_of(alice)
    serving.running(alice.actor.account_id, "own-service", model=model)
    found = references.uses(model, carol.actor)
    assert (found.shown, found.hidden, found.elsewhere) == ((), 0, ())


def test_what_the_reader_may_not_see_is_counted(alice: Person) -> None:
    model = model_of(alice)
    serving.running(alice.actor.account_id, "own-service", model=model)
    reader = people.user(alice, "reader", [statement("Allow", "modelarts:model:*")])
    found = references.uses(model, reader.actor)
    assert (found.shown, found.hidden) == ((), 1)


def test_a_target_is_held_while_the_referrer_is_at_work(alice: Person) -> None:
    version = version_of(alice)
    job = jobs.job(alice, "train", inputs=jobs.reads(version))
    with pytest.raises(Conflict, match="Training job “train” trains on “digits V001” right now"):
        references.refuse_if_used(version)
    states.transition(job, "Failed", actor=system("test"), reason="UPLOAD_FAILED")
    references.refuse_if_used(version)
    states.reopen(job, "Running", actor=system("test"), message="again")
    with pytest.raises(Conflict):
        references.refuse_if_used(version)
    with pytest.raises(Conflict):
        references.refuse_if_used(version.dataset)  # its versions are parts of it


def test_a_refusal_names_only_what_its_reader_may_see(alice: Person) -> None:
    version = version_of(alice)
    job = jobs.job(alice, "train-hidden", inputs=jobs.reads(version))
    blind = people.user(alice, "blind", [statement("Allow", "modelarts:dataset:*")])
    for who, named in ((alice, True), (blind, False)):
        with acting(who.actor), pytest.raises(Conflict) as refused:
            references.refuse_if_used(version)
        assert (job.name in refused.value.message) is named
        assert (str(job.pk) in str(refused.value.extra)) is named


def test_references_go_with_their_referrer_in_whatever_way(alice: Person) -> None:
    version = version_of(alice)
    rows = Reference.objects.unscoped("test")
    assert rows.filter(from_type="datasets.datasetversion").count() == 1
    datasets.delete(alice.actor, version.dataset)
    assert not rows.filter(from_type="datasets.datasetversion").exists()


def test_a_row_costs_one_insert_however_much_it_refers_to(alice: Person) -> None:
    people.bucket(alice, "data")
    counts = []
    for number in (1, 8):
        inputs: list[dict[str, Any]] = [
            {"name": f"i{i}", "bucket": "data", "prefix": f"in{i}/"} for i in range(number)
        ]
        job = jobs.job(alice, inputs=inputs)
        with CaptureQueriesContext(connection) as asked:
            references.write(job)
        counts.append(len(asked))
    assert counts == [2, 2]  # the ids of its buckets, and the rows


def test_an_empty_path_is_the_root_of_the_bucket(alice: Person) -> None:
    people.bucket(alice, "data")
    job = jobs.job(alice, "train", phase="Completed", code_prefix="")
    client = Client()
    people.sign_in(client, alice)
    bucket = lineage.sources(job, alice.actor)[0].row
    for path in (f"/training-jobs/{job.pk}/lineage", f"/buckets/{bucket.pk}/used-by"):
        assert "the root of the bucket" in client.get(path).content.decode()
