"""The end of a share: what the consumer runs stops with a reason, and the owner may delete."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from compute import local
from console import screens
from core import registry
from core.errors import Conflict
from core.models import AuditRecord
from registry.model import services as models
from registry.model.models import Model
from serving.service import home
from serving.service import reconcile as services
from serving.service.models import Instance, Service
from sharing.unit import services as units
from sharing.unit.models import ShareUnit
from tests.core.test_references import version_of
from tests.serving import make as serving
from tests.sharing.conftest import (
    Tenant,
    accepted,
    bearer,
    browser,
    invitation_of,
    item,
    model_of,
    share,
)
from tests.storage.people import Person
from tests.training import jobs
from tests.training.jobs import reads
from training.job import reconcile as jobs_at_work
from training.job.models import TrainingJob

pytestmark = pytest.mark.django_db


class Host:
    """A backend on which everything has ended as soon as one looks."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self

    final, phase, report, reason, message, exit_code = True, "exited", {}, "", "", 0


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "current", Host)
    monkeypatch.setattr(
        "serving.service.instances.close",
        lambda service, instance, seen: Instance.objects.filter(pk=instance.pk).update(
            state="Ended", ended_at=timezone.now()
        ),
    )


def deployed(consumer: Tenant, model: Model, name: str = "secret-name") -> Service:
    service = serving.running(consumer.id, name, model=model)
    assert service.model_account_id == model.account_id
    return service


def again(obj: Any) -> Any:
    return type(obj).objects.unscoped("test").get(pk=obj.pk)


def looked_at(service: Service) -> Service:
    """After as many looks as it takes to rest."""
    for _look in range(3):
        service = again(service)
        if not service.is_settled:
            services.reconcile(service)
    return again(service)


