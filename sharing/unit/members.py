"""Putting resources and accounts into a unit and taking them out, inside the caller's transaction.

The caller holds the lock on the unit's row. Every step leaves grants that match the associations.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from core import registry, states
from core.actor import Actor
from core.errors import Conflict, QuotaExceeded, StaleState, ValidationFailed
from sharing import grants, messages
from sharing.invitation.models import LIFETIME, Ended, Invitation, end_association
from sharing.permission import catalog
from sharing.permission.catalog import SharePermission
from sharing.rate import services as rates
from sharing.trail import someone_of, tell
from sharing.unit.guesses import MAX_PRINCIPALS
from sharing.unit.models import ShareUnit, UnitPermission, UnitPrincipal, UnitResource
from sharing.unit.plan import MAX_RESOURCES, Plan

State = UnitResource.State
#: unanswered invitations an account may have sent; there is no limit on those received
MAX_PENDING_SENT = 200
UPDATE = "resource_share:unit:update"


def add(actor: Actor, unit: ShareUnit, plan: Plan) -> None:
    """Put everything of the plan into the unit.

    Raises:
        ValidationFailed: it is in already, or the unit would be too large. QuotaExceeded.
    """
    _add_resources(actor, unit, plan)
    for account_id in plan.principals:
        _add_principal(actor, unit, account_id)
    if plan.principals:
        _check_pending(unit)


def _add_resources(actor: Actor, unit: ShareUnit, plan: Plan) -> None:
    for kind, permission in plan.permissions.items():
        _bind(unit, kind, permission)
    by_type: dict[str, list[Any]] = defaultdict(list)
    for obj in plan.resources:
        by_type[registry.spec_of(obj).type_label].append(obj)
    _write_resources(unit, by_type)
    if unit.resources.filter(state__in=UnitResource.LIVE).count() > MAX_RESOURCES:
        raise ValidationFailed.of("resources", messages.MOST_RESOURCES(most=MAX_RESOURCES))
    if not by_type:
        return
    for principal in unit.principals.filter(state=State.ASSOCIATED):
        give_all(unit, principal.account_id, {k: [o.pk for o in v] for k, v in by_type.items()})
        tell(
            actor,
            principal.account_id,
            event="associateResourceShare",
            action=UPDATE,
            target=unit,
            message=messages.ADDED_TO_UNIT(unit=unit),
            after={"resources": [str(o) for o in plan.resources]},
        )


def _write_resources(unit: ShareUnit, by_type: dict[str, list[Any]]) -> None:
    """Their rows, in one statement for new ones and one for those that were in it before."""
    ids = [obj.pk for objects in by_type.values() for obj in objects]
    known = {
        (row.resource_type, row.resource_id): row
        for row in unit.resources.filter(resource_id__in=ids)
    }
    new, again = [], []
    for kind, objects in by_type.items():
        for obj in objects:
            row = known.get((kind, obj.pk))
            if row is not None and row.state in UnitResource.LIVE:
                raise ValidationFailed.of("resources", messages.IN_UNIT_ALREADY(obj=obj))
            if row is None:
                row = UnitResource(unit=unit, resource_type=kind, resource_id=obj.pk)
                new.append(row)
            else:
                again.append(row)
            row.become(State.ASSOCIATED)
            row.resource_name = str(obj)[:128]
    UnitResource.objects.bulk_create(new)
    _save(again, "resource_name")


def _save(rows: list[UnitResource], *fields: str) -> None:
    """Write state and message of many rows, and ``fields``, in one statement."""
    for row in rows:
        row.changed_at = timezone.now()
    if rows:
        said = ("state", "status_message", "said", "changed_at")
        UnitResource.objects.bulk_update(rows, [*said, *fields])


def _bind(unit: ShareUnit, kind: str, permission: SharePermission) -> None:
    """Set the permission of a type; it cannot move while something in the unit uses it."""
    row = unit.permissions.filter(resource_type=kind).first()
    if row is None:
        row = UnitPermission(unit=unit, resource_type=kind)
    elif (row.permission, row.permission_version) == (permission.name, permission.version):
        return
    elif unit.resources.filter(resource_type=kind, state__in=UnitResource.LIVE).exists():
        raise StaleState(messages.PERMISSION_MEANWHILE(unit=unit, kind=kind))
    row.permission, row.permission_version = permission.name, permission.version
    row.save()


def give_all(unit: ShareUnit, account_id: str, ids: dict[str, list[Any]] | None = None) -> int:
    """Write the grants of one account on ``ids`` (type -> ids), by default on everything live."""
    if ids is None:
        ids = defaultdict(list)
        for row in unit.resources.filter(state=State.ASSOCIATED):
            ids[row.resource_type].append(row.resource_id)
    chosen = {row.resource_type: row for row in unit.permissions.all()}
    written = 0
    for kind, wanted in ids.items():
        bound, spec = chosen[kind], registry.spec_by_type(kind)
        permission = catalog.find(kind, bound.permission, bound.permission_version)
        # rows deleted since they were added must not fail the foreign key
        there = spec.model.objects.unscoped("grants on own rows of a unit").filter(
            pk__in=wanted, account_id=unit.account_id
        )
        pks = there.values_list("pk", flat=True)
        written += grants.give(unit, spec, pks, account_id, catalog.actions(permission))
    return written


def _add_principal(actor: Actor, unit: ShareUnit, account_id: str) -> None:
    principal, made = UnitPrincipal.objects.get_or_create(
        unit=unit, account_id=account_id, defaults={"state": State.ASSOCIATING}
    )
    if not made and principal.state in UnitPrincipal.LIVE:
        there = principal.state == State.ASSOCIATED
        said = messages.ACCEPTED_ALREADY if there else messages.INVITED_ALREADY
        raise ValidationFailed.of("principals", said(account_id=account_id))
    if unit.principals.filter(state__in=UnitPrincipal.LIVE).count() > MAX_PRINCIPALS:
        raise ValidationFailed.of("principals", messages.MOST_PRINCIPALS(most=MAX_PRINCIPALS))
    principal.become(State.ASSOCIATING)
    principal.invitation = _invite(actor, unit, account_id)
    principal.save()
    tell(
        actor,
        account_id,
        event="inviteResourceShare",
        action=UPDATE,
        target=principal.invitation,
        message=messages.INVITES(account=unit.account_id, unit=unit),
    )


def _invite(actor: Actor, unit: ShareUnit, account_id: str) -> Invitation:
    """The one invitation of this account to this unit: a new row, or the one that ended, open
    again. Raises TooManyRequests, QuotaExceeded, Conflict."""
    _not_too_often(unit, account_id)
    expires_at = timezone.now() + LIFETIME
    rows = Invitation.objects.unscoped("the owner invites again").filter(
        unit=unit, account_id=account_id
    )
    before = rows.order_by("-created_at").select_for_update().first()
    if before is not None:
        asked: Invitation = states.reopen(
            before,
            Invitation.Phase.PENDING,
            actor=someone_of(actor),
            message=messages.INVITED_AGAIN(),
            name=unit.name,
            expires_at=expires_at,
            answered_at=None,
        )
    else:
        asked = Invitation(
            account_id=account_id,
            region=unit.region,
            name=unit.name,
            unit=unit,
            owner_account_id=unit.account_id,
            expires_at=expires_at,
        )
        states.start(asked, Invitation.Phase.PENDING)
        asked.next_look_at = expires_at
        try:
            with transaction.atomic():
                asked.save(force_insert=True)
        except IntegrityError as error:
            raise Conflict(messages.INVITATION_OPEN(account_id=account_id)) from error
    return asked


def _not_too_often(unit: ShareUnit, account_id: str) -> None:
    """No account fills another account's page with questions."""
    most = settings.MODELYARD_INVITATIONS_PER_PAIR
    rates.take(
        f"invite:{unit.account_id}:{account_id}",
        1,
        most,
        dt.timedelta(days=1),
        messages.INVITED_TOO_OFTEN(account=account_id, most=most),
    )
    waiting = Invitation.objects.unscoped("limit on open invitations of a pair").filter(
        owner_account_id=unit.account_id,
        account_id=account_id,
        phase=Invitation.Phase.PENDING,
        expires_at__gt=timezone.now(),
    )
    if waiting.count() >= most:
        raise QuotaExceeded(
            messages.UNANSWERED_OF_PAIR(account_id=account_id, most=most),
            extra={"quota": "share_invitations_of_a_pair", "limit": most},
        )


