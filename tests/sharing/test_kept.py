"""What a unit keeps: the permission of a type over removals, and a shared object from deletion."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from console import screens
from core import registry
from core.errors import Conflict, ValidationFailed
from core.models import AuditRecord
from registry.model.models import Model
from sharing import grants
from sharing.permission import catalog
from sharing.unit import services as units
from tests.sharing.conftest import KIND, Tenant, accepted, item, share
from tests.sharing.test_unit import problems, rights

pytestmark = pytest.mark.django_db


def test_a_permission_survives_removal_and_addition(owner, consumer: Tenant, model: Model) -> None:
    unit = share(owner, [model], [consumer], "ModelRead")
    accepted(unit, consumer)
    unit = units.update(owner.root, unit, {"remove_resources": [item(model)]})
    assert not rights(consumer, model)
    unit = units.update(owner.root, unit, {"add_resources": [item(model)]})
    assert unit.permissions.get().permission == "ModelRead"
    assert {action for _pk, action in rights(consumer, model)} == {
        "modelarts:model:list", "modelarts:model:get",
    }  # fmt: skip


def test_another_permission_is_chosen_while_nothing_of_the_type_is_in_the_unit(
    owner: Tenant, consumer: Tenant, model: Model
) -> None:
    unit = share(owner, [model], [consumer], "ModelRead")
    accepted(unit, consumer)
    unit = units.update(owner.root, unit, {"remove_resources": [item(model)]})
    change = {"add_resources": [item(model)], "permissions": {KIND: "ModelUse"}}
    units.update(owner.root, unit, change)
    assert (str(model.pk), "modelarts:model:deploy") in rights(consumer, model)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({KIND: "ModelUse"}, "PERMISSION_BOUND"),
        ({KIND: "NoSuchPermission"}, "PERMISSION_UNKNOWN"),
        ({"datasets.dataset": "DatasetUse"}, "PERMISSION_UNUSED"),
        ({"datasets.dataset": "NoSuchPermission"}, "PERMISSION_UNKNOWN"),
        ({"storage.bucket": "ModelUse"}, "TYPE_UNKNOWN"),
    ],
)
def test_a_permission_that_would_change_nothing_is_refused(
    owner: Tenant, model: Model, given: dict[str, str], code: str
) -> None:
    unit = share(owner, [model], [], "ModelRead")
    with pytest.raises(ValidationFailed) as refused:
        units.update(owner.root, unit, {"permissions": given})
    assert problems(refused.value) == {"permissions": code}
    assert unit.permissions.get().permission == "ModelRead"
    units.update(owner.root, unit, {"permissions": {KIND: "ModelRead"}})  # as it is


@pytest.mark.parametrize("answered", [False, True])
def test_whatever_can_be_shared_is_not_deleted_under_its_consumer(
    owner: Tenant, consumer: Tenant, answered: bool
) -> None:
    for spec in grants.shareable_specs():
        obj = spec.model.objects.create(
            account_id=owner.id, region="cn-north-1", name="thing",
            **({"phase": "Published"} if spec.type_label == KIND else {}),
        )  # fmt: skip
        thing = {"type": spec.type_label, "id": str(obj.pk)}
        unit = units.create(
            owner.root,
            {"name": spec.slug, "resources": [thing], "principals": [consumer.id]},
        )
        if answered:
            accepted(unit, consumer)
        with pytest.raises(Conflict) as refused:
            spec.services.delete(owner.root, obj)
        assert refused.value.code == "SHARED" and consumer.id in refused.value.message
        (group,) = screens.of(spec).inventory(owner.root, obj)
        assert group.severity == "danger" and consumer.id in group.items[0][0]
        units.delete(owner.root, unit)
        spec.services.delete(owner.root, obj)
        assert not spec.model.objects.unscoped("test").filter(pk=obj.pk).exists()


def test_a_deletion_after_the_window_is_told_to_who_had_accepted(
    owner, consumer: Tenant, model: Model, monkeypatch
) -> None:
    until = timezone.now() + dt.timedelta(hours=1)
    accepted(share(owner, [model], [consumer], valid_until=until), consumer)
    monkeypatch.setattr(timezone, "now", lambda: until)
    registry.spec_of(model).services.delete(owner.root, model)
    (row,) = AuditRecord.objects.filter(account_id=consumer.id, event="disassociateResourceShare")
    assert "was deleted by its owner" in row.message and row.actor_kind == "system"


def test_what_a_permission_promises_is_what_its_rights_allow() -> None:
    """A model answers through a service alone, so who may call it may deploy it."""
    seen = 0
    for permission in catalog.latest(KIND):
        words = {right.operation: str(right.words) for right in permission.rights}
        if "infer" in words:
            seen += 1
            assert "deploy" in words and "services" in words["infer"]
    assert seen
