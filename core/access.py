"""The only place that asks whether somebody may do something.

``decide()`` is the one question; the engine named by ``settings.MODELYARD_ACCESS_ENGINE`` answers
it, so the kernel imports no other room. Default deny: no engine, an unknown action or an error
inside the engine is a deny.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Model, Q
from django.utils.module_loading import import_string

from core import messages, witness
from core.actor import Actor
from core.errors import AccessDenied, NotAuthenticated
from core.grants import Walk

if TYPE_CHECKING:
    from core.models import Resource

log = logging.getLogger("modelyard.access")

Context = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the evaluation order and what it found."""

    name: str
    outcome: str  # pass | allow | deny | skip
    text: str


_PROCESS = secrets.token_hex(5)
_numbers = itertools.count(secrets.randbelow(1 << 16))


os.register_at_fork(after_in_child=lambda: _reseed())


def _reseed() -> None:
    """A forked worker must not go on with its parent's ids."""
    global _PROCESS
    _PROCESS = secrets.token_hex(5)


def new_id() -> str:
    """An id for one decision: unique over all processes, and a quarter of a uuid4's price."""
    return f"{_PROCESS}{next(_numbers):08x}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, the step that decided, a sentence for people, and every step taken."""

    allowed: bool
    action: str
    step: str
    reason: str
    trace: tuple[Step, ...] = ()
    missing: str = ""  # the smallest right that would change a deny, "" if none would
    statement: str = ""  # policy and statement that decided, where one did
    id: str = field(default_factory=lambda: new_id())
    guarded: bool = False  # policies allow it, a guard refused it

    def __bool__(self) -> bool:  # a Decision in a boolean place means its answer
        return self.allowed

    def explanation(self) -> dict[str, Any]:
        """What a 403 page and an API body show."""
        return {
            "decision_id": self.id,
            "action": self.action,
            "step": self.step,
            "reason": self.reason,
            "statement": self.statement,
            "missing": self.missing,
            "trace": [[s.name, s.outcome, s.text] for s in self.trace],
        }


class Target(NamedTuple):
    """What is acted on, for actions on things that are no row (a type, an object key).

    Every question makes one, so it is a tuple: it cannot be changed, and is made in a third of the
    time of a frozen dataclass.
    """

    account_id: str | None
    path: str = ""  # path part of the resource name, e.g. "bucket/key"
    region: str = ""
    instance: Model | None = None
    own_only: bool = False  # whatever a share contains, only the owner's account may do this
    #: what holds it: conditions ask for the tags and the workspace of a bucket, not of a key in it
    holder: Model | None = None
    verb: str = ""  # the declared verb, where several share one action
    #: what the act changes, for guards: of a row its columns and their values before; of others
    #: what the guard of the action says
    change: Mapping[str, Any] = MappingProxyType({})

    @property
    def described(self) -> Model | None:
        """The row whose tags and workspace count."""
        return self.instance if self.holder is None else self.holder

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags that count."""
        return getattr(self.described, "tags", None) or {}


@dataclass(frozen=True, slots=True)
class Scope:
    """Row filters of a list: own rows and rows shared by others. ``None`` = nothing.

    A list takes one branch for each of ``workspaces``, so that each is read in the order of its
    index.

    ``walk()`` is ``shared`` once more, in the order of an index, or None where there is no such
    index. It asks the database, so only who lists shared rows calls it.
    """

    own: Q | None
    shared: Q | None
    workspaces: tuple[str, ...] = ()  # whose rows ``own`` reaches; () = not told apart
    walk: Callable[[], Walk | None] = lambda: None


class Engine(Protocol):
    """What answers. Implemented by the accounts room."""

    def decide(self, actor: Actor, action: str, target: Target, context: Context) -> Decision: ...

    def standing(self, actor: Actor) -> Decision: ...

    def scope(self, actor: Actor, action: str, model: type[Resource]) -> Scope: ...

    def hold(self, actor: Actor, accounts: Mapping[str, bool]) -> None:
        """Lock the rights of ``accounts`` until the transaction ends, against changes (False) or
        against every other writer (True), then read rights and credential of ``actor`` anew.

        Raises NotAuthenticated: what the actor signed in with has ended.
        """


@lru_cache(maxsize=1)
def _engine() -> Engine:
    return import_string(settings.MODELYARD_ACCESS_ENGINE)()  # type: ignore[no-any-return]


def as_target(actor: Actor, target: object) -> Target:
    """Normalise what callers pass: a Target, a row, or None for "in my own account"."""
    if isinstance(target, Target):
        return target
    if target is None:
        return Target(account_id=actor.account_id, region=actor.region)
    if isinstance(target, Model):
        held_by: str = getattr(target, "HOLDER", "")
        return Target(
            account_id=getattr(target, "account_id", None),
            path=getattr(target, "access_path", ""),
            region=getattr(target, "region", ""),
            instance=target,
            holder=getattr(target, held_by) if held_by else None,
        )
    raise TypeError(f"decide() takes a row, a Target or None, not {type(target).__name__}")


#: the key of the tags that a request names; an empty value says that it names none
TAG_KEYS = "g:TagKeys"


def request_tags(tags: Mapping[str, str], before: Mapping[str, str] | None = None) -> Context:
    """What a policy may ask about the tags that a request gives to a row that had those
    ``before``: which keys it names, removed ones included, and which values."""
    gone = set(before or ()) - set(tags)
    named = {f"g:RequestTag/{key}": value for key, value in tags.items()}
    return {TAG_KEYS: tuple(sorted({*tags, *gone})), **named}


def about(
    actor: Actor,
    obj: Model,
    *,
    own_only: bool = False,
    verb: str = "",
    change: Mapping[str, Any] | None = None,
) -> Target:
    """A row as a target; ``own_only`` where no share can ever open the act in question. ``verb``
    tells acts apart that share an action, ``change`` is what guards look at."""
    return as_target(actor, obj)._replace(own_only=own_only, verb=verb, change=change or {})


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a guard says no with: the step it takes in the evaluation, a sentence for people, and
    the smallest right that would change it."""

    step: str
    reason: str
    missing: str = ""


