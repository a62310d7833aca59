"""What a person holds for good, what documents give and what they deny: sets of action names.

The comparison is symbolic and errs on one side. Held is what is allowed at any time, from any
place and on every resource: an Allow that is narrowed does not count, a Deny that is narrowed
counts in full. Given and denied is whatever a statement speaks of, narrowed or not. So "given is
held" can be wrong in refusing, never in permitting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from accounts import engine, facts
from accounts.actions import OPERATOR_ONLY, SELF_SERVICE
from accounts.engine.matching import ANY_ACTION, action_matches, resource_pattern
from accounts.engine.model import DENY, Statement
from accounts.policy.models import PolicyAttachment
from accounts.principal import documents_of, principal_of
from accounts.user.models import User
from core.actor import Actor

Names = frozenset[str]
NOTHING: Names = frozenset()
#: distinct wildcard patterns that one question compares; beyond them it counts as not shown
MOST_PATTERNS = 2000


@dataclass(frozen=True, slots=True)
class Holdings:
    """``held`` may be given to others, ``liftable`` may be freed of a Deny by their holder.

    The second adds one's own sign-in, which everybody looks after unless a Deny says otherwise and
    which no policy needs to give. ``default`` is what every user of the account starts with.
    """

    held: Names
    liftable: Names
    default: Names
    #: patterns of every plain Allow and of every Deny, for actions that the catalogue lacks
    allowed: Names = NOTHING
    barred: Names = NOTHING

    def not_held(self, names: Names) -> Names:
        """Which of ``names`` may not be given to others."""
        return frozenset(n for n in names - self.held if not self._beyond(n))

    def not_liftable(self, names: Names) -> Names:
        """Which of ``names`` may not be freed of a Deny."""
        return frozenset(n for n in names - self.liftable if not self._beyond(n))

    def _beyond(self, name: str) -> bool:
        """Whether an action that no catalogue lists, and that a later release may ask for, is
        held: by patterns, because sets hold known names only."""
        if engine.default_catalog().action(name) is not None:
            return False
        return any(action_matches(p, name) for p in self.allowed) and not any(
            action_matches(p, name) for p in self.barred
        )


def holdings_of(actor: Actor) -> Holdings:
    """What ``actor`` holds now. The main account holds everything; work on a user's behalf
    carries no rights, so it holds nothing."""
    if actor.is_root and actor.agency_id is None:
        return Holdings(everything(), everything(), NOTHING)
    account = facts.facts_of(actor.account_id or "")
    principal = principal_of(actor, account) if account is not None else None
    if account is None or principal is None or actor.agency_id is not None:
        return Holdings(NOTHING, NOTHING, everything())
    documents = [p.document for p in principal.identity.policies]
    statements = [s for d in documents for s in d.statements]
    default = by_default(strict=account.strict_mode)
    return Holdings(
        surely(documents, default),
        surely(documents, default | own_sign_in()),
        default,
        _patterns(s for s in statements if s.effect != DENY and not _narrowed(s)),
        _patterns(s for s in statements if s.effect == DENY),
    )


def may_of(user: User) -> Names:
    """Everything that ``user`` may do somewhere, at some time, besides their own sign-in."""
    documents = documents_of(attached_to(user))
    account = facts.facts_of(user.account_id)
    strict = account is None or account.strict_mode
    return may(documents, by_default(strict=strict))


def may(documents: list[engine.PolicyDocument], default: Names) -> Names:
    """What the documents and the account's default allow somewhere, at some time."""
    return (given(documents) | default) - _denied_for_good(documents)


def surely(documents: list[engine.PolicyDocument], default: Names) -> Names:
    """What the documents and the account's default allow at any time and on every resource."""
    statements = [s for d in documents for s in d.statements]
    plain = _names(s for s in statements if s.effect != DENY and not _narrowed(s)) or NOTHING
    return (plain | default) - denied(documents)


