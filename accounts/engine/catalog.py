"""The catalogue of known actions, services and condition keys.

The data is ``actions.json`` beside this file: every action the vendor documents name, and ours.
Other rooms add theirs at start-up with ``register``; a catalogue itself never changes, a new one
takes its place.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Literal, cast

from accounts.engine.matching import action_matches, action_pattern, is_action

Scope = Literal["global", "project"]

#: patterns whose answers a catalogue keeps
MOST_COVERED = 4096

KEY_TYPES = ("string", "number", "date", "bool", "ip", "path")


class CatalogError(ValueError):
    """The catalogue contradicts itself; the message names the entry."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service. Global services (obs, iam, resource_share ...) and project services never share a
    policy.
    """

    name: str
    title: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be permitted. ``resource_paths``: may a policy narrow it to a resource
    path? ``asked``: something in this installation asks for it; others are names from the vendor's
    documents alone.
    """

    name: str
    description: str
    scope: Scope
    resource_paths: bool = False
    required_keys: tuple[str, ...] = ()
    optional_keys: tuple[str, ...] = ()
    asked: bool = True

    @property
    def service(self) -> str:
        return self.name.split(":")[0]

    @property
    def type(self) -> str:
        return self.name.split(":")[1]

    @property
    def operation(self) -> str:
        return self.name.split(":")[2]


@dataclass(frozen=True, slots=True)
class ConditionKey:
    """A condition key. ``always`` keys are part of every request, those not ``supplied`` of none,
    and ``constant`` is the one value that every request has. A name ending in ``/`` takes a tag key
    behind the slash. Non-empty ``operators`` or ``effects`` restrict what a policy may write.
    """

    name: str
    type: str
    description: str
    always: bool = False
    supplied: bool = True
    constant: str = ""
    multi: bool = False
    operators: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """A consistent, immutable set of services, actions and condition keys with case-free
    look-ups.
    """

    services: Mapping[str, Service]
    actions: Mapping[str, Action]
    keys: Mapping[str, ConditionKey]
    path_keys: frozenset[str] = field(default_factory=frozenset)
    #: lower-case names of the services that this installation asks for
    served: frozenset[str] = field(default_factory=frozenset)
    _covered: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def action(self, name: str) -> Action | None:
        """The action called ``name`` in any case, or None."""
        return self.actions.get(name.lower())

    def service(self, name: str) -> Service | None:
        return self.services.get(name.lower())

    def key(self, name: str) -> ConditionKey | None:
        """The condition key called ``name``; ``g:ResourceTag/team`` finds ``g:ResourceTag/``."""
        lowered = name.lower()
        found = self.keys.get(lowered)
        if found is None and "/" in lowered:
            head, _, tail = lowered.partition("/")
            found = self.keys.get(head + "/") if tail else None
        elif found is not None and found.name.endswith("/"):
            return None
        return found

    def matching(self, pattern: str) -> tuple[Action, ...]:
        """Every known action the pattern covers; empty for something that is no pattern."""
        wanted = action_pattern(pattern)
        if wanted is None:
            return ()
        exact = self.actions.get(wanted)
        if exact is not None:
            return (exact,)
        if "*" not in wanted:
            return ()
        return tuple(a for name, a in self.actions.items() if action_matches(wanted, name))

    def covered(self, pattern: str) -> frozenset[str]:
        """Names of the known actions that ``matching`` finds. The answers are kept, boundedly:
        patterns come from policies."""
        found = self._covered.get(pattern)
        if found is None:
            if len(self._covered) >= MOST_COVERED:
                self._covered.clear()
            found = self._covered[pattern] = frozenset(a.name for a in self.matching(pattern))
        return found

    def suggest(self, token: str, limit: int = 3) -> tuple[str, ...]:
        """The known action names closest to ``token``."""
        cleaned = token.strip().lower()[:200].replace(">", ":").replace("/", ":")
        near = difflib.get_close_matches(cleaned, self.actions, n=limit, cutoff=0.6)
        return tuple(self.actions[name].name for name in near)

    def misspelt(self, token: str) -> Action | None:
        """The known action that ``token`` misses by one character, in a service whose actions this
        installation asks for; None where there is none. Elsewhere the vendor knows more actions
        than the catalogue, and a near name says nothing."""
        wanted = token.lower()
        service = wanted.partition(":")[0]
        if "*" in wanted or service not in self.served:
            return None
        near = (n for n in self.actions if abs(len(n) - len(wanted)) <= 1)
        found = next((n for n in near if _one_apart(n, wanted)), None)
        return self.actions[found] if found is not None else None

    def suggest_keys(self, token: str, limit: int = 3) -> tuple[str, ...]:
        near = difflib.get_close_matches(
            token.strip().lower()[:100], self.keys, n=limit, cutoff=0.6
        )
        return tuple(self.keys[name].name for name in near)

    def missing_required_keys(self, action: str, context: Mapping[str, object]) -> tuple[str, ...]:
        """The keys ``action`` cannot be judged without that ``context`` does not give (ruling V3).

        None, an empty list and an empty string count as not given. Unknown actions require nothing.
        """
        known = self.action(action)
        if known is None or not known.required_keys:
            return ()
        given = {k.lower() for k, v in context.items() if v is not None and v != "" and v != []}
        return tuple(key for key in known.required_keys if key.lower() not in given)

    def extended(
        self,
        *,
        services: Iterable[Service] = (),
        actions: Iterable[Action] = (),
        keys: Iterable[ConditionKey] = (),
    ) -> Catalog:
        """A catalogue with more entries. Saying the same entry twice is fine, contradicting one
        raises CatalogError.
        """
        return build_catalog(
            [*self.services.values(), *services],
            [*self.actions.values(), *actions],
            [*self.keys.values(), *keys],
        )


