"""System checks on declarations: a wrong one is caught before any request."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from core import reconcile, registry
from core.states import Stateful


def check_declarations(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every life cycle is whole (ids modelyard.E004 to E006). What a declaration names is there, or
    it could not be imported."""
    found: list[CheckMessage] = []
    for spec in registry.all_specs():
        if issubclass(spec.model, Stateful):
            found += _machine(spec)
    return found


def _machine(spec: registry.Declaration) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    model: Any = spec.model
    phases = set(model.Phase.values)
    named = set(model.TRANSITIONS) | {to for ends in model.TRANSITIONS.values() for to in ends}
    for phase in sorted(phases ^ (named | set(model.TERMINAL))):
        found.append(
            Error(f"{spec.type_label}: phase {phase} is not in the table", id="modelyard.E004")
        )
    for phase in sorted(phases - set(model.TERMINAL) - set(model.SETTLED)):
        if phase not in model.DEADLINES and phase not in model.HEARTBEATS:
            found.append(
                Error(
                    f"{spec.type_label}: phase {phase} has neither deadline nor heartbeat",
                    id="modelyard.E005",
                )
            )
    if spec.type_label not in reconcile.declared():
        found.append(Error(f"{spec.type_label} has no reconciler", id="modelyard.E006"))
    return found


def register_all() -> None:
    """Register with Django; called once, when the registry is filled."""
    register(check_declarations)
