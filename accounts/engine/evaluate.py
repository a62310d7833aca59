"""The decision itself: ``evaluate(compiled, request) -> Outcome``.

A pure function of policies and request. Explicit Deny beats Allow, Allow beats nothing, nothing is
a deny. Whatever cannot be read (an action that is no action name, a resource that is no resource
name) is denied. Account-level steps (main account, ceilings, shares, workspaces) belong to the
caller; see docs/mechanisms/policies.md for the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from accounts import reasons
from accounts.engine.compile import CompiledPolicies, CompiledStatement, Plan
from accounts.engine.conditions import Context, ContextValue, normalise_context
from accounts.engine.matching import ResourceName, parse_resource

ALLOW: Literal["allow"] = "allow"
EXPLICIT_DENY: Literal["explicit_deny"] = "explicit_deny"
IMPLICIT_DENY: Literal["implicit_deny"] = "implicit_deny"
OutcomeEffect = Literal["allow", "explicit_deny", "implicit_deny"]

# What sub-users may do without any policy while strict mode is off (ModelArts product introduction,
# ch. 9).
NON_STRICT_SERVICES = frozenset({"modelarts"})


@dataclass(frozen=True, slots=True)
class Request:
    """One question. ``resource`` is ``service:region:account:type:path`` or None for an action on
    no particular resource. ``account`` is the caller's account: wildcards never leave it.
    ``shared_from`` is the owning account when the caller reaches the resource through an accepted
    share, which the asker has checked or will check. ``open_keys`` are beginnings of condition keys
    whose values are not known yet: no Deny that asks for one applies, and no Allow fails by it.
    """

    action: str
    resource: str | None = None
    context: Mapping[str, ContextValue] = field(default_factory=dict)
    account: str = ""
    shared_from: str | None = None
    open_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the explanation. ``policy_id`` and ``statement`` are empty for steps of the
    engine.
    """

    effect: str
    matched: bool
    reason: str
    policy_id: str = ""
    policy_name: str = ""
    statement: int | None = None
    sid: str = ""


class Outcome:
    """The answer, and on demand why. ``decider`` is the statement that decided, None on implicit
    deny.
    """

    __slots__ = ("_compiled", "_guarded", "_request", "decider", "effect", "note")

    def __init__(
        self,
        effect: OutcomeEffect,
        decider: CompiledStatement | None,
        note: str,
        compiled: CompiledPolicies,
        request: Request,
        guarded: frozenset[str] | None = None,
    ) -> None:
        self.effect = effect
        self.decider = decider
        self.note = note
        self._compiled = compiled
        self._request = request
        self._guarded = guarded

    def __repr__(self) -> str:
        return f"Outcome({self.effect}, {self.reason!r})"

    @property
    def allowed(self) -> bool:
        return self.effect == ALLOW

    @property
    def policy_id(self) -> str:
        return self.decider.policy.id if self.decider else ""

    @property
    def policy_name(self) -> str:
        return self.decider.policy.name if self.decider else ""

    @property
    def statement(self) -> int | None:
        """Index of the deciding statement inside its policy."""
        return self.decider.statement.index if self.decider else None

    @property
    def sid(self) -> str:
        return self.decider.statement.sid if self.decider else ""

    @property
    def alarm(self) -> bool:
        """The decision comes from a Deny that could not be read; somebody should look at the
        policy.
        """
        return self.decider is not None and self.decider.statement.unsafe

    @property
    def reason(self) -> str:
        """One sentence for people."""
        action = self._request.action
        if self.decider is None:
            return self.note or reasons.NO_POLICY(action=action)
        if self.effect == ALLOW:
            said = reasons.ALLOWED_BY
        else:
            said = reasons.DENIED_UNREAD if self.alarm else reasons.DENIED_BY
        number, policy = self.decider.statement.index, self.decider.policy.name
        return said(action=action, number=number, policy=policy)

    @property
    def trace(self) -> tuple[Step, ...]:
        """Every step, also those after the deciding one. Computed on each access by the same code
        that decided; do not change the request's context in between.
        """
        steps: list[Step] = []
        _decide(self._compiled, self._request, steps, self._guarded)
        return tuple(steps)


