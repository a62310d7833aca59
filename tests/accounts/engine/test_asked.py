"""The catalogue says which actions something in this installation asks for."""

from __future__ import annotations

import re
from pathlib import Path

from accounts.engine import default_catalog
from console.app_list import APPS
from core import registry

ROOT = Path(__file__).parents[3]
ACTION = re.compile(r'"([a-z_]+:[A-Za-z]+:[A-Za-z]+)"')


def named_in_sources() -> set[str]:
    """Whatever is written like an action in the apps' code and templates."""
    found: set[str] = set()
    files = [f for app in APPS for f in (ROOT / app).rglob("*.py") if "migrations" not in f.parts]
    for file in [*files, *(ROOT / "templates").rglob("*.html")]:
        found |= {m.lower() for m in ACTION.findall(file.read_text(encoding="utf-8"))}
    return found


def asked_for() -> set[str]:
    found = named_in_sources()
    for spec in registry.all_specs():
        found |= {spec.action(verb).lower() for verb in spec.actions}
        found |= {verb.action.lower() for verb in spec.verbs}
    return found


def test_asked_in_the_catalogue_is_what_is_asked() -> None:
    """An action that is asked for now needs ``"asked": true`` in actions.json, and one that is not
    any more loses it."""
    catalog = default_catalog()
    flagged = {name for name, action in catalog.actions.items() if action.asked}
    assert flagged == asked_for() & set(catalog.actions)
    assert {"modelarts", "obs", "iam", "resource_share", "cts"} <= catalog.served