#: says no to what policies allow, or None; main account included, so it looks itself
Guard = Callable[[Actor, Target], Refusal | None]

_guards: dict[str, Guard] = {}
_column_guards: dict[str, Guard] = {}


def guard(action: str, check: Guard) -> None:
    """Ask ``check`` whenever the engine allows ``action``. One guard per action.

    A guard is a rule that no policy expresses ("who gives holds"). Pages, API and services ask
    ``decide``, so all of them see its refusal, and the trace ends with its step. It builds no
    decision itself.
    """
    assert _guards.setdefault(action, check) is check, f"{action} has a guard already"


def guard_column(column: str, check: Guard) -> None:
    """Ask ``check`` whenever the engine allows another value in ``column`` of any row, under
    whatever action. ``target.change`` holds the value before, the row the new one."""
    known = _column_guards.setdefault(column, check)
    assert known is check, f"column {column} has a guard already"


def held_back(decision: Decision) -> bool:
    """Whether policies allow the act and a guard refused it. Pages show such an act greyed, with
    the reason, instead of leaving it out."""
    return not decision.allowed and decision.guarded


def _guarded(found: Decision, actor: Actor, target: Target) -> Decision:
    """What the guards make of an allowed action."""
    checks = [_guards.get(found.action), *map(_column_guards.get, target.change)]
    for check in checks:
        refused = check(actor, target) if check is not None else None
        if refused is not None:
            last = Step(refused.step, "deny", refused.reason)
            return Decision(
                False, found.action, refused.step, refused.reason, (*found.trace, last),
                missing=refused.missing, guarded=True,
            )  # fmt: skip
    return found


def decide(
    actor: Actor, action: str, target: object = None, context: Context | None = None
) -> Decision:
    """May ``actor`` do ``action`` on ``target``? Never raises: an error inside is a deny.

    A row may know values that conditions ask about; its ``access_context`` joins ``context``.
    """
    try:
        normal = as_target(actor, target)
        if _held.get()[0]:
            _hold_owner(actor, normal)
        known: Context | None = getattr(normal.instance, "access_context", None)
        asked = {**known, **(context or {})} if known else context or {}
        found = _engine().decide(actor, action, normal, asked)
        if found.allowed and (action in _guards or normal.change):
            return _guarded(found, actor, normal)
        return found
    except Exception:
        log.exception("access engine failed on %s for %s", action, actor.label)
        return _broken(action)


