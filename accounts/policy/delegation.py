"""Delegation is a closure: a person and everybody they can make or take over can do no more than
the person alone.

Two local rules give it (docs/mechanisms/access.md, "Delegation", has the argument):

1. Who gives rights, makes a user, takes one over or changes whom a name means holds what that
   gives, defaults of the account included.
2. Who lifts, narrows or removes a Deny from anybody holds what it denies.

Both are guards of the one decision (``register``), so a page shows the refusal before anybody
tries. What depends on a document, on an attachment or on a new name is in ``Target.change``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from accounts import engine, reasons
from accounts.agency.models import Agency
from accounts.group.models import Group
from accounts.policy import holdings
from accounts.policy.holdings import Names, holdings_of
from accounts.policy.models import Policy, PolicyAttachment
from accounts.principal import documents_of
from accounts.user.models import User
from core import access
from core.access import Refusal, Target
from core.actor import Actor
from core.codes import Code

STEP = "delegation"
#: condition keys that say who calls by a name which users change
NAME_KEYS = frozenset({"g:username", "g:principalurn"})
#: condition keys that a tag key follows: of the object, and of the user who calls
TAG_KEYS = ("g:resourcetag", "g:principaltag")


# -- rules ----------------------------------------------------------------------------------------


def giving(actor: Actor, documents: Iterable[engine.PolicyDocument]) -> Refusal | None:
    """The refusal when the documents allow what ``actor`` does not hold; None when they do not."""
    if actor.is_root:
        return None
    missing = holdings_of(actor).not_held(holdings.given(documents))
    return _refusal(
        missing,
        reasons.GIVING,
    )


def lifting(actor: Actor, documents: Iterable[engine.PolicyDocument]) -> Refusal | None:
    """The refusal when a Deny of the documents covers what ``actor`` does not hold."""
    return _lifting(actor, holdings.denied(documents))


def releasing(actor: Actor, attached: QuerySet[PolicyAttachment]) -> Refusal | None:
    """``lifting`` of attachments that are about to end."""
    return None if actor.is_root else lifting(actor, documents_of(attached))


def narrowing(
    actor: Actor, old: engine.PolicyDocument, new: engine.PolicyDocument
) -> Refusal | None:
    """``lifting`` of what ``old`` denies and ``new`` would deny less."""
    return None if actor.is_root else _lifting(actor, holdings.lifted(old, new))


def making(actor: Actor) -> Refusal | None:
    """The refusal when a fresh user may do what ``actor`` may not: what the account lets everybody
    do by default, and the own sign-in."""
    if actor.is_root:
        return None
    own = holdings_of(actor)
    missing = (own.default - own.held) | (holdings.own_sign_in() - own.liftable)
    return _refusal(
        missing,
        reasons.MAKING_USERS,
    )


def taking_over(actor: Actor, user: User) -> Refusal | None:
    """The refusal when ``user`` may do what ``actor`` does not hold: who resets, enables or renames
    somebody may act as them."""
    if actor.is_root or user.pk == actor.user_id:
        return None
    if user.is_root:
        return Refusal(STEP, reasons.MAIN_ACCOUNT_ITSELF())
    own = holdings_of(actor)
    missing = own.not_held(holdings.may_of(user))
    missing |= own.not_liftable(holdings.own_sign_in_of(user))
    return _refusal(
        missing,
        reasons.TAKING_OVER,
        name=user.name,
    )


def renaming(actor: Actor, user: User, name: str) -> Refusal | None:
    """The refusal of another name for ``user``, who was called ``name``.

    A condition on the name follows no rename: it compares the name as it is at the request, so
    another name can bring an Allow or end a Deny that speaks of it. Both have to be the actor's to
    give and to lift; agencies that work for the user count as well.
    """
    found = taking_over(actor, user)
    if found is not None or actor.is_root:
        return found
    agencies = Agency.objects.unscoped("agencies that work for a user").filter(
        Q(grantee=user.pk) | Q(grantee=None), account_id=user.account_id
    )
    attached = (
        holdings.attached_to(user),
        PolicyAttachment.objects.filter(agency__in=agencies),
    )
    named = [_about(d, NAME_KEYS) for rows in attached for d in documents_of(rows)]
    found = giving(actor, named)
    if found is None:  # not "or": a refusal counts as false
        found = lifting(actor, named)
    if found is None:
        return None
    reason = reasons.RENAMING(name=name, right=found.missing.removeprefix("Allow "))
    return replace(found, reason=reason)


def retagging(actor: Actor, target: Target) -> Refusal | None:
    """The refusal of other tags for a row where a policy of its account asks for them.

    Another value can bring an Allow or end a Deny, for anybody. Both have to be the actor's to give
    and to lift. Tags that no policy asks for are free.
    """
    if actor.is_root or not actor.is_user:
        return None
    row: Any = target.instance
    tags: Mapping[str, str] = row.tags
    before: Mapping[str, str] = target.change["tags"]
    changed = {key.lower() for key in {*before, *tags} if before.get(key) != tags.get(key)}
    keys = frozenset(f"{kind}/{key}" for kind in TAG_KEYS for key in changed)
    texts = (
        Policy.objects.unscoped("policies that ask for tags")
        .filter(account=row.account_id, attachments__isnull=False)
        .annotate(text=Cast("document", TextField()))
        .filter(text__icontains="tag/")
        .values_list("text", flat=True)
        .distinct()
    )
    asking = [_about(engine.load_stored(text), keys) for text in texts]
    found = giving(actor, asking)
    if found is None:
        found = lifting(actor, asking)
    if found is None:
        return None
    reason = reasons.RETAGGING(
        tags=", ".join(f"`{key}`" for key in sorted(changed)),
        right=found.missing.removeprefix("Allow "),
    )
    return replace(found, reason=reason)


def rewriting(actor: Actor, old: object, new: object) -> Refusal | None:
    """The refusal of another document for a policy that is attached: it may neither deny less nor
    give more than the actor holds."""
    before, after = engine.load_stored(old), engine.load_stored(new)
    refused = narrowing(actor, before, after)
    return giving(actor, [after]) if refused is None else refused


def _lifting(actor: Actor, names: Names) -> Refusal | None:
    if actor.is_root:
        return None
    return _refusal(
        holdings_of(actor).not_liftable(names),
        reasons.LIFTING,
    )


def _refusal(missing: Names, said: Code, **more: str) -> Refusal | None:
    if not missing:
        return None
    first, others = min(missing), len(missing) - 1
    rights = reasons.AND_MORE(right=first, n=others) if others else f"`{first}`"
    return Refusal(STEP, said(rights=rights, **more), f"Allow {first}")


def _about(document: engine.PolicyDocument, keys: frozenset[str]) -> engine.PolicyDocument:
    """What of a document asks for one of the condition keys."""
    kept = tuple(s for s in document.statements if any(c.key.lower() in keys for c in s.conditions))
    return replace(document, statements=kept)


# -- guards ---------------------------------------------------------------------------------------


def main_account_only(actor: Actor, reason: str) -> Refusal | None:
    """The refusal for everybody but the main account."""
    return None if actor.is_root else Refusal("main_account", reason)


def register() -> None:
    """Tell the one decision."""
    for action, check in _GUARDS.items():
        access.guard(action, check)
    access.guard_column("tags", retagging)


def _make_user(actor: Actor, _target: Target) -> Refusal | None:
    return making(actor)


def _reset_password(actor: Actor, target: Target) -> Refusal | None:
    user = target.instance
    return taking_over(actor, user) if isinstance(user, User) else None


def _update_user(actor: Actor, target: Target) -> Refusal | None:
    """Enabling and another name share their action with harmless changes."""
    user = target.instance
    if not isinstance(user, User):
        return None
    if "name" in target.change:
        return renaming(actor, user, target.change["name"])
    return taking_over(actor, user) if target.verb == "enable" else None


def _add_member(actor: Actor, target: Target) -> Refusal | None:
    if not isinstance(target.instance, Group) or actor.is_root:
        return None
    attached = PolicyAttachment.objects.filter(group=target.instance)
    return giving(actor, documents_of(attached))


def _of_group(actor: Actor, target: Target) -> Refusal | None:
    """Removing a member and deleting a group end what it denies."""
    if not isinstance(target.instance, Group):
        return None
    return releasing(actor, PolicyAttachment.objects.filter(group=target.instance))


def _update_policy(actor: Actor, target: Target) -> Refusal | None:
    policy = target.instance
    if actor.is_root or not isinstance(policy, Policy):
        return None
    agencies = list(policy.attachments.values_list("agency", flat=True))
    refused = _of_an_agency(actor, agencies)
    if refused is not None or not agencies or "document" not in target.change:
        return refused
    return rewriting(actor, target.change["document"], policy.document)


def _delete_policy(actor: Actor, target: Target) -> Refusal | None:
    policy = target.instance
    if actor.is_root or not isinstance(policy, Policy):
        return None
    attached = PolicyAttachment.objects.filter(policy=policy)
    refused = _of_an_agency(actor, list(attached.values_list("agency", flat=True)))
    return releasing(actor, attached) if refused is None else refused


def _of_an_agency(actor: Actor, agencies: list[Any]) -> Refusal | None:
    """What is attached to an agency is the main account's, like the agency."""
    if not any(agencies):
        return None
    return main_account_only(actor, reasons.POLICY_OF_AGENCY())