def test_while_it_is_shared_the_service_runs_and_the_owner_reads_a_number(
    owner: Tenant, consumer: Tenant, model: Model, monkeypatch: Any
) -> None:
    unit = share(owner, [model], [consumer])
    accepted(unit, consumer)
    service = deployed(consumer, model)
    monkeypatch.setattr(services, "_serving", lambda service: 1.0)
    services.reconcile(service)
    assert again(service).phase == "Running"
    for act in (
        lambda: models.delete(owner.root, model),
        lambda: registry.spec_of(model).services.delete(owner.root, model),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        told = f"{refused.value.message} {refused.value.hint} {refused.value.extra}"
        assert refused.value.code == "SHARED"
        assert "1 service of another account needs it." in told
        assert service.name not in told and str(service.pk) not in told
    page = browser(owner).get(f"/models/{model.pk}/delete").content.decode()
    assert "1 service of another account" in page and service.name not in page


def test_after_the_end_the_service_stops_with_reason_and_notice(
    owner: Tenant, consumer: Tenant, model: Model
) -> None:
    unit = share(owner, [model], [consumer])
    accepted(unit, consumer)
    service = deployed(consumer, model)
    units.delete(owner.root, unit)
    stopped = looked_at(service)
    assert (stopped.phase, stopped.reason) == ("Stopped", "SHARE_ENDED")
    assert "no longer shared with this account" in stopped.message and stopped.detail["next"]
    (row,) = AuditRecord.objects.filter(event="shareEnded", account_id=consumer.id)
    assert row.resource_id == str(service.pk)
    (banner,) = home.banners(consumer.root, "")
    assert banner.text.startswith("1 service stopped") and banner.level == "warning"
    assert home.banners(owner.root, "") == []
    assert "1 service stopped" in browser(consumer).get("/services").content.decode()


def test_the_owner_deletes_at_once_and_the_service_stops_all_the_same(
    owner: Tenant, consumer: Tenant, model: Model
) -> None:
    unit = share(owner, [model], [consumer])
    accepted(unit, consumer)
    service = deployed(consumer, model)
    units.delete(owner.root, unit)
    models.delete(owner.root, model)
    stopped = looked_at(service)
    assert (stopped.phase, stopped.reason, stopped.model) == ("Stopped", "SHARE_ENDED", None)


def test_the_clock_ends_a_share_and_another_unit_keeps_it(
    owner: Tenant, consumer: Tenant, model: Model
) -> None:
    until = timezone.now() + dt.timedelta(hours=1)
    first = share(owner, [model], [consumer], valid_until=until)
    second = share(owner, [model], [consumer])
    accepted(first, consumer)
    accepted(second, consumer)
    service = deployed(consumer, model)
    rows = ShareUnit.objects.unscoped("test").filter(pk=first.pk)
    past = timezone.now() - dt.timedelta(minutes=1)
    rows.update(valid_until=past)
    table = registry.spec_of(model).grant
    table.objects.filter(unit=first).update(valid_until=past)
    assert not services.share.has_ended(service)
    table.objects.filter(unit=second).update(valid_until=past)
    assert services.share.has_ended(service)


def test_what_only_reads_a_model_does_not_keep_a_service(
    owner: Tenant, consumer: Tenant, model: Model
) -> None:
    unit = share(owner, [model], [consumer], "ModelRead")
    accepted(unit, consumer)
    assert services.share.has_ended(deployed(consumer, model))


def test_a_service_of_ones_own_model_asks_nothing(
    owner: Tenant, model: Model, django_assert_num_queries: Any
) -> None:
    service = serving.running(owner.id, "own", model=model)
    with django_assert_num_queries(0):
        assert not services.share.has_ended(service)


@pytest.mark.parametrize("phase", ["Creating", "Pending"])
@pytest.mark.parametrize("deleted", [False, True])
def test_a_waiting_job_ends_with_the_share_of_its_data(
    owner: Tenant, consumer: Tenant, phase: str, deleted: bool, settings: Any, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    version = version_of(Person(owner.root_user))
    kind = version.dataset._meta.label_lower
    unit = units.create(
        owner.root,
        {
            "name": "data",
            "resources": [{"type": kind, "id": str(version.dataset_id)}],
            "principals": [consumer.id],
        },
    )
    accepted(unit, consumer)
    job = jobs.job(Person(consumer.root_user), phase=phase, inputs=reads(version))
    with pytest.raises(Conflict) as refused:
        registry.spec_of(version).services.delete(owner.root, version)
    assert refused.value.message.startswith("1 training job of another account needs")
    assert job.name not in f"{refused.value.message} {refused.value.extra}"
    units.delete(owner.root, unit)
    if deleted:
        registry.spec_of(version.dataset).services.delete(owner.root, version.dataset)
    jobs_at_work.reconcile(TrainingJob.objects.unscoped("test").get(pk=job.pk))
    ended = TrainingJob.objects.unscoped("test").get(pk=job.pk)
    assert (ended.phase, ended.reason) == ("Failed", "SHARE_ENDED")
    assert "share it again" in ended.detail["next"]
    assert AuditRecord.objects.filter(event="shareEnded", resource_id=str(job.pk)).count() == 1


def test_versions_of_a_shared_dataset_are_in_the_lists(
    owner: Tenant, consumer: Tenant, stranger: Tenant, settings: Any, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    version = version_of(Person(owner.root_user))
    kind = version.dataset._meta.label_lower
    unit = units.create(
        owner.root,
        {
            "name": "data",
            "resources": [{"type": kind, "id": str(version.dataset_id)}],
            "principals": [consumer.id],
        },
    )
    queries = {"": 1, "?scope=shared": 1, "?scope=own": 0, f"?dataset={version.dataset_id}": 1,
               f"?dataset={unit.pk}": 0}  # fmt: skip

    def found(tenant: Tenant, query: str) -> list[str]:
        answer = Client().get(f"/api/v1/dataset-versions{query}", headers=bearer(tenant.root))
        assert answer.status_code == 200, answer.content
        return [item["id"] for item in answer.json()["items"]]

    assert found(consumer, "") == []
    accepted(unit, consumer)
    for query, number in queries.items():
        assert found(consumer, query) == [str(version.pk)] * number, query
    assert found(stranger, "") == found(stranger, "?scope=shared") == []
    assert found(owner, "") == found(owner, "?scope=own") == [str(version.pk)]
    page = browser(consumer).get("/dataset-versions?scope=shared").content.decode()
    assert str(version.pk) in page
    units.delete(owner.root, unit)
    assert found(consumer, "?scope=shared") == []


def test_a_version_that_goes_is_told_to_who_has_the_dataset(
    owner: Tenant, consumer: Tenant, stranger: Tenant, settings: Any, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    version = version_of(Person(owner.root_user))
    kind = version.dataset._meta.label_lower
    unit = units.create(
        owner.root,
        {
            "name": "data",
            "resources": [{"type": kind, "id": str(version.dataset_id)}],
            "principals": [consumer.id, stranger.id],
        },
    )
    accepted(unit, consumer)
    (group,) = screens.of_type(version).inventory(owner.root, version)
    assert group.severity == "warning" and consumer.id in str(group.items)
    registry.spec_of(version).services.delete(owner.root, version)
    rows = AuditRecord.objects.filter(event="deleteDatasetVersion")
    told = {row.account_id: row.actor_label for row in rows}
    assert set(told) == {owner.id, consumer.id}, "who has not answered has lost nothing"
    assert told[consumer.id].startswith("someone@")


def test_a_trail_links_what_its_reader_may_open(
    owner: Tenant, consumer: Tenant, model: Model
) -> None:
    unit = share(owner, [model], [consumer])
    accepted(unit, consumer)
    units.update(owner.root, unit, {"add_resources": [item(model_of(owner, "second"))]})
    page = browser(consumer).get("/audit").content.decode()
    assert unit.name in page and f"/share-units/{unit.pk}" not in page
    assert f"/share-invitations/{invitation_of(unit, consumer).pk}" in page
    assert f"/share-units/{unit.pk}" in browser(owner).get("/audit").content.decode()