def evaluate(compiled: CompiledPolicies, request: Request) -> Outcome:
    """Decide ``request`` by the policies alone. Never raises for what a caller can put into a
    request.
    """
    return _decide(compiled, request, None, None)


def evaluate_guarded(compiled: CompiledPolicies, request: Request, keys: frozenset[str]) -> Outcome:
    """As ``evaluate``, but an Allow counts only if it names at least one of ``keys``.

    For guarded keys (ModelArts best practices 2.3.7): once an account has a policy about shared
    file systems, mounting one needs an Allow that speaks about them; a plain Allow is not enough.
    """
    return _decide(compiled, request, None, frozenset(k.lower() for k in keys))


def allowed_by_default(action: str, *, strict: bool) -> bool:
    """May a sub-user do ``action`` although no policy speaks about it? Only ModelArts actions, and
    only while the account's strict mode is off. Ask this only for an implicit deny of a well-formed
    action.
    """
    return not strict and action.lower().split(":")[0] in NON_STRICT_SERVICES


def _decide(
    compiled: CompiledPolicies,
    request: Request,
    steps: list[Step] | None,
    guarded: frozenset[str] | None,
) -> Outcome:
    plan = compiled.plan(request.action)
    resource: ResourceName | None = None
    note: str = ""
    if plan is None:
        note = reasons.NO_ACTION_NAME(action=request.action[:120])
    elif request.resource is not None:
        resource = parse_resource(request.resource)
        if resource is None:
            note = reasons.NO_RESOURCE_NAME(resource=request.resource[:200])
        elif resource.service != plan.service:
            note = reasons.OTHER_SERVICE(resource=request.resource[:200], action=request.action)
    if plan is None or note:
        if steps is not None:
            steps.append(Step(EXPLICIT_DENY, True, note))
        return Outcome(EXPLICIT_DENY, None, note, compiled, request, guarded)
    context: Context | None = None
    decider: CompiledStatement | None = None
    effect: OutcomeEffect = IMPLICIT_DENY
    foreign = resource is not None and not _reachable(resource, request)
    for statement in (*plan.denies, *plan.allows) if plan.denies else plan.allows:
        if not statement.deny and foreign:
            why = "the resource belongs to another account; wildcards never leave the account"
        elif guarded is not None and not statement.deny and not _names(statement, guarded):
            why = "the statement does not speak about the guarded keys"
        elif statement.resources is not None and not _covers(statement, plan, resource):
            why = "the resource does not match"
        else:
            if statement.tests and context is None:
                context = normalise_context(request.context)
            if not statement.tests or statement.conditions_hold(context or {}, request.open_keys):
                if decider is None:
                    decider = statement
                    effect = EXPLICIT_DENY if statement.deny else ALLOW
                    if steps is None:
                        break
                if steps is not None:
                    steps.append(_step(statement, True, "applies"))
                continue
            why = "the conditions are not met"
        if steps is not None:
            steps.append(_step(statement, False, why))
    if decider is None and foreign:
        note = reasons.OTHER_ACCOUNT()
    outcome = Outcome(effect, decider, note, compiled, request, guarded)
    if steps is not None:
        steps.append(Step(effect, True, outcome.reason))
    return outcome


def _reachable(resource: ResourceName, request: Request) -> bool:
    if resource.account == request.account.lower():
        return True
    return request.shared_from is not None and resource.account == request.shared_from.lower()


def _covers(statement: CompiledStatement, plan: Plan, resource: ResourceName | None) -> bool:
    patterns = statement.resources or ()
    if resource is None:
        return any(p.covers_type(plan.service, plan.type) for p in patterns)
    return any(p.matches(resource) for p in patterns)


def _names(statement: CompiledStatement, keys: frozenset[str]) -> bool:
    return any(c.key.lower() in keys for c in statement.statement.conditions)


def _step(statement: CompiledStatement, matched: bool, reason: str) -> Step:
    return Step(
        EXPLICIT_DENY if statement.deny else ALLOW,
        matched,
        reason,
        statement.policy.id,
        statement.policy.name,
        statement.statement.index,
        statement.statement.sid,
    )