def _agencies(actor: Actor, _target: Target) -> Refusal | None:
    """Only the main account makes, changes and ends agencies."""
    return main_account_only(actor, reasons.AGENCIES_OF_MAIN_ACCOUNT())


def _attach(actor: Actor, target: Target) -> Refusal | None:
    """``target.change["document"]``: what would be attached."""
    if isinstance(target.instance, Agency) and not actor.is_root:
        return _agencies(actor, target)
    document = target.change.get("document")
    return giving(actor, [document]) if document is not None else None


def _detach(actor: Actor, target: Target) -> Refusal | None:
    """``target.change["attachment"]``: the id of what would end."""
    if isinstance(target.instance, Agency) and not actor.is_root:
        return _agencies(actor, target)
    attachment = target.change.get("attachment")
    if attachment is None:
        return None
    return releasing(actor, PolicyAttachment.objects.filter(pk=attachment))


def _update_account(actor: Actor, _target: Target) -> Refusal | None:
    """Strict mode is all that there is to change."""
    return main_account_only(
        actor,
        reasons.STRICT_MODE(),
    )


_GUARDS: dict[str, access.Guard] = {
    "iam:accounts:updateAccount": _update_account,
    "iam:users:createUser": _make_user,
    "iam:users:resetPassword": _reset_password,
    "iam:users:updateUser": _update_user,
    "iam:groups:addUser": _add_member,
    "iam:groups:removeUser": _of_group,
    "iam:groups:deleteGroup": _of_group,
    "iam:policies:updatePolicy": _update_policy,
    "iam:policies:deletePolicy": _delete_policy,
    "iam:policies:attachPolicy": _attach,
    "iam:policies:detachPolicy": _detach,
    "iam:agencies:createAgency": _agencies,
    "iam:agencies:updateAgency": _agencies,
    "iam:agencies:deleteAgency": _agencies,
}