def _check_pending(unit: ShareUnit) -> None:
    sent = (
        Invitation.objects.unscoped("limit on invitations sent")
        .filter(
            owner_account_id=unit.account_id,
            phase=Invitation.Phase.PENDING,
            expires_at__gt=timezone.now(),
        )
        .count()
    )
    if sent > MAX_PENDING_SENT:
        raise QuotaExceeded(
            messages.UNANSWERED_SENT(most=MAX_PENDING_SENT),
            extra={"quota": "share_invitations_sent", "limit": MAX_PENDING_SENT},
        )


def remove_resources(
    actor: Actor, unit: ShareUnit, rows: Iterable[UnitResource], why: str = ""
) -> None:
    """End the association of some resources and every grant this unit gave on them."""
    rows = list(rows)
    by_type: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_type[row.resource_type].append(row.resource_id)
        row.become(State.DISASSOCIATED, why)
    _save(rows)
    for kind, ids in by_type.items():
        grants.take(unit, spec=registry.spec_by_type(kind), object_ids=ids)
    for principal in unit.principals.filter(state=State.ASSOCIATED) if rows else ():
        tell(
            actor,
            principal.account_id,
            event="disassociateResourceShare",
            action=UPDATE,
            target=unit,
            message=messages.REMOVED_FROM_UNIT(unit=unit),
            after={"resources": [row.resource_name for row in rows]},
        )


def remove_principals(
    actor: Actor, unit: ShareUnit, rows: Iterable[UnitPrincipal], why: str
) -> None:
    """End some accounts' association: open invitations are cancelled, grants go."""
    for row in rows:
        waiting = row.state == State.ASSOCIATING
        row.become(State.DISASSOCIATED, why)
        row.save()
        grants.take(unit, account_id=row.account_id)
        if waiting and row.invitation_id is not None:
            cancel(actor, row.invitation_id, why)
        elif row.invitation_id is not None:
            end_association(row.invitation_id, Ended.REMOVED)
        tell(
            actor,
            row.account_id,
            event="disassociateResourceShare",
            action=UPDATE,
            target=unit,
            message=why,
        )


def cancel(actor: Actor, invitation_id: Any, why: str) -> None:
    """PENDING -> CANCELLED. The caller holds the invitation's lock; an answered one stays."""
    rows = Invitation.objects.unscoped("the owner takes an invitation back")
    invitation = rows.get(pk=invitation_id)
    if invitation.phase == Invitation.Phase.PENDING:
        states.transition(
            invitation,
            Invitation.Phase.CANCELLED,
            actor=someone_of(actor),
            reason="OWNER",
            message=why,
            answered_at=timezone.now(),
        )
