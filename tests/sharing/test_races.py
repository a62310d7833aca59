"""Two people at the same moment: exactly one wins, and grants match what the rows say."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from core import services
from core.errors import AppError, Conflict, ValidationFailed
from core.models import AuditRecord
from registry.model.models import ModelGrant
from sharing.invitation import services as answers
from sharing.invitation.expiry import expire
from sharing.invitation.models import Invitation
from sharing.unit import services as units
from sharing.unit.models import ShareUnit
from tests.sharing.conftest import Tenant, invitation_of, share

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite",
        reason="SQLite lets one writer in at a time (transactions begin IMMEDIATE), so threads "
        "never meet; interleavings of rows read too early are in test_invitation.py",
    ),
]
ROUNDS = 8


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Run all at once; results or application errors in order. Other exceptions are raised."""
    barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int, act: Callable[[], Any]) -> None:
        try:
            barrier.wait(300)
            results[number] = act()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive()
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, AppError):
            raise result
    return results


def failed(results: list[Any]) -> list[AppError]:
    return [r for r in results if isinstance(r, AppError)]


def reject(consumer: Tenant, invitation: Invitation) -> Callable[[], Any]:
    return lambda: services.perform(consumer.root, invitation, "reject", {})


def test_many_accept_one_invitation(owner, consumer: Tenant, model) -> None:
    invitation = invitation_of(share(owner, [model], [consumer]), consumer)
    results = together(*[lambda: answers.accept(consumer.root, invitation)] * 6)
    assert not failed(results)
    assert ModelGrant.objects.count() == 4
    for account in (owner, consumer):
        won = AuditRecord.objects.filter(
            account_id=account.id, event="acceptResourceShareInvitation"
        )
        assert won.count() == 1


def test_accept_against_reject(owner, consumer: Tenant, model) -> None:
    for _round in range(ROUNDS):
        unit = share(owner, [model], [consumer])
        invitation = invitation_of(unit, consumer)
        results = together(
            lambda i=invitation: answers.accept(consumer.root, i), reject(consumer, invitation)
        )
        (lost,) = failed(results)
        assert isinstance(lost, Conflict)
        phase = invitation_of(unit, consumer).phase
        state = unit.principals.get().state
        given = ModelGrant.objects.filter(unit=unit).count()
        assert (phase, state, given) in {
            ("ACCEPTED", "ASSOCIATED", 4),
            ("REJECTED", "DISASSOCIATED", 0),
        }


def test_accept_against_delete(owner, consumer: Tenant, model) -> None:
    for _round in range(ROUNDS):
        unit = share(owner, [model], [consumer])
        invitation = invitation_of(unit, consumer)
        results = together(
            lambda i=invitation: answers.accept(consumer.root, i),
            lambda u=unit: units.delete(owner.root, u),
        )
        assert results[1] is None  # the owner always gets what he asked for
        assert all(isinstance(error, Conflict) for error in failed(results))
        assert not ModelGrant.objects.filter(unit=unit).exists()
        after = invitation_of(unit, consumer)
        won = not isinstance(results[0], Exception)
        assert after.phase == ("ACCEPTED" if won else "CANCELLED")
        assert after.secondary == ("REMOVED" if won else "")
        assert ShareUnit.objects.unscoped("test").get(pk=unit.pk).phase == "DELETED"


def test_accept_against_expiry(owner, consumer: Tenant, model) -> None:
    for _round in range(ROUNDS):
        unit = share(owner, [model], [consumer])
        invitation, twin = (invitation_of(unit, consumer) for _copy in range(2))
        results = together(
            lambda i=invitation: answers.accept(consumer.root, i), lambda t=twin: expire(t)
        )
        expired = results[1]
        assert isinstance(results[0], Conflict) == expired
        assert invitation_of(unit, consumer).phase == ("EXPIRED" if expired else "ACCEPTED")
        assert ModelGrant.objects.filter(unit=unit).count() == (0 if expired else 4)


def test_leave_against_remove(owner, consumer: Tenant, model) -> None:
    for _round in range(ROUNDS):
        unit = share(owner, [model], [consumer])
        invitation = answers.accept(consumer.root, invitation_of(unit, consumer))
        results = together(
            lambda i=invitation: services.perform(consumer.root, i, "leave", {}),
            lambda u=unit: units.update(owner.root, u, {"remove_principals": [consumer.id]}),
        )
        assert len(failed(results)) == 1
        assert isinstance(failed(results)[0], Conflict | ValidationFailed)
        assert not ModelGrant.objects.filter(unit=unit).exists()
        assert unit.principals.get().state == "DISASSOCIATED"
        left = not isinstance(results[0], Exception)
        assert invitation_of(unit, consumer).secondary == ("LEFT" if left else "REMOVED")


def test_two_owners_invite_the_same_account(owner, consumer: Tenant, model) -> None:
    for _round in range(ROUNDS):
        unit = share(owner, [model], [])
        change = {"add_principals": [consumer.id]}
        results = together(*[lambda u=unit, c=change: units.update(owner.root, u, c)] * 2)
        assert len(failed(results)) == 1
        assert Invitation.objects.unscoped("test").filter(unit=unit).count() == 1


def test_two_deletes(owner, consumer: Tenant, model) -> None:
    unit = share(owner, [model], [consumer])
    results = together(*[lambda: units.delete(owner.root, unit)] * 4)
    assert len(failed(results)) == 3
    assert all(isinstance(error, Conflict) for error in failed(results))