def own_sign_in_of(user: User) -> Names:
    """What ``user`` may do about their own sign-in."""
    return own_sign_in() - _denied_for_good(documents_of(attached_to(user)))


def attached_to(user: User) -> QuerySet[PolicyAttachment]:
    """What is attached to a user and to the user's groups."""
    own = Q(user=user) | Q(group__memberships__user=user)
    return PolicyAttachment.objects.filter(own)


def given(documents: Iterable[engine.PolicyDocument]) -> Names:
    """Every action that the documents allow to somebody, under whatever condition."""
    found = _names(s for d in documents for s in d.statements if s.effect != DENY)
    return everything() if found is None else found


def denied(documents: Iterable[engine.PolicyDocument]) -> Names:
    """Every action that the documents deny, under whatever condition."""
    found = _names(s for d in documents for s in d.statements if s.effect == DENY)
    return everything() if found is None else found


def lifted(old: engine.PolicyDocument, new: engine.PolicyDocument) -> Names:
    """Actions of which ``old`` denies more than ``new`` does.

    A Deny stays where a Deny of ``new`` covers its actions on at least its resources and under at
    most its conditions, each written alike.
    """
    after = [s for s in new.statements if s.effect == DENY and not s.complement]
    shapes = [(s, frozenset(s.conditions), frozenset(s.resources or ())) for s in after]
    found: set[str] = set()
    for statement in old.statements:
        if statement.effect != DENY:
            continue
        conditions, resources = frozenset(statement.conditions), statement.resources
        stays = _names(
            s
            for s, under, on in shapes
            if under <= conditions
            and (s.resources is None or (resources is not None and on >= set(resources)))
        )
        before = _names([statement])
        found |= (everything() if before is None else before) - (stays or NOTHING)
    return frozenset(found)


def by_default(*, strict: bool) -> Names:
    """What every user of an account may do although no policy speaks about it."""
    return frozenset(n for n in everything() if engine.allowed_by_default(n, strict=strict))


def own_sign_in() -> Names:
    """What everybody may do about their own sign-in."""
    return frozenset(n for n in everything() if n.lower() in SELF_SERVICE)


def everything() -> Names:
    """Every known action but those of the operator's main account, which no policy gives."""
    return engine.default_catalog().covered(ANY_ACTION) - _operators()


def _operators() -> Names:
    known = map(engine.default_catalog().action, OPERATOR_ONLY)
    return frozenset(a.name for a in known if a is not None)


def _denied_for_good(documents: Iterable[engine.PolicyDocument]) -> Names:
    """What the documents deny at any time, from any place and on every resource."""
    statements = (s for d in documents for s in d.statements)
    return _names(s for s in statements if s.effect == DENY and not _narrowed(s)) or NOTHING


def _names(statements: Iterable[Statement]) -> Names | None:
    """The actions that statements speak of, those written out whether the catalogue knows them or
    not; None when there are too many patterns to compare. A statement that could not be read may
    speak of anything."""
    catalog = engine.default_catalog()
    patterns: set[str] = set()
    for statement in statements:
        if statement.complement:
            return everything()
        if not statement.never:
            patterns.update(statement.actions)
    if sum("*" in p for p in patterns) > MOST_PATTERNS:
        return None
    written = frozenset(p for p in patterns if "*" not in p and catalog.action(p) is None)
    return written.union(*map(catalog.covered, patterns)) - _operators()


def _patterns(statements: Iterable[Statement]) -> Names:
    """The patterns of statements; of one that could not be read, that of every action."""
    found: set[str] = set()
    for statement in statements:
        if statement.complement:
            found.add(ANY_ACTION)
        elif not statement.never:
            found.update(statement.actions)
    return frozenset(found)


def _narrowed(statement: Statement) -> bool:
    if statement.conditions or statement.complement:
        return True
    if statement.resources is None:
        return False
    patterns = map(resource_pattern, statement.resources)
    return not any(p is not None and p.is_universal("") and p.service == "*" for p in patterns)
