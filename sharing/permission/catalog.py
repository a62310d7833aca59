"""Share permissions: what the accounts a unit is shared with may do, per resource type.

System-provided data. A version never changes once published: units keep the version they were
made with, and a change is a new version (vendor: 共享策略; AWS RAM managed permissions).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core import registry
from sharing import grants


@dataclass(frozen=True, slots=True)
class Right:
    """One operation of a permission and what it lets people do, in words."""

    operation: str  # "get" or a full action
    words: Any


@dataclass(frozen=True, slots=True)
class SharePermission:
    """One version of one permission. ``default``: taken where none is chosen."""

    name: str
    resource_type: str  # "registry.model"
    version: int
    title: Any
    rights: tuple[Right, ...]
    never: Any = ""  # what stays with the owner, in words
    default: bool = False

    @property
    def key(self) -> tuple[str, str, int]:
        return self.resource_type, self.name, self.version


_known: dict[tuple[str, str, int], SharePermission] = {}


def register(permission: SharePermission) -> SharePermission:
    """Publish one version. Raises ValueError when it is published already with other content."""
    there = _known.get(permission.key)
    if there is not None and there != permission:
        raise ValueError(f"{permission.name} v{permission.version} is published and immutable")
    _known[permission.key] = permission
    return permission


def unregister(permission: SharePermission) -> None:
    """Take one out again; for tests."""
    _known.pop(permission.key, None)


def latest(resource_type: str | None = None) -> Iterator[SharePermission]:
    """The newest version of every permission (of one type), by type and name."""
    newest: dict[tuple[str, str], SharePermission] = {}
    for one in _known.values():
        if resource_type in (None, one.resource_type):
            held = newest.get((one.resource_type, one.name))
            if held is None or held.version < one.version:
                newest[one.resource_type, one.name] = one
    yield from (newest[key] for key in sorted(newest))


def find(resource_type: str, name: str, version: int | None = None) -> SharePermission:
    """One version, the newest by default. Raises KeyError when there is none."""
    if version is not None:
        return _known[resource_type, name, version]
    for one in latest(resource_type):
        if one.name == name:
            return one
    raise KeyError(name)


def default_of(resource_type: str) -> SharePermission:
    """What a unit gets where none is chosen. Raises KeyError when the type has no permission."""
    offered = list(latest(resource_type))
    for one in offered:
        if one.default:
            return one
    if not offered:
        raise KeyError(resource_type)
    return offered[0]


def effective(permission: SharePermission) -> list[tuple[str, Any]]:
    """(full action, words) of what the permission gives; operations the type does not offer for
    sharing are left out, in the grants and in the words alike."""
    try:
        spec = registry.spec_by_type(permission.resource_type)
    except KeyError:
        return []
    offered = {grants.full_action(spec, op).lower() for op in spec.share_operations}
    found = [(grants.full_action(spec, r.operation), r.words) for r in permission.rights]
    return [(action, words) for action, words in found if action.lower() in offered]


def actions(permission: SharePermission) -> list[str]:
    return [action for action, _words in effective(permission)]
