"""The answer to "may this caller do that": the evaluation order of docs/mechanisms/access.md.

Every step taken is in the decision's trace; the first that says no, or the last, decides. An error
in here is a deny (``core.access.decide`` sees to it).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

from django.conf import settings
from django.db.models import Q

from accounts import reasons
from accounts.actions import CREDENTIAL_CARRIES, NEVER_ON_BEHALF, SELF_SERVICE
from accounts.ambient import COLUMNS
from accounts.facts import facts_of
from accounts.hold import hold
from accounts.principal import Principal, principal_of
from accounts.question import Question, is_own_thing
from accounts.rows import NO_ROW, any_of
from accounts.workspace.models import Workspace
from core import grants, tags
from core.access import Context, Decision, Scope, Step, Target, as_target, new_id
from core.actor import Actor
from core.codes import Message
from core.models import Resource
from core.models.resource import DEFAULT_PLACE

#: keys whose value differs from row to row; a list has to ask row by row for them
_REGION_KEYS = frozenset({"g:region", "g:requestedregion", "g:projectname", "g:projectid"})
_TAG = "g:resourcetag/"
#: keys that columns of a row answer
_COLUMN_KEYS = frozenset(key.lower() for key in COLUMNS.values())
#: in the place of an action, where the question is whether the caller may do anything at all
ANYTHING = "*"
#: combinations of tags, workspace and region that one list asks about
COMBINATIONS = 500
#: rows looked at one by one before a list under a tag condition is cut
ROWS_ONE_BY_ONE = 5000


class Engine:
    """Implements ``core.access.Engine`` with policies, agencies and grants."""

    def decide(self, actor: Actor, action: str, target: Target, context: Context) -> Decision:
        """See core.access.decide. Answers for the same question under the same rights are kept."""
        if actor.kind != "user" or actor.user_id is None or actor.account_id is None:
            return _not_a_user(actor, action)
        account = facts_of(actor.account_id)
        principal = principal_of(actor, account) if account is not None else None
        if principal is None:
            return _no(action, "authenticated", "The user is not there any more. Sign in again.")
        stopped = _stopped(principal, actor, action)
        if stopped is not None:
            return stopped
        key = _memo_key(principal, actor, action, target, context)
        found = principal.memo.get(key) if key is not None else None
        if found is None:
            found = Question(principal, actor, action, target, context).answer()
            if key is not None:
                principal.remember(key, found)
        if target.account_id != principal.account.id and found.allowed:
            found = _shared(principal, actor, target, found)
        # A denial is looked up by its id in the trail, so each has its own.
        return found if found.allowed else _with_own_id(found)

    def standing(self, actor: Actor) -> Decision:
        """See core.access.Engine.standing."""
        account = facts_of(actor.account_id) if actor.account_id and actor.is_user else None
        principal = principal_of(actor, account) if account is not None else None
        if principal is None:
            return _not_a_user(actor, ANYTHING)
        return Question(principal, actor, ANYTHING, Target(actor.account_id), {}).standing()

    def scope(self, actor: Actor, action: str, model: type[Resource]) -> Scope:
        """Row filters that agree with ``decide`` row by row."""
        if actor.kind != "user" or actor.user_id is None or actor.account_id is None:
            return Scope(None, None)
        account = facts_of(actor.account_id)
        principal = principal_of(actor, account) if account is not None else None
        if principal is None:
            return Scope(None, None)
        mine = reached = Q(account_id=principal.account.id)
        workspaces = _workspaces(principal) if issubclass(model, Resource) else ()
        if len(workspaces) == 1:  # an index in the order of the list begins with it
            reached &= Q(workspace_id=workspaces[0])
        found = self._rows(principal, actor, action, model, reached, own=True)
        own = None if found is None else reached & found
        opened = [
            (provider, q)
            for provider in grants.providers()
            if (q := provider.shared_filter(actor, action, model)) is not None
        ]
        if not opened:
            return Scope(own, None, workspaces)
        base = any_of(q for _provider, q in opened) & ~mine
        found = self._rows(principal, actor, action, model, base, own=False)
        if found is None:
            return Scope(own, None, workspaces)

        def walk() -> grants.Walk | None:
            if len(opened) > 1:  # two may open the same row: only one alone has an order of its own
                return None
            given = opened[0][0].shared_walk(actor, action, model)
            return given and replace(given, condition=given.condition & ~mine & found)

        return Scope(own, base & found, workspaces, walk)

    def hold(self, actor: Actor, accounts: Mapping[str, bool]) -> None:
        """See core.access.Engine.hold."""
        hold(actor, accounts)

    def _rows(
        self,
        principal: Principal,
        actor: Actor,
        action: str,
        model: type[Resource],
        base: Q,
        *,
        own: bool,
    ) -> Q | None:
        """What the policies let through of ``base``; None for nothing."""
        holder: str = getattr(model, "HOLDER", "")
        if own and holder and (_of_tags(principal) or principal.keys & _COLUMN_KEYS):
            return self._by_holder(principal, actor, action, model, holder)
        if own and _of_tags(principal) and issubclass(model, Resource):
            return self._by_tags(principal, actor, action, model, base)
        if _of_tags(principal) or (not own and "g:resourceaccount" in principal.keys):
            return self._one_by_one(actor, action, model, base)
        if _stopped(principal, actor, action) is not None:
            return None
        regions = ("", *settings.REGIONS) if principal.keys & _REGION_KEYS else (None,)
        account_id = principal.account.id if own else "another account"
        parts: list[Q] = []
        for place in _places(principal, model, base):
            for region in regions:
                target = Target(
                    account_id,
                    region=actor.region if region is None else region,
                    holder=model(**place) if place else None,
                )
                question = Question(principal, actor, action, target, {}, rows_of=model)
                if not question.answer().allowed or (found := question.rows()) == NO_ROW:
                    continue
                where = place if region is None else {**place, "region": region}
                parts.append(found & Q(**where) if where else found)
        return any_of(parts) if parts else None

    def _by_tags(
        self, principal: Principal, actor: Actor, action: str, model: type[Resource], base: Q
    ) -> Q | None:
        """Own rows under a condition on tags: asked once for every combination of values that the
        named tags have, by the table of tags; row by row where there are too many of them."""
        keys = sorted(key[len(_TAG) :] for key in principal.keys if key.startswith(_TAG))
        choices: list[list[str | None]] = [
            [None, *tags.values(principal.account.id, model, key, limit=COMBINATIONS)]
            for key in keys
        ]
        regions = ("", *settings.REGIONS) if principal.keys & _REGION_KEYS else (None,)
        places = list(_places(principal, model, base))
        if prod(map(len, choices)) * len(places) * len(regions) > COMBINATIONS:
            return self._one_by_one(actor, action, model, base)
        if _stopped(principal, actor, action) is not None:
            return None
        parts: list[Q] = []
        for place, region in product(places, regions):
            # of the last tag, the values that are answered alike stand together
            alike: dict[tuple[Any, ...], list[str | None]] = {}
            for chosen in product(*choices):
                given = {k: v for k, v in zip(keys, chosen, strict=True) if v is not None}
                target = Target(
                    principal.account.id,
                    region=actor.region if region is None else region,
                    holder=model(**place, tags=given),
                )
                question = Question(principal, actor, action, target, {}, rows_of=model)
                if question.answer().allowed and (found := question.rows()) != NO_ROW:
                    alike.setdefault((chosen[:-1], found), []).append(chosen[-1])
            where = dict(place) if region is None else {**place, "region": region}
            for (before, found), last in alike.items():
                condition = found & Q(**where) if where else found
                for key, value in zip(keys, before, strict=False):
                    condition &= _tagged(key, [value])
                parts.append(condition & _tagged(keys[-1], last))
        return any_of(parts) if parts else None

    def _one_by_one(self, actor: Actor, action: str, model: type[Resource], base: Q) -> Q | None:
        """Rows under a condition on their tags. Rare and bounded; beyond the bound rows are left
        out, never shown unasked."""
        rows = model.objects.unscoped("list filter under a tag condition").filter(base)
        found = [
            row.pk
            for row in rows.order_by("-created_at")[:ROWS_ONE_BY_ONE]
            if self.decide(actor, action, as_target(actor, row), {}).allowed
        ]
        return Q(pk__in=found) if found else None

    def _by_holder(
        self, principal: Principal, actor: Actor, action: str, model: type[Resource], holder: str
    ) -> Q | None:
        """Rows that have the tags of what holds them, as objects have those of their bucket: asked
        once for all holders of the same tags and region."""
        if _stopped(principal, actor, action) is not None:
            return None
        kind: Any = model._meta.get_field(holder).related_model
        alike: dict[tuple[Any, ...], list[Any]] = {}
        for one in kind.objects.unscoped("holders of rows under a tag condition").filter(
            account_id=principal.account.id
        ):
            known = as_target(actor, one)
            key = (tuple(sorted(known.tags.items())), known.region, *_columns_of(one))
            alike.setdefault(key, []).append(one)
        parts: list[Q] = []
        for holders in alike.values():
            target = as_target(actor, holders[0])._replace(path="")
            question = Question(principal, actor, action, target, {}, rows_of=model)
            if question.answer().allowed and (found := question.rows()) != NO_ROW:
                parts.append(found & Q(**{f"{holder}__in": [one.pk for one in holders]}))
        return any_of(parts) if parts else None


def _tagged(key: str, values: Collection[str | None]) -> Q:
    """Rows whose tag ``key`` has one of these values; None stands for rows without it."""
    known = [value for value in values if value is not None]
    parts = [tags.carries(key, known)] if known else []
    return any_of([*parts, tags.lacks(key)] if None in values else parts)


def _places(principal: Principal, model: type[Resource], base: Q) -> Iterable[dict[str, str]]:
    """The values of columns that a policy asks for, each combination that rows have; one empty one
    where no policy asks."""
    fields = {f.name for f in model._meta.get_fields()}
    names = [n for n, key in COLUMNS.items() if n in fields and key.lower() in principal.keys]
    if not names:
        return [{}]
    rows = model.objects.unscoped("list filter under a condition on a column").filter(base)
    return list(rows.order_by().values(*names).distinct())


def _columns_of(row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, name, None) for name in COLUMNS)


def _of_tags(principal: Principal) -> bool:
    """Whether a policy asks for tags of rows."""
    return any(key.startswith(_TAG) for key in principal.keys)


def _workspaces(principal: Principal) -> tuple[str, ...]:
    """Codes of the account's workspaces; adding or removing one changes the epoch."""
    key = ("workspaces",)
    if key not in principal.parts:
        rows = Workspace.objects.filter(account=principal.account.id).order_by("code")
        principal.parts[key] = tuple(rows.values_list("code", flat=True)) or (DEFAULT_PLACE,)
    found: tuple[str, ...] = principal.parts[key]
    return found


