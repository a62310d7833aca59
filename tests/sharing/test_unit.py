"""Share units: what may be in them, changing them, ending them."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import facts
from core import access
from core.errors import AccessDenied, Conflict, PreconditionFailed, ValidationFailed
from core.models import AuditRecord, Event
from registry.model.models import Model, ModelGrant
from sharing import grants, queries
from sharing.permission import catalog
from sharing.unit import impact
from sharing.unit import services as units
from sharing.unit.models import ShareUnit, UnitResource
from sharing.unit.plan import MAX_RESOURCES
from tests.serving import make as serving
from tests.sharing.conftest import (
    KIND,
    Tenant,
    accepted,
    allow,
    invitation_of,
    item,
    model_of,
    share,
    tenant,
)

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def problems(error: ValidationFailed) -> dict[str, str]:
    return {p.field: p.code for p in error.problems}


def rights(consumer: Tenant, *models: Model) -> set[tuple[str, str]]:
    """(object, action) of every right the consumer's main account holds; asked one by one."""
    found = set()
    for model in models:
        for action in ("list", "get", "deploy", "infer", "finetune", "update", "delete"):
            full = f"modelarts:model:{action}"
            if access.decide(consumer.root, full, model).allowed:
                found.add((str(model.pk), full))
    return found


@pytest.mark.parametrize("name", ["", "x" * 51, "a b", "a/b", "a\nb"])
def test_a_bad_name_is_refused(owner: Tenant, model: Model, name: str) -> None:
    with pytest.raises(ValidationFailed):
        units.create(owner.root, {"name": name, "resources": [item(model)]})
    assert not UnitResource.objects.exists()


def test_a_hundred_resources_cost_as_many_statements_as_one(
    owner: Tenant, consumer: Tenant
) -> None:
    """In all that begins a transaction: on SQLite nobody else writes meanwhile."""
    counts = []
    for number in (1, MAX_RESOURCES):
        models = [item(model_of(owner, f"m{number}-{i}")) for i in range(number)]
        unit = share(owner, [model_of(owner, f"first{number}")], [consumer])
        accepted(unit, consumer)
        first = unit.resources.get()
        first_item = {"type": first.resource_type, "id": str(first.resource_id)}
        steps = []
        for change in (
            {"remove_resources": [first_item]},
            {"add_resources": models},
            {"remove_resources": models},
            {"add_resources": models},  # their rows are there, as history
        ):
            with facts.remembered(), CaptureQueriesContext(connection) as asked:
                unit = units.update(owner.root, unit, change)
            steps.append(len(asked))
        counts.append(tuple(steps))
    # grants are inserted in batches of 500
    assert all(many <= few + 3 for few, many in zip(*counts, strict=True)), counts


@pytest.mark.parametrize("name", ["x" * 50, "共享_单元-1.0", "-", "."])
def test_the_vendors_names_are_taken(owner: Tenant, model: Model, name: str) -> None:
    assert units.create(owner.root, {"name": name, "resources": [item(model)]}).name == name


def test_a_name_is_free_again_after_the_unit_ended(owner: Tenant, model: Model) -> None:
    unit = units.create(owner.root, {"name": "same", "resources": [item(model)]})
    with pytest.raises(ValidationFailed):
        units.create(owner.root, {"name": "same", "resources": [item(model)]})
    units.delete(owner.root, unit)
    units.create(owner.root, {"name": "same", "resources": [item(model)]})


def test_everything_wrong_is_said_at_once(owner, consumer: Tenant, model: Model) -> None:
    far = model_of(owner, "far", region="cn-east-1")
    with pytest.raises(ValidationFailed) as refused:
        units.create(
            owner.root,
            {
                "name": "x",
                "resources": [item(model), item(far), {"type": "accounts.user", "id": "1"}],
                "permissions": {KIND: "NoSuchPermission"},
                "principals": [owner.id, "12", "9999999999", consumer.id],
            },
        )
    codes = [(p.field, p.code) for p in refused.value.problems]
    assert codes == [
        ("resources", "REGION_MISMATCH"),
        ("resources", "TYPE_UNKNOWN"),
        ("permissions", "PERMISSION_UNKNOWN"),
        ("principals", "SELF"),
        ("principals", "ACCOUNT"),
        ("principals", "ACCOUNT"),
    ]
    texts = [p.text for p in refused.value.problems if p.code == "ACCOUNT"]
    assert texts[0].replace("12", "?") == texts[1].replace("9999999999", "?")


