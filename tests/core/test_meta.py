"""Everything that can be reached is declared: pages, API routes, tasks, commands, models."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

from console import checks
from console.app_list import APPS
from core import managers, registry
from core.errors import UnscopedQuery
from core.models import Resource


def test_every_route_declares_who_may_use_it() -> None:
    seen = [path for path, _callback in checks.routes()]
    assert len(seen) > 100
    assert checks.doors(None) == []
    assert set(checks.FOREIGN) <= set(seen), "stale exemptions"


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
    for room in APPS:
        for file in (Path(settings.BASE_DIR) / room).rglob("*.py"):
            names = {
                node.attr if isinstance(node, ast.Attribute) else node.id
                for node in ast.walk(ast.parse(file.read_text()))
                if isinstance(node, ast.Attribute | ast.Name)
            }
            assert not names & banned, f"{file}: {names & banned}"