def _with_own_id(d: Decision) -> Decision:
    # dataclasses.replace() does the same at four times the price
    return Decision(
        d.allowed, d.action, d.step, d.reason, d.trace, d.missing, d.statement, new_id()
    )


@lru_cache(1024)
def _never_alike(keys: frozenset[str]) -> bool:
    """Whether conditions ask for something that the key of a memo does not tell apart: the time,
    the tags or the columns of the very row."""
    return bool(keys & (_COLUMN_KEYS | {"g:currenttime"})) or any(k.startswith(_TAG) for k in keys)


def _memo_key(
    principal: Principal, actor: Actor, action: str, target: Target, context: Context
) -> tuple[Any, ...] | None:
    """What the answer depends on, or None where it is not worth keeping."""
    ambient: tuple[Any, ...] = ()
    if principal.keys:
        if _never_alike(principal.keys):
            return None
        ambient = (
            actor.source_ip, actor.user_agent, actor.mfa, actor.region, actor.secure, target.verb,
            actor.referer if "g:referer" in principal.keys else "",
        )  # fmt: skip
    own_thing = action.lower() in SELF_SERVICE and is_own_thing(actor, target.instance)
    given = tuple(sorted(context.items())) if context else ()
    key = (action, target.account_id, target.path, target.region, own_thing, given, ambient)
    try:
        hash(key)
    except TypeError:  # a list among the context's values
        return None
    return key