def test_a_unit_needs_a_resource(owner: Tenant) -> None:
    with pytest.raises(ValidationFailed) as refused:
        units.create(owner.root, {"name": "x", "resources": []})
    assert problems(refused.value) == {"resources": "REQUIRED"}


def test_the_default_permission_is_pinned(owner, consumer: Tenant, model: Model) -> None:
    unit = share(owner, [model], [consumer])
    row = unit.permissions.get()
    assert (row.permission, row.permission_version) == ("ModelUse", 1)
    accepted(unit, consumer)
    assert {a.rpartition(":")[2] for _pk, a in rights(consumer, model)} == {
        "list", "get", "deploy", "infer",
    }  # fmt: skip


def test_published_permissions_never_change() -> None:
    one = catalog.find(KIND, "ModelUse", 1)
    changed = catalog.SharePermission(
        one.name, KIND, 1, one.title, one.rights[:1], one.never, one.default
    )
    with pytest.raises(ValueError, match="immutable"):
        catalog.register(changed)
    assert catalog.find(KIND, "ModelUse", 1) == one


def test_every_right_in_a_permission_is_offered_by_its_type() -> None:
    """A right the type does not offer would be in no grant; the words would promise too little."""
    for spec in grants.shareable_specs():
        offered = list(catalog.latest(spec.type_label))
        assert offered, f"{spec.type_label} is shareable but has no share permission"
        assert sum(one.default for one in offered) == 1
        for one in offered:
            assert len(catalog.effective(one)) == len(one.rights), one.name
            assert "list" in str(one.rights[0].operation), "a consumer must find what he was given"


def test_sharing_needs_the_right(owner: Tenant, model: Model) -> None:
    reader = owner.user("reader", "ResourceShareReadOnlyAccess", allow("modelarts:model:*"))
    with pytest.raises(AccessDenied):
        units.create(reader, {"name": "x", "resources": [item(model)]})
    unit = share(owner, [model], [])
    for act in (units.delete, lambda a, u: units.update(a, u, {"name": "y"})):
        with pytest.raises(AccessDenied):
            act(reader, unit)


def test_a_policy_can_name_whom_one_may_share_with(owner, consumer: Tenant, model: Model) -> None:
    other = tenant("other")
    only = {
        "Version": "1.1",
        "Statement": [
            {"Effect": "Allow", "Action": ["resource_share:*:*"]},
            {
                "Effect": "Deny",
                "Action": ["resource_share:unit:create", "resource_share:unit:update"],
                "Condition": {"StringEquals": {"ram:PrincipalAccountId": [other.id]}},
            },
        ],
    }
    u = owner.user("u", only, allow("modelarts:model:*"))
    good = {"name": "x", "resources": [item(model)], "principals": [consumer.id]}
    unit = units.create(u, good)
    with pytest.raises(AccessDenied):
        units.create(u, {**good, "name": "y", "principals": [other.id]})
    with pytest.raises(AccessDenied):
        units.update(u, unit, {"add_principals": [other.id]})


def test_additions_reach_who_accepted_and_removals_take_effect(
    owner, consumer: Tenant, model: Model
) -> None:
    second = model_of(owner, "second")
    unit = share(owner, [model], [consumer])
    accepted(unit, consumer)
    assert not rights(consumer, second)
    unit = units.update(owner.root, unit, {"add_resources": [item(second)]})
    assert {pk for pk, _a in rights(consumer, second)} == {str(second.pk)}
    unit = units.update(owner.root, unit, {"remove_resources": [item(model)]})
    assert not rights(consumer, model) and rights(consumer, second)
    trail = AuditRecord.objects.filter(account_id=consumer.id).order_by("id")
    assert [row.event for row in trail if "Share" in row.event][-2:] == [
        "associateResourceShare",
        "disassociateResourceShare",
    ]
    assert not any(row.actor_user_id == owner.root.user_id for row in trail)
    # back in: the same association row, new grants
    units.update(owner.root, unit, {"add_resources": [item(model)]})
    assert rights(consumer, model)
    assert unit.resources.filter(resource_id=model.pk).count() == 1