def _one_apart(one: str, other: str) -> bool:
    """Whether one character was put in, left out or replaced."""
    if len(one) < len(other):
        one, other = other, one
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(other))
    return one[at + 1 :] in (other[at:], other[at + 1 :])


def build_catalog(
    services: Iterable[Service], actions: Iterable[Action], keys: Iterable[ConditionKey]
) -> Catalog:
    """Check and index the entries; raises CatalogError naming the first one that does not fit."""
    by_service = _index("service", services)
    by_key = _index("condition key", keys)
    by_action = _index("action", actions)
    for key in by_key.values():
        if key.type not in KEY_TYPES:
            raise CatalogError(f"condition key {key.name}: unknown type {key.type}")
    for action in by_action.values():
        if not is_action(action.name):
            raise CatalogError(f"action {action.name}: not of the form service:type:operation")
        service = by_service.get(action.service.lower())
        if service is None:
            raise CatalogError(f"action {action.name}: service {action.service} is not registered")
        if action.scope != service.scope:
            raise CatalogError(f"action {action.name}: its scope differs from its service's")
        if not action.description.strip():
            raise CatalogError(f"action {action.name}: the description is empty")
        for name in (*action.required_keys, *action.optional_keys):
            if name.lower() not in by_key:
                raise CatalogError(f"action {action.name}: condition key {name} is not registered")
    paths = frozenset(name for name, key in by_key.items() if key.type == "path")
    served = frozenset(a.service.lower() for a in by_action.values() if a.asked)
    return Catalog(by_service, by_action, by_key, paths, served)


def _index(kind: str, entries: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in entries:
        name = entry.name.lower()
        if found.setdefault(name, entry) != entry:
            raise CatalogError(f"{kind} {entry.name} is registered twice with different content")
    return found


def load_catalog(path: Path) -> Catalog:
    """Read a catalogue file; raises CatalogError when it does not hold together."""
    data = json.loads(path.read_text(encoding="utf-8"))
    services = [Service(s["name"], s["title"], _scope(s["scope"])) for s in data["services"]]
    scopes = {s.name: s.scope for s in services}
    try:
        actions = [
            Action(
                name=a["name"],
                description=a["description"],
                scope=_scope(a.get("scope", scopes[a["name"].split(":")[0]])),
                resource_paths=bool(a.get("resource_paths", False)),
                required_keys=tuple(a.get("required_keys", ())),
                optional_keys=tuple(a.get("optional_keys", ())),
                asked=bool(a.get("asked", False)),
            )
            for a in data["actions"]
        ]
    except KeyError as error:
        raise CatalogError(f"{path.name}: an action names the unknown service {error}") from error
    keys = [
        ConditionKey(
            name=k["name"],
            type=k["type"],
            description=k["description"],
            always=bool(k.get("always", False)),
            supplied=bool(k.get("supplied", True)),
            constant=k.get("constant", ""),
            multi=bool(k.get("multi", False)),
            operators=tuple(k.get("operators", ())),
            effects=tuple(k.get("effects", ())),
        )
        for k in data["condition_keys"]
    ]
    return build_catalog(services, actions, keys)


def _scope(value: str) -> Scope:
    if value not in ("global", "project"):
        raise CatalogError(f"scope {value} is neither global nor project")
    return cast(Scope, value)


_lock = Lock()
_current: Catalog | None = None


def default_catalog() -> Catalog:
    """The shipped catalogue plus everything registered so far."""
    global _current
    if _current is None:
        with _lock:
            if _current is None:
                _current = load_catalog(Path(__file__).with_name("actions.json"))
    return _current


def register(
    *,
    services: Iterable[Service] = (),
    actions: Iterable[Action] = (),
    keys: Iterable[ConditionKey] = (),
) -> Catalog:
    """Add entries of another room to the default catalogue; call it while the application starts.

    Repeating the same entry is harmless; a contradiction raises CatalogError. Returns the new
    catalogue.
    """
    global _current
    base = default_catalog()
    with _lock:
        _current = (_current or base).extended(services=services, actions=actions, keys=keys)
        return _current


def missing_required_keys(action: str, context: Mapping[str, object]) -> tuple[str, ...]:
    """``Catalog.missing_required_keys`` of the default catalogue."""
    return default_catalog().missing_required_keys(action, context)
