"""The sole writers of policies and attachments."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts import engine, facts, grammar, messages
from accounts.agency.models import Agency
from accounts.group.models import Group
from accounts.policy.models import Policy, PolicyAttachment, PolicyVersion
from accounts.policy.names import SYSTEM
from accounts.policy.system import EXCLUSIVE, system_policies
from accounts.user.models import User
from core import access, audit, services
from core.access import Decision
from core.actor import Actor
from core.errors import Conflict, NotFound, Problem, ValidationFailed

Principal = User | Group | Agency
ATTACH = "iam:policies:attachPolicy"
DETACH = "iam:policies:detachPolicy"
UPDATE = "iam:policies:updatePolicy"


def read_document(source: str | Mapping[str, Any]) -> dict[str, Any]:
    """The policy as it will be stored: checked, and in normal spelling.

    Raises:
        ValidationFailed: with every problem at once, each naming its place, its rule and the fix.
    """
    checked = engine.validate(source)
    if checked.source is None:
        found = [
            Problem(
                "document",
                grammar.PROBLEM(path=p.path, token=p.token, rule=p.rule),
                p.code.upper(),
                p.fix,
            )
            for p in checked.errors
        ]
        raise ValidationFailed(
            messages.POLICY_PROBLEMS(n=len(found)),
            problems=found,
        )
    return checked.source


def warnings(source: str | Mapping[str, Any]) -> tuple[engine.Problem, ...]:
    """What is legal but probably does not mean what it says, at most 100."""
    return engine.validate(source).warnings


def create(actor: Actor, data: Mapping[str, Any]) -> Policy:
    """A custom policy and its version 1.

    Raises:
        AccessDenied, ValidationFailed, QuotaExceeded, Conflict.
    """
    policy = Policy(
        name=data["name"],
        description=data.get("description", ""),
        tags=data.get("tags", {}),
        document=read_document(data["document"]),
    )
    return services.create(actor, policy, after_save=lambda p: _keep_version(actor, p))


def _keep_version(actor: Actor, policy: Policy) -> None:
    PolicyVersion.objects.create(
        policy=policy,
        number=policy.revision,
        document=policy.document,
        created_by_id=actor.user_id,
    )
    facts.bump(policy.account_id)


def update(
    actor: Actor, policy: Policy, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Policy:
    """Change a policy. Another document is a new version, in force at once wherever it is attached.

    Raises:
        AccessDenied: also when the policy is attached and would give what the actor does not hold
            or deny less of it; or, for all but the main account, when it is on an agency.
    """
    changes = {k: data[k] for k in ("name", "description", "tags") if k in data}
    given = read_document(data["document"]) if "document" in data else None
    with services.holding(actor, policy):
        policy = services.lock(policy)
        document = policy.document if given is None else given
        if document != policy.document:
            changes |= {"document": document, "revision": policy.revision + 1}
        policy = services.update(actor, policy, changes, expected_version=expected_version)
        if "document" in changes:
            _keep_version(actor, policy)
        else:
            facts.bump(policy.account_id)  # decisions name the policy that decided
    return policy


def rewriting(actor: Actor, policy: Policy, document: object) -> Decision:
    """May the actor let the policy say ``document``, where it is attached?"""
    wanted = copy.copy(policy)
    wanted.document = document
    change = {"document": policy.document} if document != policy.document else {}
    return access.decide(actor, UPDATE, access.about(actor, wanted, change=change))


def restore(actor: Actor, policy: Policy, number: int) -> Policy:
    """Bring back what version ``number`` said, as a new version. Raises NotFound."""
    kept = PolicyVersion.objects.filter(policy=policy, number=number).first()
    if kept is None:
        raise NotFound()
    return update(actor, policy, {"document": kept.document})


def delete(actor: Actor, policy: Policy, *, expected_version: int | None = None) -> None:
    """Delete a policy with its attachments; who had it loses it on the next request.

    Raises:
        AccessDenied: also when it denies somebody what the actor does not hold, or when it is
            attached to an agency, by anybody but the main account.
    """
    services.delete(
        actor,
        policy,
        expected_version=expected_version,
        before_delete=lambda p: facts.bump(p.account_id),
    )


def attach(actor: Actor, policy: str | UUID | Policy, principal: Principal) -> PolicyAttachment:
    """Attach a policy (a custom one, its id or name; or a system policy's name).

    Raises:
        NotFound: no such policy in this account.
        AccessDenied: not allowed, an agency and not the main account, or more than one holds.
        Conflict: attached already, or excluded by another one (ModelArts FullAccess and
            ModelArts CommonOperations never go together).
    """
    _same_account(actor, principal)
    with services.holding(actor, principal):
        return _attach(actor, policy, services.lock(principal))


def _attach(actor: Actor, policy: str | UUID | Policy, principal: Principal) -> PolicyAttachment:
    """The same about locked rows: an edit of the policy comes before or after all of it."""
    found = find(actor, policy)
    if isinstance(found, Policy):
        found = services.lock(found)
    name = found if isinstance(found, str) else found.name
    document = (
        system_policies()[found].compiled.document
        if isinstance(found, str)
        else engine.load_stored(found.document)
    )
    asked = access.about(actor, principal, change={"document": document})
    decision = access.authorize(actor, ATTACH, asked)
    if isinstance(principal, User) and principal.is_root:
        raise Conflict(messages.ROOT_NEEDS_NO_POLICY())
    column = _column(principal)
    _check_exclusive(name, principal, column)
    try:
        with transaction.atomic():
            attachment = PolicyAttachment.objects.create(
                account_id=principal.account_id,
                policy=None if isinstance(found, str) else found,
                system=found if isinstance(found, str) else "",
                **{column: principal},
            )
    except IntegrityError:
        raise Conflict(messages.ATTACHED_ALREADY(name=name, principal=principal)) from None
    facts.bump(principal.account_id)
    audit.record(
        actor,
        event="attachPolicy",
        action=ATTACH,
        target=principal,
        decision_id=decision.id,
        after={"policy": name},
    )
    return attachment


def detach(actor: Actor, attachment: PolicyAttachment) -> None:
    """Take a policy away; holds on the next request.

    Raises:
        AccessDenied: also when it denies what the actor does not hold, whomever it denies it.
    """
    principal = attachment.principal
    _same_account(actor, principal)
    with services.holding(actor, principal):
        principal = services.lock(principal)
        here = PolicyAttachment.objects.select_for_update().filter(pk=attachment.pk)
        if not here.exists():
            raise NotFound()
        decision = access.authorize(actor, DETACH, _ending(actor, principal, attachment))
        here.delete()
        facts.bump(attachment.account_id)
        audit.record(
            actor,
            event="detachPolicy",
            action=DETACH,
            target=principal,
            decision_id=decision.id,
            before={"policy": attachment.policy_name},
        )


def releasing(actor: Actor, principal: Principal, attachment: PolicyAttachment) -> Decision:
    """May the actor detach this one from ``principal``?"""
    return access.decide(actor, DETACH, _ending(actor, principal, attachment))


def _ending(actor: Actor, principal: Principal, attachment: PolicyAttachment) -> access.Target:
    return access.about(actor, principal, change={"attachment": attachment.pk})


def attachment_of(actor: Actor, attachment_id: str) -> PolicyAttachment:
    """An attachment of the actor's own account. Raises NotFound."""
    rows = PolicyAttachment.objects.select_related("policy", "user", "group", "agency")
    found = (
        rows.filter(pk=attachment_id, account_id=actor.account_id).first()
        if re.fullmatch(r"[0-9]{1,18}", str(attachment_id), re.ASCII)
        else None
    )
    if found is None:
        raise NotFound()
    return found


def attachments(principal: Principal) -> list[PolicyAttachment]:
    """What is attached to one principal itself, oldest first."""
    rows = PolicyAttachment.objects.select_related("policy")
    return list(rows.filter(**{_column(principal): principal}).order_by("id"))


def find(actor: Actor, policy: str | UUID | Policy) -> str | Policy:
    """A custom policy of the actor's account, or the name of a system policy.

    ``system:NAME`` means a system policy, an id a custom one, a plain name whichever has it.

    Raises:
        NotFound: neither has it.
        Conflict: both have it, as a later release may ship a name that was free before.
    """
    if isinstance(policy, Policy):
        if policy.account_id != actor.account_id:
            raise NotFound()
        return policy
    text = str(policy)
    if text.startswith(SYSTEM):
        text = text.removeprefix(SYSTEM)
        if text not in system_policies():
            raise NotFound()
        return text
    rows = Policy.objects.unscoped("naming a policy to attach").filter(account=actor.account_id)
    try:
        found = rows.filter(pk=UUID(text)).first()
    except ValueError:
        found = rows.filter(name=text).first()
    if text not in system_policies():
        if found is None:
            raise NotFound()
        return found  # type: ignore[no-any-return]
    if found is not None:
        raise Conflict(messages.AMBIGUOUS_POLICY(text=text, system=SYSTEM))
    return text


def choices(actor: Actor) -> list[tuple[str, str]]:
    """(value, label) of every policy that could be attached: custom ones first."""
    own = [(str(p.pk), p.name) for p in Policy.objects.for_action(actor, "list").order_by("name")]
    taken = {name for _pk, name in own}
    system = [(f"{SYSTEM}{name}" if name in taken else name, name) for name in system_policies()]
    return own + system


def pretty(document: object) -> str:
    """A document as people edit it."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def _column(principal: Principal) -> str:
    return type(principal).__name__.lower()


def _check_exclusive(name: str, principal: Principal, column: str) -> None:
    there = set(
        PolicyAttachment.objects.filter(**{column: principal}).values_list("system", flat=True)
    )
    for pair in EXCLUSIVE:
        clash = (pair - {name}) & there if name in pair else frozenset()
        for other in clash:
            raise Conflict(messages.EXCLUSIVE_POLICIES(name=name, other=other))


def _same_account(actor: Actor, principal: Principal) -> None:
    if principal.account_id != actor.account_id:
        raise NotFound()