def test_what_is_in_cannot_be_added_twice(owner, consumer: Tenant, model: Model) -> None:
    unit = share(owner, [model], [consumer])
    for change in ({"add_resources": [item(model)]}, {"add_principals": [consumer.id]}):
        with pytest.raises(ValidationFailed) as refused:
            units.update(owner.root, unit, change)
        assert set(problems(refused.value).values()) == {"DUPLICATE"}


def test_the_permission_of_a_type_moves_only_when_nothing_uses_it(
    owner: Tenant, model: Model
) -> None:
    second = model_of(owner, "second")
    unit = share(owner, [model], [])
    change = {"add_resources": [item(second)], "permissions": {"models": "ModelRead"}}
    with pytest.raises(ValidationFailed) as refused:
        units.update(owner.root, unit, change)
    assert problems(refused.value) == {"permissions": "PERMISSION_BOUND"}
    unit = units.update(owner.root, unit, {"remove_resources": [item(model)]})
    unit = units.update(owner.root, unit, change)
    assert unit.permissions.get().permission == "ModelRead"


def test_a_stale_edit_is_refused(owner, consumer: Tenant, model: Model) -> None:
    unit = share(owner, [model], [])
    seen = unit.version
    units.update(owner.root, unit, {"description": "new"})
    with pytest.raises(PreconditionFailed):
        units.update(owner.root, unit, {"add_principals": [consumer.id]}, expected_version=seen)
    assert not unit.principals.exists()


def test_deleting_takes_effect_at_once_and_leaves_a_tombstone(
    owner, consumer: Tenant, model: Model
) -> None:
    late = tenant("late")
    unit = share(owner, [model], [consumer, late])
    accepted(unit, consumer)
    waiting = invitation_of(unit, late)
    units.delete(owner.root, unit)
    unit = ShareUnit.objects.unscoped("test").get(pk=unit.pk)
    assert unit.phase == "DELETED"
    assert not ModelGrant.objects.exists()
    assert not rights(consumer, model)
    assert {p.state for p in unit.principals.all()} == {"DISASSOCIATED"}
    assert invitation_of(unit, late).phase == "CANCELLED"
    assert invitation_of(unit, consumer).secondary == "REMOVED"
    assert Model.objects.unscoped("test").filter(pk=model.pk).exists()
    phases = Event.objects.filter(resource_id=str(unit.pk)).order_by("id")
    assert [e.phase_to for e in phases if e.phase_to] == ["DELETING", "DELETED"]
    for again in (units.delete, lambda a, u: units.update(a, u, {"name": "z"})):
        with pytest.raises(Conflict) as refused:
            again(owner.root, unit)
        assert refused.value.extra["phase"] == "DELETED"
    with pytest.raises(Conflict):
        from sharing.invitation import services as answers

        answers.accept(late.root, waiting)


def test_the_preview_is_what_happens(owner, consumer: Tenant, model: Model) -> None:
    """Blast radius: the predicted set is the difference of the rights before and after."""
    second, late = model_of(owner, "second"), tenant("late")
    unit = share(owner, [model, second], [consumer, late], "ModelUseAndFineTune")
    accepted(unit, consumer)
    accepted(share(owner, [model], [consumer], "ModelUse"), consumer)
    for account in (consumer, owner):
        for one in (model, second):
            serving.running(account.id, f"of-{one.name}", model=one)
    predicted = impact.losses(unit)
    (own, _late) = sorted(impact.losses(unit, viewer=consumer.id), key=lambda one: one.waiting)
    before = rights(consumer, model, second)
    units.delete(owner.root, unit)
    lost = before - rights(consumer, model, second)
    (loss, waiting) = sorted(predicted, key=lambda one: one.waiting)
    assert {(pk, action) for _kind, pk, action in loss.rights} == {
        (pk, action.lower()) for pk, action in lost
    }
    assert loss.names == ["digits 0.0.1", "second 0.0.1"]
    assert loss.uses == ["service × 2"], "names of what a consumer runs are not the owner's to read"
    assert sorted(own.uses) == ["service of-digits", "service of-second"]
    assert waiting.account_id == late.id and not waiting.rights


