"""Invitations: states, answers, the clock, both trails."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from core import access, reconcile, services
from core.errors import AccessDenied, Conflict, NotFound
from core.models import AuditRecord
from registry.model.models import ModelGrant
from sharing.invitation import services as answers
from sharing.invitation.models import LIFETIME, Invitation
from sharing.unit import members
from sharing.unit import services as units
from tests.sharing.conftest import Tenant, accepted, invitation_of, item, model_of, share, tenant

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def late(invitation: Invitation) -> None:
    """Let its time run out."""
    Invitation.objects.unscoped("test").filter(pk=invitation.pk).update(
        expires_at=timezone.now() - dt.timedelta(seconds=1)
    )


def test_it_belongs_to_the_consumer(owner, consumer: Tenant, stranger: Tenant, model) -> None:
    began = timezone.now()
    invitation = invitation_of(share(owner, [model], [consumer]), consumer)
    assert invitation.phase == "PENDING"
    assert began <= invitation.expires_at - LIFETIME <= timezone.now()
    assert services.visible(Invitation, consumer.root, pk=invitation.pk) == invitation
    for other in (owner, stranger):
        with pytest.raises(NotFound):
            services.visible(Invitation, other.root, pk=invitation.pk)
        assert not access.decide(other.root, "resource_share:invitation:accept", invitation).allowed


def test_accept_twice_is_accept_once(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    first = accepted(unit, consumer)
    assert first.phase == "ACCEPTED" and first.answered_at is not None
    grants = ModelGrant.objects.count()
    again = accepted(unit, consumer)
    assert again.phase == "ACCEPTED" and again.version == first.version
    assert ModelGrant.objects.count() == grants == 4
    for account in (owner, consumer):
        rows = AuditRecord.objects.filter(
            account_id=account.id, event="acceptResourceShareInvitation"
        )
        assert rows.count() == 1
    owners = AuditRecord.objects.get(account_id=owner.id, event="acceptResourceShareInvitation")
    assert owners.actor_user_id is None and owners.source_ip == ""
    assert consumer.root_user.name not in owners.actor_label


def test_reject_tells_the_reason(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    services.perform(
        consumer.root, invitation_of(unit, consumer), "reject", {"reason": "not\nours" + "x" * 300}
    )
    assert invitation_of(unit, consumer).phase == "REJECTED"
    principal = unit.principals.get()
    assert principal.state == "DISASSOCIATED"
    assert principal.status_message.startswith("not ours") and len(principal.status_message) == 200
    assert not ModelGrant.objects.exists()
    with pytest.raises(Conflict) as refused:
        accepted(unit, consumer)
    assert refused.value.extra["phase"] == "REJECTED"


def test_expiry_is_evaluated_on_read(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    invitation = invitation_of(unit, consumer)
    late(invitation)
    (seen,) = Invitation.objects.own(consumer.root, "list")
    assert seen.phase == "EXPIRED"
    assert unit.principals.get().state == "DISASSOCIATED"
    with pytest.raises(Conflict) as refused:
        accepted(unit, consumer)
    assert refused.value.extra["phase"] == "EXPIRED"
    assert not ModelGrant.objects.exists()


def test_late_wins_over_a_row_read_in_time(owner, consumer: Tenant, model) -> None:
    invitation = invitation_of(share(owner, [model], [consumer]), consumer)
    late(invitation)
    for act in (
        lambda: answers.accept(consumer.root, invitation),
        lambda: services.perform(consumer.root, invitation, "reject", {}),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.extra["phase"] == "EXPIRED"
    assert not ModelGrant.objects.exists()


def test_the_sweeper_expires_it_too(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    invitation = invitation_of(unit, consumer)
    label = "sharing.invitation"
    assert (label, str(invitation.pk)) not in list(reconcile.due())
    assert reconcile.look(label, str(invitation.pk)) == "done"
    assert invitation_of(unit, consumer).phase == "PENDING"
    late(invitation)
    Invitation.objects.unscoped("test").update(next_look_at=timezone.now())
    assert (label, str(invitation.pk)) in list(reconcile.due())
    assert reconcile.look(label, str(invitation.pk)) == "done"
    assert invitation_of(unit, consumer).phase == "EXPIRED"
    assert not list(reconcile.due())


def test_an_active_unit_is_never_due(owner, model) -> None:
    unit = share(owner, [model], [])
    assert reconcile.look("sharing.shareunit", str(unit.pk)) == "done"
    assert ("sharing.shareunit", str(unit.pk)) not in list(reconcile.due())


@pytest.mark.parametrize("how", ["reject", "expire", "leave", "remove"])
def test_inviting_again_opens_the_same_invitation(owner, consumer: Tenant, model, how: str) -> None:
    unit = share(owner, [model], [consumer])
    first = invitation_of(unit, consumer)
    if how == "reject":
        services.perform(consumer.root, first, "reject", {})
    elif how == "expire":
        late(first)
    elif how == "leave":
        services.perform(consumer.root, accepted(unit, consumer), "leave", {})
    else:
        units.update(owner.root, unit, {"remove_principals": [consumer.id]})
    units.update(owner.root, unit, {"add_principals": [consumer.id]})
    second = invitation_of(unit, consumer)
    assert (second.pk, second.phase, second.secondary) == (first.pk, "PENDING", "")
    assert Invitation.objects.unscoped("test").count() == 1
    assert not ModelGrant.objects.exists()
    accepted(unit, consumer)
    assert ModelGrant.objects.count() == 4
    assert unit.principals.count() == 1


def test_the_owner_takes_it_back(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    invitation = invitation_of(unit, consumer)
    units.update(owner.root, unit, {"remove_principals": [consumer.id]})
    with pytest.raises(Conflict) as refused:
        answers.accept(consumer.root, invitation)
    assert refused.value.extra["phase"] == "CANCELLED"


def test_one_open_invitation_per_account_in_the_database(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    twin = invitation_of(unit, consumer)
    twin.pk = None
    twin._state.adding = True
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)


def test_answering_needs_the_right(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    invitation = invitation_of(unit, consumer)
    reader = consumer.user("reader", "ResourceShareReadOnlyAccess")
    with pytest.raises(AccessDenied):
        answers.accept(reader, invitation)
    participant = consumer.user("participant", "ResourceShareParticipantAccess")
    answers.accept(participant, invitation)
    with pytest.raises(AccessDenied):  # accepted already, and still not the reader's to ask
        answers.accept(reader, invitation)
    with pytest.raises(AccessDenied):
        units.create(participant, {"name": "x", "resources": [item(model_of(consumer))]})


def test_a_policy_can_name_whose_shares_one_may_accept(owner, consumer: Tenant, model) -> None:
    only = {
        "Version": "1.1",
        "Statement": [
            {"Effect": "Allow", "Action": ["resource_share:invitation:get"]},
            {
                "Effect": "Allow",
                "Action": ["resource_share:invitation:accept"],
                "Condition": {"StringEquals": {"ram:ShareOwnerAccountId": [owner.id]}},
            },
        ],
    }
    u = consumer.user("u", only)
    other = tenant("other")
    foreign = share(other, [model_of(other)], [consumer])
    with pytest.raises(AccessDenied):
        answers.accept(u, invitation_of(foreign, consumer))
    unit = share(owner, [model], [consumer])
    assert answers.accept(u, invitation_of(unit, consumer)).phase == "ACCEPTED"


def test_open_invitations_sent_are_limited(owner, consumer: Tenant, model, monkeypatch) -> None:
    from core.errors import QuotaExceeded

    monkeypatch.setattr(members, "MAX_PENDING_SENT", 1)
    share(owner, [model], [consumer])
    with pytest.raises(QuotaExceeded):
        share(owner, [model], [consumer])
    assert Invitation.objects.unscoped("test").count() == 1


def test_two_units_of_one_object_are_a_union(owner, consumer: Tenant, model) -> None:
    one = share(owner, [model], [consumer])
    two = share(owner, [model], [consumer])
    accepted(one, consumer)
    accepted(two, consumer)
    assert ModelGrant.objects.count() == 8
    services.perform(consumer.root, invitation_of(one, consumer), "leave", {})
    assert set(ModelGrant.objects.values_list("unit_id", flat=True)) == {two.pk}
    assert access.decide(consumer.root, "modelarts:model:infer", model).allowed