def _broken(action: str) -> Decision:
    return Decision(False, action, "error", messages.NOT_DECIDED())


def standing(actor: Actor) -> Decision:
    """May ``actor`` do anything at all now: signed in, active, and no temporary password?"""
    try:
        return _engine().standing(actor)
    except Exception:
        log.exception("access engine failed for %s", actor.label)
        return _broken("*")


def scope(actor: Actor, action: str, model: type[Resource]) -> Scope:
    """Row filters for a list under ``action``; an error inside is an empty list."""
    witness.note(action)
    try:
        return _engine().scope(actor, action, model)
    except Exception:
        log.exception("access engine failed on list %s for %s", action, actor.label)
        return Scope(None, None)


def authorize(
    actor: Actor, action: str, target: object = None, context: Context | None = None
) -> Decision:
    """The decision, if it is a yes.

    Raises:
        NotAuthenticated: no user is signed in.
        AccessDenied: the decision is a no; it travels with the exception.
    """
    if actor.kind == "anonymous":
        raise NotAuthenticated(messages.SIGN_IN_FIRST())
    witness.note(action)  # a question was asked, whatever the answer
    decision = decide(actor, action, target, context)
    if not decision.allowed:
        row = target.instance if isinstance(target, Target) else None
        raise AccessDenied(decision, target=row if row is not None else target)
    return decision


#: account id -> whether this transaction holds its rights alone; and whose credential was looked at
_held: ContextVar[tuple[Mapping[str, bool], str]] = ContextVar("modelyard_held", default=({}, ""))


@contextlib.contextmanager
def writing(
    actor: Actor, *, of: Iterable[str | None] = (), changes: Iterable[str | None] = ()
) -> Iterator[None]:
    """A transaction whose decisions hold until it commits. Ask inside it, about rows locked in it.

    Meanwhile no request changes the rights of the actor's account, nor of the accounts ``of`` whose
    objects are acted on; ``changes`` are accounts whose rights this transaction itself changes.
    It comes before every other lock (docs/mechanisms/access.md, "Under the lock"). For the platform
    itself it is a plain transaction.

    Raises:
        NotAuthenticated: token, session or password of the actor has ended since it was read.
        RuntimeError: rights would be changed inside a transaction that only keeps them still.
    """
    if not actor.is_user:
        with transaction.atomic():
            yield
        return
    alone = {account for account in changes if account}
    wanted = {account: False for account in (actor.account_id, *of) if account}
    wanted |= dict.fromkeys(alone, True)
    held, credential = _held.get()
    if any(alone_now and held.get(account) is False for account, alone_now in wanted.items()):
        raise RuntimeError("writing(changes=...) belongs around writing(), not inside it.")
    missing = {account: mode for account, mode in wanted.items() if account not in held}
    with transaction.atomic():
        if missing or credential != actor.credential:
            _engine().hold(actor, missing)
        token = _held.set(({**held, **missing}, actor.credential))
        try:
            yield
        finally:
            _held.reset(token)


def _hold_owner(actor: Actor, target: Target) -> None:
    """Inside ``writing`` an object of another account is asked about while its shares are still."""
    held, credential = _held.get()
    if target.account_id and target.account_id not in held and actor.is_user:
        _engine().hold(actor, {target.account_id: False})
        _held.set(({**held, target.account_id: False}, credential))


def look_again(actor: Actor) -> None:
    """Read rights and credential anew, after a while in which they may have ended: a body that took
    long to come, a stream that goes on. Nothing is locked: what is written is asked in ``writing``.

    Raises NotAuthenticated.
    """
    if actor.is_user:
        _engine().hold(actor, {})


def held(account_id: str | None, *, alone: bool = False) -> bool:
    """Whether this transaction keeps the rights of the account still, or holds them alone."""
    mode = _held.get()[0].get(account_id or "")
    return mode is not None and (mode or not alone)
