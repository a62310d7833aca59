"""A principal's policies, prepared once so that a decision only looks at the statements that
matter.

``CompiledPolicies`` is immutable from outside. It keeps a bounded memo from action to ``Plan``
(action names come from callers, so an unbounded one would be a way to fill memory). Plans are found
by matching patterns, never by expanding wildcards over the catalogue: an action the catalogue has
never heard of gets the same exact answer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from threading import Lock
from typing import NamedTuple

from accounts.engine.catalog import Catalog, default_catalog
from accounts.engine.conditions import Context, Test, compile_condition
from accounts.engine.matching import (
    ANY_ACTION,
    ResourcePattern,
    action_matches,
    is_action,
    resource_pattern,
)
from accounts.engine.model import DENY, Condition, Policy, Statement

MEMO_SIZE = 1024


class CompiledStatement:
    """One statement with its conditions as functions and its resources as parsed patterns."""

    __slots__ = ("deny", "keys", "policy", "resources", "statement", "tests")

    def __init__(self, policy: Policy, statement: Statement, path_keys: frozenset[str]) -> None:
        self.policy = policy
        self.statement = statement
        self.deny = statement.effect == DENY
        conditions = (*statement.conditions, *_scope(policy.scope, self.deny))
        self.tests: tuple[Test, ...] = tuple(compile_condition(c, path_keys) for c in conditions)
        self.keys: tuple[str, ...] = tuple(c.key.lower() for c in conditions)
        self.resources: tuple[ResourcePattern, ...] | None = None
        if statement.resources is not None:
            parsed = (resource_pattern(text) for text in statement.resources)
            self.resources = tuple(p for p in parsed if p is not None)

    def conditions_hold(self, context: Context, open_keys: tuple[str, ...] = ()) -> bool:
        """Undecidable counts against the caller: True for a Deny, False for an Allow. Not known yet
        (``Request.open_keys``) counts for them."""
        undecided = False
        for key, test in zip(self.keys, self.tests, strict=True):
            if open_keys and key.startswith(open_keys):
                if self.deny:
                    return False
                continue
            answer = test(context)
            if answer is False:
                return False
            if answer is None:
                undecided = True
        return self.deny if undecided else True


def _scope(scope: Mapping[str, tuple[str, ...]], deny: bool) -> tuple[Condition, ...]:
    operator = "StringEqualsIfExists" if deny else "StringEquals"
    return tuple(Condition(operator, key, tuple(values)) for key, values in scope.items())


class Plan(NamedTuple):
    """The statements that cover one action. Unconditional ones stand first; order has no other
    meaning.
    """

    service: str
    type: str
    denies: tuple[CompiledStatement, ...]
    allows: tuple[CompiledStatement, ...]


class CompiledPolicies:
    """Every policy of one principal, ready to evaluate. Make it with ``compile_policies``."""

    __slots__ = ("_compiled", "_exact", "_lock", "_memo", "_path_keys", "_wild", "key", "policies")

    def __init__(self, policies: Iterable[Policy], path_keys: frozenset[str]) -> None:
        self.policies = tuple(policies)
        self.key = policy_key(self.policies)
        self._path_keys = path_keys
        self._exact: dict[str, list[tuple[Policy, Statement]]] = {}
        self._wild: list[tuple[tuple[str, ...], Policy, Statement]] = []
        self._compiled: dict[tuple[int, int], CompiledStatement] = {}
        self._memo: dict[str, Plan | None] = {}
        self._lock = Lock()
        exact = self._exact
        for policy in self.policies:
            for statement in policy.document.statements:
                if statement.never:
                    continue
                if statement.complement:
                    self._wild.append((statement.actions, policy, statement))
                    continue
                wild = []
                for pattern in statement.actions:
                    if "*" in pattern:
                        wild.append(pattern)
                    else:
                        exact.setdefault(pattern, []).append((policy, statement))
                if wild:
                    self._wild.append((tuple(wild), policy, statement))

    @property
    def unsafe(self) -> tuple[Policy, ...]:
        """The policies holding a Deny that could not be read; each deserves an alarm."""
        return tuple(p for p in self.policies if p.document.unsafe)

    def plan(self, action: str) -> Plan | None:
        """The statements covering ``action`` (any case), or None when it is no action name."""
        memo = self._memo
        try:
            return memo[action]
        except KeyError:
            pass
        if not is_action(action):
            return None
        with self._lock:
            plan = self._build(action.lower())
            if len(memo) >= MEMO_SIZE:
                memo.pop(next(iter(memo)))
            memo[action] = plan
        return plan

    def _build(self, action: str) -> Plan:
        covering = list(self._exact.get(action, ()))
        for patterns, policy, statement in self._wild:
            hit = False
            for pattern in patterns:
                if pattern == ANY_ACTION or action_matches(pattern, action):
                    hit = True
                    break
            if hit is not statement.complement:
                covering.append((policy, statement))
        service, kind, _ = action.split(":")
        denies: list[CompiledStatement] = []
        allows: list[CompiledStatement] = []
        seen: set[tuple[int, int]] = set()
        for policy, statement in covering:
            token = (id(policy), id(statement))
            if token not in seen:
                seen.add(token)
                compiled = self._compiled.get(token)
                if compiled is None:
                    compiled = CompiledStatement(policy, statement, self._path_keys)
                    self._compiled[token] = compiled
                (denies if compiled.deny else allows).append(compiled)
        denies.sort(key=_weight)
        allows.sort(key=_weight)
        return Plan(service, kind, tuple(denies), tuple(allows))


def _weight(statement: CompiledStatement) -> int:
    return len(statement.tests) + (0 if statement.resources is None else len(statement.resources))


def policy_key(policies: Iterable[Policy]) -> Hashable:
    """What decisions depend on: two equal keys decide alike, a new policy version gives a new
    key.
    """
    return tuple(sorted((p.key for p in policies), key=repr))


def compile_policies(
    policies: Iterable[Policy], catalog: Catalog | None = None
) -> CompiledPolicies:
    """Prepare ``policies`` (everything attached to one principal). Their order has no meaning.

    The catalogue only says which condition keys hold folder paths; no decision depends on its
    actions.
    """
    return CompiledPolicies(policies, (catalog or default_catalog()).path_keys)


class CompiledCache:
    """A bounded, thread-safe cache from policy key to compiled policies, least recently used out
    first.

    The key names every attached policy with its version, so a change of rights needs no
    invalidation: the next request has another key.
    """

    def __init__(self, size: int = 2048) -> None:
        self._size = size
        self._entries: OrderedDict[Hashable, CompiledPolicies] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, load: Callable[[], Iterable[Policy]]) -> CompiledPolicies:
        """The compiled policies under ``key``; ``load`` is called only when they are not there
        yet.
        """
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
                return found
        compiled = compile_policies(load())
        with self._lock:
            self._entries[key] = compiled
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
        return compiled

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
