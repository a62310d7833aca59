"""Everything about one caller that decisions need, loaded once per change of rights.

A ``Principal`` is immutable but for its memo. It is found by (account, epoch, user, agency), so one
made before a change of rights is never looked at again; the cache drops the least recently used.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from accounts import engine
from accounts.agency.models import Agency
from accounts.facts import AccountFacts
from accounts.policy.models import PolicyAttachment
from accounts.policy.system import system_policies
from accounts.user.models import User
from core.actor import Actor
from core.prepared import Prepared

CACHE_SIZE = 4096
MEMO_SIZE = 4096


@dataclass(frozen=True, slots=True)
class AgencyFacts:
    """An agency and the policies attached to it."""

    id: UUID
    name: str
    expires_at: dt.datetime | None
    revoked: bool
    grantee_id: UUID | None
    policies: engine.CompiledPolicies

    def lost(self, user_id: UUID, now: dt.datetime) -> str:
        """Why the agency no longer carries work for this user; "" while it does."""
        if self.revoked:
            return "was revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return f"ended at {self.expires_at:%Y-%m-%d %H:%M} UTC"
        if self.grantee_id is not None and self.grantee_id != user_id:
            return "is for another user"
        return ""


@dataclass(frozen=True, slots=True)
class Principal:
    """One user (with an agency, on his behalf) as of one epoch of his account."""

    account: AccountFacts
    user_id: UUID
    username: str
    is_root: bool
    is_active: bool
    must_change_password: bool
    identity: engine.CompiledPolicies
    agency_id: UUID | None
    agency: AgencyFacts | None
    #: condition keys that any of the policies names, lower case
    keys: frozenset[str]
    memo: dict[Any, Any] = field(default_factory=dict)

    def remember(self, key: object, value: object) -> None:
        """Keep an answer. Paths come from callers, so the memo is emptied before it grows large."""
        if len(self.memo) >= MEMO_SIZE:
            self.memo.clear()
        self.memo[key] = value

    @property
    def label(self) -> str:
        return f"User “{self.username}” of account “{self.account.name}”"


_cache: OrderedDict[tuple[str, int, UUID, UUID | None], Principal] = OrderedDict()
_lock = Lock()


def principal_of(actor: Actor, account: AccountFacts) -> Principal | None:
    """The caller as of now; None when the user is not (or no longer) in that account."""
    assert actor.user_id is not None  # the engine asks for users only
    key = (account.id, account.epoch, actor.user_id, actor.agency_id)
    found = _cache.get(key)
    if found is not None:
        return found
    loaded = _load(account, actor.user_id, actor.agency_id)
    if loaded is None:
        return None
    with _lock:
        _cache[key] = loaded
        while len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
    return loaded


def _load(account: AccountFacts, user_id: UUID, agency_id: UUID | None) -> Principal | None:
    row = _USER.row(user_id=user_id, account_id=account.id)
    if row is None:
        return None
    name, is_root, is_active, must_change = row
    identity = engine.compile_policies([] if is_root else identity_policies(account.id, user_id))
    agency = _agency(account.id, agency_id) if agency_id is not None else None
    policies = [*identity.policies, *(agency.policies.policies if agency else ())]
    keys = frozenset[str]().union(*(p.document.condition_keys for p in policies))
    return Principal(
        account, user_id, name, is_root, is_active, must_change, identity, agency_id, agency, keys
    )


def identity_policies(account_id: str, user_id: UUID) -> list[engine.Policy]:
    """What is attached to the user himself and to his groups."""
    return _compiled(
        [
            *_OF_USER.rows(account_id=account_id, user_id=user_id),
            *_OF_GROUPS.rows(account_id=account_id, user_id=user_id),
        ]
    )


def agency_policies(account_id: str, agency_id: UUID) -> list[engine.Policy]:
    return _compiled(_OF_AGENCY.rows(account_id=account_id, agency_id=agency_id))


def documents_of(attached: QuerySet[PolicyAttachment]) -> list[engine.PolicyDocument]:
    """The documents of attachments, for asking what they would give."""
    return [policy.document for policy in _compiled(_columns(attached))]


def _columns(attached: QuerySet[PolicyAttachment]) -> QuerySet[Any, Any]:
    """What is needed of an attachment. The document comes as text, unparsed: see ``_document``."""
    text = Cast("policy__document", TextField())
    return attached.order_by("id").values_list(
        "system", "policy", "policy__name", "policy__revision", text
    )


@lru_cache(maxsize=8192)
def _document(text: str | None) -> engine.PolicyDocument:
    """A stored document. Kept by its own text, so a kept one can never be another's."""
    return engine.load_stored(text)


def _compiled(rows: Iterable[tuple[Any, ...]]) -> list[engine.Policy]:
    found: dict[str, engine.Policy] = {}
    for system, policy_id, name, revision, text in rows:
        if system:
            shipped = system_policies().get(system)
            policy = (
                shipped.compiled
                if shipped is not None
                # A system policy that a later release no longer ships may have held a Deny.
                else engine.Policy(f"system:{system}", "0", system, engine.load_stored(None))
            )
        else:
            policy = engine.Policy(
                id=str(policy_id),
                version=str(revision),
                name=name or "",
                document=_document(text),
            )
        found[policy.id] = policy
    return list(found.values())


_ACCOUNT_ID = PolicyAttachment._meta.get_field("account").target_field
_USER = Prepared(
    lambda user_id, account_id: (
        User.objects.unscoped("who is asking")
        .filter(pk=user_id, account_id=account_id)
        .values_list("name", "is_root", "is_active", "must_change_password")
    ),
    user_id=User._meta.get_field("id"),
    account_id=_ACCOUNT_ID,
)
_OF_USER = Prepared(
    lambda account_id, user_id: _columns(
        PolicyAttachment.objects.filter(user=user_id, account_id=account_id)
    ),
    user_id=User._meta.get_field("id"),
    account_id=_ACCOUNT_ID,
)
_OF_GROUPS = Prepared(
    lambda account_id, user_id: _columns(
        PolicyAttachment.objects.filter(group__memberships__user=user_id, account_id=account_id)
    ),
    user_id=User._meta.get_field("id"),
    account_id=_ACCOUNT_ID,
)
_OF_AGENCY = Prepared(
    lambda account_id, agency_id: _columns(
        PolicyAttachment.objects.filter(agency=agency_id, account_id=account_id)
    ),
    agency_id=Agency._meta.get_field("id"),
    account_id=_ACCOUNT_ID,
)


def _agency(account_id: str, agency_id: UUID) -> AgencyFacts | None:
    row = (
        Agency.objects.unscoped("who is asking")
        .filter(pk=agency_id, account_id=account_id)
        .values_list("name", "expires_at", "revoked_at", "grantee")
        .first()
    )
    if row is None:
        return None
    name, expires_at, revoked_at, grantee_id = row
    return AgencyFacts(
        agency_id,
        name,
        expires_at,
        revoked_at is not None,
        grantee_id,
        engine.compile_policies(agency_policies(account_id, agency_id)),
    )
