"""System checks on declarations: a wrong one is caught before any request."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from core import reconcile, registry
from core.states import Stateful


def check_declarations(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every declaration names real things (ids modelyard.E001 to E007)."""
    found: list[CheckMessage] = []
    for spec in registry.all_specs():
        for verb in ("list", "get"):
            if verb not in spec.actions:
                found.append(
                    Error(
                        f"{spec.type_label} declares no {verb!r} action",
                        hint="Add it to ResourceSpec.actions; see docs/mechanisms/resources.md.",
                        id="modelyard.E001",
                    )
                )
        for what in ("form", "edit_form", "viewset", "inventory", "grant", "services"):
            if not getattr(spec, what):
                continue
            try:
                spec.load(what)
            except (ImportError, AttributeError) as error:
                found.append(Error(f"{spec.type_label}.{what}: {error}", id="modelyard.E002"))
        found += _verbs(spec)
        if issubclass(spec.model, Stateful):
            found += _machine(spec)
        if spec.shareable and not spec.grant:
            found.append(
                Error(f"{spec.type_label} is shareable but names no grant", id="modelyard.E003")
            )
    return found


def _verbs(spec: registry.ResourceSpec) -> list[CheckMessage]:
    """What the verbs of a type name is there."""
    found: list[CheckMessage] = []
    for verb in spec.verbs:
        for what in ("handler", "form", "inventory"):
            path = getattr(verb, what)
            if not path and what != "handler":
                continue
            try:
                named = import_string(path)
            except ImportError as error:
                named, why = None, str(error)
            else:
                why = f"{path} cannot be called"
            if not callable(named):
                where = f"{spec.type_label}, verb {verb.name!r}, {what}"
                found.append(Error(f"{where}: {why}", id="modelyard.E007"))
    return found


def _machine(spec: registry.ResourceSpec) -> list[CheckMessage]:
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