def test_the_window_closes_by_the_clock(owner, consumer: Tenant, model: Model, monkeypatch) -> None:
    until = timezone.now() + dt.timedelta(hours=1)
    unit = share(owner, [model], [consumer], valid_until=until)
    accepted(unit, consumer)
    assert rights(consumer, model)
    monkeypatch.setattr(timezone, "now", lambda: until)
    assert not rights(consumer, model)
    assert not Model.objects.for_action(consumer.root, "get").exists()
    assert not queries.consumers_of(model)
    monkeypatch.undo()
    units.update(owner.root, unit, {"valid_until": None})
    monkeypatch.setattr(timezone, "now", lambda: until)
    assert rights(consumer, model)


def test_an_end_in_the_past_is_refused(owner: Tenant, model: Model) -> None:
    with pytest.raises(ValidationFailed) as refused:
        share(owner, [model], [], valid_until=timezone.now() - dt.timedelta(seconds=1))
    assert problems(refused.value) == {"valid_until": "PAST"}


def test_shared_things_are_not_deleted_by_accident(owner, consumer: Tenant, model: Model) -> None:
    queries.require_unshared(model)
    unit = share(owner, [model], [consumer])
    (who,) = queries.consumers_of(model)
    assert (who.account_id, who.state, who.permission) == (consumer.id, "ASSOCIATING", "ModelUse")
    with pytest.raises(Conflict) as refused:
        queries.require_unshared(model)
    assert unit.name in refused.value.message and consumer.id in refused.value.message
    accepted(unit, consumer)
    assert units.revoke(owner.root, model) == 1
    queries.require_unshared(model)
    assert not rights(consumer, model)


def test_bulk_removal_leaves_no_residue(owner: Tenant) -> None:
    models = [model_of(owner, f"m{n}") for n in range(4)]
    accounts = [tenant("many") for _ in range(4)]
    unit = share(owner, models, accounts)
    for account in accounts:
        accepted(unit, account)
    assert ModelGrant.objects.count() == 4 * 4 * 4
    units.update(
        owner.root,
        unit,
        {
            "remove_resources": [item(m) for m in models[1:]],
            "remove_principals": [a.id for a in reversed(accounts[1:])],
        },
    )
    assert ModelGrant.objects.count() == 4
    assert rights(accounts[0], *models) == {
        (str(models[0].pk), f"modelarts:model:{op}") for op in ("list", "get", "deploy", "infer")
    }
    for account in accounts[1:]:
        assert not rights(account, *models)


def test_deletions_cascade(owner, consumer: Tenant, model: Model) -> None:
    second = model_of(owner, "second")
    unit = share(owner, [model, second], [consumer])
    accepted(unit, consumer)
    model_id = model.pk
    model.delete()  # the resource
    assert not ModelGrant.objects.filter(content_object_id=model_id).exists()
    gone = unit.resources.get(resource_id=model_id)
    assert (gone.state, gone.status_message) == ("DISASSOCIATED", "Deleted by its owner.")
    assert ModelGrant.objects.count() == 4
    Group.objects.get(name=grants.group_name(consumer.id)).delete()  # the group
    assert not ModelGrant.objects.exists() and not rights(consumer, second)


def test_a_long_shared_list_asks_a_constant_number_of_queries(
    owner, consumer: Tenant, django_assert_num_queries, django_assert_max_num_queries
) -> None:
    def page() -> int:
        return len(list(Model.objects.shared(consumer.root, "list").order_by("-created_at")[:100]))

    accepted(share(owner, [model_of(owner, "first")], [consumer]), consumer)
    assert page() == 1
    with django_assert_max_num_queries(4) as few:
        assert page() == 1
    many = [model_of(owner, f"m{n}") for n in range(99)]
    accepted(share(owner, many, [consumer]), consumer)
    with django_assert_num_queries(len(few)):
        assert page() == 100
