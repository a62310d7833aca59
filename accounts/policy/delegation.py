"""Nobody hands out what he does not hold: the rule behind attaching, grouping and resetting.

For the main account there is nothing to check. For everybody else each action that a document
allows must be allowed to the one who gives it, on every resource and without conditions; that is
stricter than needed where both sides are narrowed in the same way, never laxer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from django.db.models import Q, QuerySet

from accounts import engine, facts
from accounts.actions import OPERATOR_ONLY
from accounts.policy.models import PolicyAttachment
from accounts.principal import documents_of, principal_of
from core import access
from core.access import Decision
from core.actor import Actor
from core.errors import AccessDenied


def lacking(actor: Actor, documents: Iterable[engine.PolicyDocument]) -> list[str]:
    """Actions that the documents allow and the actor does not hold, sorted."""
    if actor.is_root:
        return []
    catalog = engine.default_catalog()
    given: set[str] = set()
    for document in documents:
        for statement in document.statements:
            if statement.effect == "Allow" and not statement.never:
                for pattern in statement.actions:
                    given |= {a.name for a in catalog.matching(pattern)}
    asked = sorted(name for name in given if name.lower() not in OPERATOR_ONLY)
    return [name for name in asked if not _held_for_good(actor, name)]


def _held_for_good(actor: Actor, name: str) -> bool:
    """Allowed now, and it would be so at any time, from any place and on every resource: an Allow
    that is narrowed does not count, a Deny that is narrowed counts in full. Otherwise somebody
    could get rid of what narrows him by giving the bare right to a user he made."""
    if not access.decide(actor, name).allowed:
        return False
    account = facts.facts_of(actor.account_id or "")
    principal = principal_of(actor, account) if account is not None else None
    if account is None or principal is None:
        return False
    bare = engine.compile_policies([_bare(policy) for policy in principal.identity.policies])
    outcome = engine.evaluate(bare, engine.Request(name, account=account.id))
    if outcome.effect == "implicit_deny":
        return engine.allowed_by_default(name, strict=account.strict_mode)
    return outcome.allowed


def _bare(policy: engine.Policy) -> engine.Policy:
    """The policy without what narrows it."""
    statements = tuple(
        replace(statement, conditions=(), resources=None)
        for statement in policy.document.statements
        if statement.effect == "Deny"
        or not (statement.conditions or statement.resources or policy.scope)
    )
    document = replace(policy.document, statements=statements)
    return replace(policy, id=f"bare:{policy.id}", document=document, scope={})


def check(actor: Actor, action: str, documents: Iterable[engine.PolicyDocument]) -> None:
    """Raise AccessDenied when the actor would give away what he does not hold himself."""
    missing = lacking(actor, documents)
    if not missing:
        return
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    raise AccessDenied(
        Decision(
            False,
            action,
            "delegation",
            f"You cannot give others what you do not hold yourself: `{missing[0]}`{more}. "
            "Ask the main account to do this, or to give you these rights first.",
            missing=f"Allow {missing[0]}",
        )
    )


def check_release(actor: Actor, action: str, attached: QuerySet[PolicyAttachment]) -> None:
    """Raise AccessDenied when the actor would free himself of a deny.

    ``attached`` are the attachments about to end or to change.
    """
    if actor.is_root:
        return
    own = Q(user=actor.user_id) | Q(group__memberships__user=actor.user_id)
    documents = documents_of(attached.filter(own).distinct())
    denies = any(s.effect == "Deny" for d in documents for s in d.statements)
    if denies:
        raise AccessDenied(
            Decision(
                False,
                action,
                "delegation",
                "This would lift a deny that applies to yourself. Ask the main account.",
            )
        )
