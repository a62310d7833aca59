"""Vector V10: a model shared twice, seen from the consumer, his users and a stranger."""

from __future__ import annotations

import pytest

from core import access, services
from core.errors import AccessDenied, NotFound, ValidationFailed
from registry.model.models import Model
from sharing.invitation import services as answers
from sharing.unit import services as units
from tests.sharing.conftest import (
    Tenant,
    accepted,
    allow,
    invitation_of,
    item,
    model_of,
    share,
)

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db,
    pytest.mark.usefixtures("permissions"),
]


def may(actor, operation: str, model: Model) -> bool:
    return access.decide(actor, f"modelarts:model:{operation}", model).allowed


def seen(actor, verb: str, model: Model) -> bool:
    return Model.objects.for_action(actor, verb).filter(pk=model.pk).exists()


@pytest.fixture
def shared(owner: Tenant, consumer: Tenant, model: Model):
    s1 = share(owner, [model], [consumer], "S1")
    s2 = share(owner, [model], [consumer], "S2")
    accepted(s1, consumer)
    accepted(s2, consumer)
    return s1, s2


def test_both_sides_must_say_yes(shared, consumer: Tenant, model: Model) -> None:
    v = consumer.user("v", allow("modelarts:model:*"))
    w = consumer.user("w")
    assert may(v, "get", model) and may(v, "infer", model) and may(v, "finetune", model)
    assert not may(v, "delete", model)
    assert not may(v, "update", model)
    assert not may(v, "export", model)
    denied = access.decide(w, "modelarts:model:get", model)
    assert not denied.allowed
    assert model.account_id not in denied.reason
    assert may(consumer.root, "get", model)
    assert not may(consumer.root, "delete", model)


def test_the_list_agrees_with_the_decision(shared, consumer: Tenant, model: Model) -> None:
    v = consumer.user("v", allow("modelarts:model:*"))
    w = consumer.user("w")
    for actor in (v, w, consumer.root):
        for verb in ("list", "get", "update", "delete"):
            assert seen(actor, verb, model) == may(actor, verb, model), (actor.label, verb)
    assert list(Model.objects.shared(v, "list")) == [model]
    assert list(Model.objects.own(v, "list")) == []


def test_ending_one_unit_leaves_the_other(shared, owner, consumer: Tenant, model: Model) -> None:
    s1, _s2 = shared
    v = consumer.user("v", allow("modelarts:model:*"))
    units.delete(owner.root, s1)
    assert not may(v, "infer", model)
    assert may(v, "finetune", model) and may(v, "get", model)
    assert seen(v, "get", model) and not seen(v, "list", model)


def test_a_deny_of_the_consumer_wins(shared, consumer: Tenant, model: Model) -> None:
    v = consumer.user(
        "v", allow("modelarts:model:*"), allow("modelarts:model:infer", effect="Deny")
    )
    assert not may(v, "infer", model)
    assert may(v, "finetune", model)


def test_pending_gives_nothing(owner, consumer: Tenant, model: Model) -> None:
    accepted(share(owner, [model], [consumer], "S1"), consumer)
    share(owner, [model], [consumer], "S2")
    v = consumer.user("v", allow("modelarts:model:*"))
    assert may(v, "infer", model) and not may(v, "finetune", model)


def test_what_was_made_with_it_stays(shared, owner, consumer: Tenant, model: Model) -> None:
    v = consumer.user("v", allow("modelarts:model:*"))
    tuned = model_of(consumer, "tuned")
    units.delete(owner.root, shared[1])
    assert may(v, "delete", tuned) and seen(v, "list", tuned)


def test_no_sharing_on(shared, consumer: Tenant, stranger: Tenant, model: Model) -> None:
    v = consumer.user("v", allow("modelarts:model:*"), "ResourceShareFullAccess")
    for actor in (v, consumer.root):
        with pytest.raises(AccessDenied) as refused:
            units.create(
                actor,
                {"name": "on", "resources": [item(model)], "principals": [stranger.id]},
            )
        assert "shared with you" in refused.value.decision.reason
    own = share(consumer, [model_of(consumer)], [stranger])
    with pytest.raises(AccessDenied):
        units.update(consumer.root, own, {"add_resources": [item(model)]})


def test_a_stranger_sees_nothing(shared, stranger: Tenant, model: Model) -> None:
    with pytest.raises(NotFound):
        services.visible(Model, stranger.root, pk=model.pk)
    with pytest.raises(ValidationFailed) as refused:
        share(stranger, [model], [])
    ghost = {"type": "registry.model", "id": "00000000-0000-4000-8000-000000000000"}
    with pytest.raises(ValidationFailed) as unknown:
        units.create(stranger.root, {"name": "x", "resources": [ghost]})
    assert refused.value.message.replace(str(model.pk), "?") == unknown.value.message.replace(
        ghost["id"], "?"
    )
    invitation = invitation_of(shared[0], Tenant(_consumer_id(shared), stranger.root_user))
    for verb in ("get", "accept"):
        with pytest.raises(NotFound):
            services.visible(type(invitation), stranger.root, verb=verb, pk=invitation.pk)


def _consumer_id(shared) -> str:
    return shared[0].principals.get().account_id


def test_nobody_gives_a_right_he_lacks(owner, consumer: Tenant, model: Model) -> None:
    u = owner.user(
        "u", "ResourceShareFullAccess", allow("modelarts:model:get", "modelarts:model:list")
    )
    with pytest.raises(AccessDenied) as refused:
        units.create(
            u,
            {
                "name": "more",
                "resources": [item(model)],
                "permissions": {"registry.model": "S2"},
                "principals": [consumer.id],
            },
        )
    assert refused.value.decision.step == "delegation"
    assert refused.value.decision.missing == "Allow modelarts:model:finetune"


def test_leaving_ends_it_at_once(shared, consumer: Tenant, model: Model) -> None:
    for unit in shared:
        services.perform(consumer.root, invitation_of(unit, consumer), "leave", {})
    assert not may(consumer.root, "get", model)
    assert not seen(consumer.root, "get", model)
    left = invitation_of(shared[0], consumer)
    assert left.phase == "ACCEPTED" and left.secondary == "LEFT"
    with pytest.raises(Exception, match="ACCEPTED"):
        answers.accept(consumer.root, left)
