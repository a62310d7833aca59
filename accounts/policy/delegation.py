"""Delegation is a closure: a person and everybody they can make or take over can do no more than
the person alone.

Two local rules give it (docs/mechanisms/access.md, "Delegation", has the argument):

1. Who gives rights, makes a user, takes one over or changes whom a name means holds what that
   gives, defaults of the account included.
2. Who lifts, narrows or removes a Deny from anybody holds what it denies.

What may be asked about an object beforehand is a guard of the one decision (``register``), so a
page shows the refusal before anybody tries. What depends on a document or on an attachment is
asked by the writers, with the functions below.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from accounts import engine
from accounts.agency.models import Agency
from accounts.group.models import Group
from accounts.policy import holdings
from accounts.policy.holdings import Names, holdings_of
from accounts.policy.models import Policy, PolicyAttachment
from accounts.principal import documents_of
from accounts.user.models import User
from core import access
from core.access import Decision, Target
from core.actor import Actor
from core.errors import AccessDenied
from core.models import Resource

STEP = "delegation"
MAIN_ACCOUNT = (
    "Only the main account configures agencies, because an agency may hold any right of the "
    "account. Sign in as the main account."
)
#: condition keys that say who calls by a name which users change
NAME_KEYS = frozenset({"g:username", "g:principalurn"})
#: condition keys that a tag key follows: of the object, and of the user who calls
TAG_KEYS = ("g:resourcetag", "g:principaltag")


# -- decisions ------------------------------------------------------------------------------------


def giving(
    actor: Actor, action: str, documents: Iterable[engine.PolicyDocument]
) -> Decision | None:
    """The refusal when the documents allow what ``actor`` does not hold; None when they do not."""
    if actor.is_root:
        return None
    missing = holdings_of(actor).not_held(holdings.given(documents))
    return _refusal(
        action,
        missing,
        "You cannot give others what you do not hold yourself: {rights}. "
        "Ask the main account to do this, or to give you these rights first.",
    )


def lifting(
    actor: Actor, action: str, documents: Iterable[engine.PolicyDocument]
) -> Decision | None:
    """The refusal when a Deny of the documents covers what ``actor`` does not hold."""
    return _lifting(actor, action, holdings.denied(documents))


def releasing(actor: Actor, action: str, attached: QuerySet[PolicyAttachment]) -> Decision | None:
    """``lifting`` of attachments that are about to end."""
    return None if actor.is_root else lifting(actor, action, documents_of(attached))


def narrowing(
    actor: Actor, action: str, old: engine.PolicyDocument, new: engine.PolicyDocument
) -> Decision | None:
    """``lifting`` of what ``old`` denies and ``new`` would deny less."""
    return None if actor.is_root else _lifting(actor, action, holdings.lifted(old, new))


def making(actor: Actor, action: str) -> Decision | None:
    """The refusal when a fresh user may do what ``actor`` may not: what the account lets everybody
    do by default, and the own sign-in."""
    if actor.is_root:
        return None
    own = holdings_of(actor)
    missing = (own.default - own.held) | (holdings.own_sign_in() - own.liftable)
    return _refusal(
        action,
        missing,
        "Every new user of this account may do what you may not: {rights}. "
        "Ask the main account to make the user.",
    )


def taking_over(actor: Actor, action: str, user: User) -> Decision | None:
    """The refusal when ``user`` may do what ``actor`` does not hold: who resets, enables or renames
    somebody may act as them."""
    if actor.is_root or user.pk == actor.user_id:
        return None
    if user.is_root:
        return _no(action, STEP, "Only the main account may do this to itself.")
    own = holdings_of(actor)
    missing = own.not_held(holdings.may_of(user))
    missing |= own.not_liftable(holdings.own_sign_in_of(user))
    return _refusal(
        action,
        missing,
        "User “{name}” may do what you do not hold yourself: {rights}. "
        "Ask the main account to do this.",
        name=user.name,
    )


def renaming(actor: Actor, action: str, user: User) -> Decision | None:
    """The refusal of another name for ``user``: a condition on the name must follow nobody.

    Conditions compare the name as it is at the request, so another name can bring an Allow or end
    a Deny that speaks of it. Both have to be the actor's to give and to lift; agencies that work
    for the user count as well.
    """
    found = taking_over(actor, action, user)
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
    found = giving(actor, action, named)
    if found is None:  # not "or": a refusal counts as false
        found = lifting(actor, action, named)
    if found is None:
        return None
    reason = (
        f"A policy of user “{user.name}” asks for the user's name (`g:UserName`), and speaks of "
        f"what you do not hold yourself: {found.missing.removeprefix('Allow ')}. "
        "Ask the main account to change the name."
    )
    return replace(found, reason=reason)


def retagging(
    actor: Actor, action: str, row: Resource, before: Mapping[str, str]
) -> Decision | None:
    """The refusal of other tags for ``row`` where a policy of its account asks for them.

    Another value can bring an Allow or end a Deny, for anybody. Both have to be the actor's to give
    and to lift. Tags that no policy asks for are free.
    """
    if actor.is_root or not actor.is_user:
        return None
    tags: Mapping[str, str] = row.tags
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
    found = giving(actor, action, asking)
    if found is None:
        found = lifting(actor, action, asking)
    if found is None:
        return None
    reason = (
        f"A policy of this account asks for a tag that would change "
        f"({', '.join(f'`{key}`' for key in sorted(changed))}), and speaks of what you do not hold "
        f"yourself: {found.missing.removeprefix('Allow ')}. Ask the main account to change the tag."
    )
    return replace(found, reason=reason)


def check(actor: Actor, action: str, documents: Iterable[engine.PolicyDocument]) -> None:
    """Raise AccessDenied when the actor would give away what they do not hold."""
    enforce(giving(actor, action, documents))


def enforce(refused: Decision | None) -> None:
    """Raise AccessDenied with the refusal, if there is one."""
    if refused is not None:
        raise AccessDenied(refused)


def _lifting(actor: Actor, action: str, names: Names) -> Decision | None:
    if actor.is_root:
        return None
    return _refusal(
        action,
        holdings_of(actor).not_liftable(names),
        "This would lift a Deny of what you do not hold yourself: {rights}. "
        "Ask the main account to do this.",
    )


def _refusal(action: str, missing: Names, words: str, **more: str) -> Decision | None:
    if not missing:
        return None
    first = min(missing)
    rights = f"`{first}`" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
    reason = words.format(rights=rights, **more)
    return _no(action, STEP, reason, missing=f"Allow {first}")


def _no(action: str, step: str, reason: str, *, missing: str = "") -> Decision:
    return Decision(False, action, step, reason, missing=missing, guarded=True)


def _about(document: engine.PolicyDocument, keys: frozenset[str]) -> engine.PolicyDocument:
    """What of a document asks for one of the condition keys."""
    kept = tuple(s for s in document.statements if any(c.key.lower() in keys for c in s.conditions))
    return replace(document, statements=kept)


# -- guards ---------------------------------------------------------------------------------------


def main_account_only(actor: Actor, action: str, reason: str) -> Decision | None:
    """The refusal for everybody but the main account."""
    return None if actor.is_root else _no(action, "main_account", reason)


def register() -> None:
    """Tell the one decision what may be asked about an object beforehand."""
    for action, check in _GUARDS.items():
        access.guard(action, check)
    access.guard_tags(retagging)


def _make_user(actor: Actor, _target: Target) -> Decision | None:
    return making(actor, "iam:users:createUser")


def _reset_password(actor: Actor, target: Target) -> Decision | None:
    user = target.instance
    return taking_over(actor, "iam:users:resetPassword", user) if isinstance(user, User) else None


def _update_user(actor: Actor, target: Target) -> Decision | None:
    """Enabling shares its action with harmless changes."""
    user = target.instance
    if target.verb != "enable" or not isinstance(user, User):
        return None
    return taking_over(actor, "iam:users:updateUser", user)


def _add_member(actor: Actor, target: Target) -> Decision | None:
    if not isinstance(target.instance, Group):
        return None
    attached = PolicyAttachment.objects.filter(group=target.instance)
    return None if actor.is_root else giving(actor, "iam:groups:addUser", documents_of(attached))


def _remove_member(actor: Actor, target: Target) -> Decision | None:
    return _of_group(actor, "iam:groups:removeUser", target)


def _delete_group(actor: Actor, target: Target) -> Decision | None:
    return _of_group(actor, "iam:groups:deleteGroup", target)


def _of_group(actor: Actor, action: str, target: Target) -> Decision | None:
    if not isinstance(target.instance, Group):
        return None
    return releasing(actor, action, PolicyAttachment.objects.filter(group=target.instance))


def _update_policy(actor: Actor, target: Target) -> Decision | None:
    return _of_an_agency(actor, "iam:policies:updatePolicy", target)


def _delete_policy(actor: Actor, target: Target) -> Decision | None:
    action = "iam:policies:deletePolicy"
    refused = _of_an_agency(actor, action, target)
    if refused is not None or not isinstance(target.instance, Policy):
        return refused
    return releasing(actor, action, PolicyAttachment.objects.filter(policy=target.instance))


def _of_an_agency(actor: Actor, action: str, target: Target) -> Decision | None:
    """What is attached to an agency is the main account's, like the agency."""
    policy = target.instance
    if actor.is_root or not isinstance(policy, Policy):
        return None
    if not policy.attachments.filter(agency__isnull=False).exists():
        return None
    return main_account_only(
        actor, action, "Only the main account changes a policy that is attached to an agency."
    )