def _shared(principal: Principal, actor: Actor, target: Target, half: Decision) -> Decision:
    """The owner's half: a live grant on this object must contain the action."""
    steps = list(half.trace)
    if target.own_only:
        reason: str = reasons.OWNERS_ONLY()
        steps.append(Step("share", "deny", reason))
        return Decision(False, half.action, "share", reason, tuple(steps))
    granted: dict[str, str] = {}
    if target.instance is not None:
        for provider in grants.providers():
            granted |= {
                name.lower(): unit
                for name, unit in provider.operations(actor, target.instance).items()
            }
    unit = granted.get(half.action.lower())
    if unit is None:
        reason = reasons.NO_SHARE(who=principal.label, action=half.action)
        steps.append(Step("share", "deny", reason))
        missing = reasons.A_SHARE(action=half.action)
        return Decision(False, half.action, "share", reason, tuple(steps), missing=missing)
    steps.append(Step("share", "allow", reasons.STEP_SHARE(unit=unit)))
    reason = half.reason
    if isinstance(reason, Message):
        reason = reasons.ALLOWED_BY_SHARE(**reason.params, unit=unit)
    return Decision(True, half.action, "share", reason, tuple(steps), statement=half.statement)


def _agency_lost(principal: Principal, action: str) -> Decision | None:
    """Never kept in a memo: an agency ends by the clock."""
    if principal.agency_id is None:
        return None
    why = (
        principal.agency.lost(principal.user_id, dt.datetime.now(dt.UTC))
        if principal.agency is not None
        else reasons.AGENCY_GONE()
    )
    if not why:
        return None
    return _no(action, "agency", reasons.AUTHORISATION_LOST(why=why))


def _stopped(principal: Principal, actor: Actor, action: str) -> Decision | None:
    """Why this is not done on a user's behalf; None where nothing stands in the way."""
    if principal.agency_id is None:
        return None
    lost = _agency_lost(principal, action)
    return lost if lost is not None else _not_carried(actor, action)


def _not_carried(actor: Actor, action: str) -> Decision | None:
    """What no agency carries, whatever is attached to it. Never kept in a memo: a credential and
    the platform itself share their principal."""
    name = action.lower()
    if name.partition(":")[0] in NEVER_ON_BEHALF:
        return _no(
            action,
            "agency",
            reasons.NEVER_ON_BEHALF(action=action),
        )
    if actor.via == "credential" and name not in CREDENTIAL_CARRIES:
        return _no(
            action,
            "agency",
            reasons.NOT_CARRIED(action=action),
        )
    return None


def _not_a_user(actor: Actor, action: str) -> Decision:
    reason = reasons.PLATFORM_ITSELF() if actor.kind == "system" else reasons.NOT_SIGNED_IN()
    return _no(action, "authenticated", reason)


def _no(action: str, step: str, reason: str, *, missing: str = "") -> Decision:
    return Decision(False, action, step, reason, (Step(step, "deny", reason),), missing=missing)
