"""Everything that can be reached is declared: pages, API routes, tasks, commands, models."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from console.pages.base import Page
from core import managers, registry
from core.errors import UnscopedQuery
from core.models import Resource

ROOMS = (
    "core",
    "console",
    "accounts",
    "sharing",
    "storage",
    "compute",
    "datasets",
    "registry",
    "training",
    "serving",
    "ops",
)
#: routes that are neither a Page nor an API view, each with its reason
FOREIGN = {"i18n/setlang/": "Django's own language switch: a preference, CSRF-protected"}


def routes(resolver: Any = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from routes(entry, prefix + str(entry.pattern))
        elif isinstance(entry, URLPattern):
            yield prefix + str(entry.pattern), entry.callback


def test_every_route_declares_who_may_use_it() -> None:
    found, unused = 0, set(FOREIGN)
    for path, callback in routes():
        found += 1
        if path in FOREIGN:
            unused.discard(path)
            continue
        view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
        assert view is not None, f"{path} is a bare function"
        if issubclass(view, Page):
            declared = [n for n in ("action", "verb", "signed_in", "public") if getattr(view, n)]
            assert len(declared) == 1, f"{path}: {view.__name__} declares {declared}"
        else:
            rules = getattr(view, "declared", None)
            assert rules, f"{path}: {view.__name__} declares nothing"
            for handler in getattr(callback, "actions", None) or _methods(view):
                name = callback.actions[handler] if getattr(callback, "actions", None) else handler
                if name != "head" or "head" in rules:
                    assert name in rules, f"{path}: {view.__name__}.{name} is not declared"
    assert found > 100
    assert not unused, f"stale exemptions: {unused}"


def _methods(view: Any) -> list[str]:
    return [m for m in ("get", "post", "put", "patch", "delete") if hasattr(view, m)]


def test_a_page_without_a_declaration_cannot_be_defined() -> None:
    with pytest.raises(TypeError, match="must declare one of"):
        type("Careless", (Page,), {})
    with pytest.raises(TypeError, match="must declare one of"):
        type("Greedy", (Page,), {"action": "a:b:c", "public": "why not"})


def test_every_tenant_model_refuses_an_unscoped_query() -> None:
    models = [m for m in apps.get_models() if issubclass(m, Resource)]
    assert len(models) >= 8
    for model in models:
        for attempt in (
            lambda m=model: list(m.objects.all()),
            lambda m=model: m.objects.count(),
            lambda m=model: m.objects.filter(pk=None).first(),
            lambda m=model: m.objects.first(),
        ):
            with pytest.raises(UnscopedQuery):
                attempt()
        with pytest.raises(UnscopedQuery):
            model.objects.unscoped("")


@pytest.mark.django_db
def test_unscoped_use_is_counted() -> None:
    model = next(registry.all_specs()).model
    before = managers.unscoped_uses["a test"]
    assert list(model.objects.unscoped("a test").none()) == []
    assert managers.unscoped_uses["a test"] == before + 1


def test_no_way_back_from_a_related_row_to_tenant_rows() -> None:
    """A reverse accessor takes the child's default manager: it must be one that refuses."""
    for model in apps.get_models():
        for relation in model._meta.related_objects:
            child = relation.related_model
            if isinstance(child, type) and issubclass(child, Resource):
                assert relation.hidden or isinstance(
                    child._default_manager, managers.ScopedManager
                ), f"{model.__name__}.{relation.get_accessor_name()} leaks {child.__name__}"


def test_every_task_is_known() -> None:
    """A new task is a new door for arguments: it must be listed here with what it carries."""
    from console.celery import app

    app.loader.import_default_modules()
    ours = {name for name in app.tasks if not name.startswith("celery.")}
    expected = {
        "core.look": "type and id",
        "core.sweep": "nothing",
        "core.forget": "nothing",
        "core.analyze": "nothing",
        "core.pulse": "nothing",
        "storage.sweep": "nothing",
        "compute.sweep": "nothing",
        "accounts.forget": "nothing",
        "sharing.forget": "nothing",
        "ops.backup": "nothing",
    }
    assert ours == set(expected)


def test_actions_are_in_the_catalogue() -> None:
    """A declared action that no policy could name could never be granted."""
    from accounts.engine.catalog import default_catalog

    known = default_catalog()
    for spec in registry.all_specs():
        for action in (*map(spec.action, spec.actions), *(v.action for v in spec.verbs)):
            assert known.action(action) is not None, action


def test_only_one_place_decides() -> None:
    """Guardian's checks, Django's permissions and role tests stay out of every room."""
    banned = {
        "has_perm",
        "get_objects_for_user",
        "get_objects_for_group",
        "assign_perm",
        "get_perms",
        "user_passes_test",
        "permission_required",
        "has_module_perms",
    }
    for room in ROOMS:
        for file in (Path(settings.BASE_DIR) / room).rglob("*.py"):
            names = {
                node.attr if isinstance(node, ast.Attribute) else node.id
                for node in ast.walk(ast.parse(file.read_text()))
                if isinstance(node, ast.Attribute | ast.Name)
            }
            assert not names & banned, f"{file}: {names & banned}"