def _agencies(action: str) -> access.Guard:
    """Only the main account makes, changes and ends agencies, and attaches policies to them."""

    def guard(actor: Actor, target: Target) -> Decision | None:
        if not action.startswith("iam:agencies:") and not isinstance(target.instance, Agency):
            return None
        return main_account_only(actor, action, MAIN_ACCOUNT)

    return guard


def _update_account(actor: Actor, _target: Target) -> Decision | None:
    """Strict mode is all that there is to change."""
    return main_account_only(
        actor,
        "iam:accounts:updateAccount",
        "Only the main account turns strict mode on or off: without it every user holds every "
        "right in ModelArts, also who turned it off. Sign in as the main account.",
    )


_GUARDS: dict[str, access.Guard] = {
    "iam:accounts:updateAccount": _update_account,
    "iam:users:createUser": _make_user,
    "iam:users:resetPassword": _reset_password,
    "iam:users:updateUser": _update_user,
    "iam:groups:addUser": _add_member,
    "iam:groups:removeUser": _remove_member,
    "iam:groups:deleteGroup": _delete_group,
    "iam:policies:updatePolicy": _update_policy,
    "iam:policies:deletePolicy": _delete_policy,
    **{
        action: _agencies(action)
        for action in (
            "iam:policies:attachPolicy",
            "iam:policies:detachPolicy",
            "iam:agencies:createAgency",
            "iam:agencies:updateAgency",
            "iam:agencies:deleteAgency",
        )
    },
}
