"""Everything about one caller that decisions need, loaded once per change of rights.

A ``Principal`` is immutable but for its memo. It counts for the epoch it was loaded in, so one made
before a change of rights is never asked again; the one loaded after it takes its place. The cache
drops the least recently used.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any
from uuid import UUID

from django.db.models import IntegerField, QuerySet, TextField, Value
from django.db.models.functions import Cast

from accounts import engine, reasons
from accounts.agency.models import Agency
from accounts.facts import AccountFacts
from accounts.policy.models import PolicyAttachment
from accounts.policy.system import system_policies
from accounts.user.models import User
from core.access import Decision
from core.actor import Actor
from core.prepared import Prepared

CACHE_SIZE = 4096
#: answers that one principal keeps, and all of this process together
MEMO_SIZE = 4096
ANSWERS = 32_768
COUNT_EVERY = 256  # answers between two looks at how many there are


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
            return reasons.AGENCY_REVOKED(agency=self.name)
        if self.expires_at is not None and self.expires_at <= now:
            ended = f"{self.expires_at:%Y-%m-%d %H:%M}"
            return reasons.AGENCY_ENDED(agency=self.name, ended=ended)
        if self.grantee_id is not None and self.grantee_id != user_id:
            return reasons.AGENCY_OF_ANOTHER(agency=self.name)
        return ""


@dataclass(frozen=True, slots=True)
class Principal:
    """One user (with an agency, on their behalf) as of one epoch of their account."""

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
    #: the user's own tags
    tags: Mapping[str, str] = field(default_factory=dict)
    memo: dict[Any, Decision] = field(default_factory=dict)
    #: what the answers in the memo have in common, each thing once
    parts: dict[Any, Any] = field(default_factory=dict)

    def remember(self, key: tuple[Any, ...], found: Decision) -> None:
        """Keep an answer. Paths come from callers, so the memo is emptied before it grows large.

        Answers about many objects take the same steps with the same words: those are kept once,
        which is a third of the memory.
        """
        if len(self.memo) >= MEMO_SIZE:
            self.forget()
        once = self.parts.setdefault
        trace = tuple(once(step, step) for step in found.trace)
        self.memo[tuple(once(part, part) if part else part for part in key)] = Decision(
            found.allowed,
            once(found.action, found.action),
            found.step,
            once(found.reason, found.reason),
            once(trace, trace),
            found.missing,
            once(found.statement, found.statement),
            found.id,
        )
        if next(_added) % COUNT_EVERY == 0:
            _make_room()

    def forget(self) -> None:
        """Drop every answer."""
        self.memo.clear()
        self.parts.clear()

    @property
    def label(self) -> str:
        return reasons.USER_OF_ACCOUNT(user=self.username, account=self.account.name)


_cache: OrderedDict[tuple[str, UUID, UUID | None], Principal] = OrderedDict()
_lock = Lock()
_added = itertools.count(1)


def principal_of(actor: Actor, account: AccountFacts) -> Principal | None:
    """The caller as of now; None when the user is not (or no longer) in that account."""
    assert actor.user_id is not None  # the engine asks for users only
    key = (account.id, actor.user_id, actor.agency_id)
    with _lock:
        found = _cache.get(key)
        if found is not None and found.account.epoch == account.epoch:
            _cache.move_to_end(key)
            return found
    loaded = _load(account, actor.user_id, actor.agency_id)
    if loaded is None:
        return None
    with _lock:
        _cache[key] = loaded
        _cache.move_to_end(key)
        while len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
    return loaded


def answers_kept() -> int:
    """How many answers this process keeps for all its principals."""
    with _lock:
        return sum(len(principal.memo) for principal in _cache.values())


def _make_room() -> None:
    """Above the bound those who have not asked for longest lose their answers, until three quarters
    of it are left: a process that serves many people over many objects must not keep growing."""
    with _lock:
        kept = sum(len(principal.memo) for principal in _cache.values())
        if kept <= ANSWERS:
            return
        for principal in _cache.values():
            kept -= len(principal.memo)
            principal.forget()
            if kept <= ANSWERS * 3 // 4:
                return


def _load(account: AccountFacts, user_id: UUID, agency_id: UUID | None) -> Principal | None:
    row = _USER.row(user_id=user_id, account_id=account.id)
    if row is None:
        return None
    name, is_root, is_active, must_change, tags = row
    identity = engine.compile_policies([] if is_root else identity_policies(account.id, user_id))
    agency = _agency(account.id, agency_id) if agency_id is not None else None
    policies = [*identity.policies, *(agency.policies.policies if agency else ())]
    keys = frozenset[str]().union(*(p.document.condition_keys for p in policies))
    return Principal(
        account, user_id, name, is_root, is_active, must_change, identity, agency_id, agency, keys,
        json.loads(tags),
    )  # fmt: skip


def identity_policies(account_id: str, user_id: UUID) -> list[engine.Policy]:
    """What is attached to the user and to their groups."""
    rows = _OF_USER.rows(account_id=account_id, user_id=user_id)
    # The user's own first, then the groups', each in the order in which they were attached.
    return _compiled(row[2:] for row in sorted(rows, key=lambda row: row[:2]))


def agency_policies(account_id: str, agency_id: UUID) -> list[engine.Policy]:
    return _compiled(row[2:] for row in _OF_AGENCY.rows(account_id=account_id, agency_id=agency_id))


def documents_of(attached: QuerySet[PolicyAttachment]) -> list[engine.PolicyDocument]:
    """The documents of attachments, for asking what they would give."""
    return [policy.document for policy in _compiled(row[2:] for row in _columns(attached))]


def _columns(attached: QuerySet[PolicyAttachment], part: int = 0) -> QuerySet[Any, Any]:
    """What is needed of an attachment, after ``part`` and its id, which give the order. The
    document comes as text, unparsed: see ``_document``."""
    text = Cast("policy__document", TextField())
    return attached.values_list(
        Value(part, IntegerField()),
        "id", "system", "policy", "policy__name", "policy__revision", text,
    )  # fmt: skip


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
        .values_list(
            "name", "is_root", "is_active", "must_change_password", Cast("tags", TextField())
        )
    ),
    user_id=User._meta.get_field("id"),
    account_id=_ACCOUNT_ID,
)
# One statement: the first decision after a change of rights waits for every one of them.
_OF_USER = Prepared(
    lambda account_id, user_id: _columns(
        PolicyAttachment.objects.filter(user=user_id, account_id=account_id)
    ).union(
        _columns(
            PolicyAttachment.objects.filter(
                group__memberships__user=user_id, account_id=account_id
            ),
            part=1,
        ),
        all=True,
    ),
    user_id=User._meta.get_field("id"),
    account_id=_ACCOUNT_ID,
)
_OF_AGENCY = Prepared(
    lambda account_id, agency_id: _columns(
        PolicyAttachment.objects.filter(agency=agency_id, account_id=account_id).order_by("id")
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
