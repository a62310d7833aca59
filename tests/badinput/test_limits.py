"""Every list, mapping and text that serializers and forms take has a bound, and it is enforced."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django import forms
from rest_framework import serializers

from console import screens
from console.api import fields
from core import registry
from core.errors import MAX_FIELD, MAX_PROBLEMS, MAX_TEXT, Problem, ValidationFailed
from tests.badinput.test_linear import modules

pytestmark = pytest.mark.postgresql

#: fields of Django's forms that take one of a list, or a value with a form of its own
SHORT = (
    forms.ChoiceField, forms.ModelChoiceField, forms.BooleanField, forms.IntegerField,
    forms.DateTimeField, forms.UUIDField,
)  # fmt: skip


def inputs() -> Iterator[type[serializers.Serializer[Any]]]:
    """Every serializer of input: of view sets, and of whatever calls ``accept``."""
    for spec in registry.all_specs():
        viewset = screens.of(spec).viewset
        if viewset is not None:
            found = (viewset.input_class, viewset.update_class, *viewset.verb_inputs.values())
            yield from (one for one in found if one is not None)
    for module, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) == "accept" and len(node.args) > 1:
                given = getattr(import_module(module), getattr(node.args[0], "id", ""), None)
                if isinstance(given, type) and issubclass(given, serializers.Serializer):
                    yield given


def _name(node: Any) -> str:
    return getattr(node, "attr", "") or getattr(node, "id", "")


def test_every_serializer_of_input_is_bounded() -> None:
    found = set(inputs())
    assert len(found) > 20
    for serializer in found:
        assert list(fields.unbounded(serializer())) == [], serializer.__name__


def test_a_serializer_without_bounds_is_found() -> None:
    class Inner(serializers.Serializer[Any]):
        texts = serializers.ListField(child=serializers.CharField(max_length=5))

    class Careless(serializers.Serializer[Any]):
        text = serializers.CharField()
        pairs = serializers.DictField(child=serializers.CharField(max_length=5))
        inner = Inner(many=True, max_length=5)
        many = Inner(many=True)
        anything = serializers.JSONField()
        shown = serializers.CharField(read_only=True)

    assert list(fields.unbounded(Careless())) == [
        "text", "pairs", "inner[].texts", "many", "many[].texts", "anything",
    ]  # fmt: skip


def all_forms(base: type[Any] = forms.BaseForm) -> Iterator[type[Any]]:
    for one in base.__subclasses__():
        yield from all_forms(one)
        if hasattr(one, "base_fields") and not one.__module__.startswith(("django", "tests")):
            yield one


def test_every_form_is_bounded() -> None:
    for module, _tree in modules():
        if module.endswith((".forms", ".pages")):
            import_module(module)
    found = set(all_forms())
    assert len(found) > 15
    for form in found:
        if form.__module__ in ("console.ui.patterns", "django_filters.filterset"):
            continue  # patterns are shown, never sent; filters are of one line each
        for name, field in form.base_fields.items():
            many = isinstance(field, forms.MultipleChoiceField | forms.ModelMultipleChoiceField)
            if not many and isinstance(field, SHORT):
                continue
            assert getattr(field, "max_length", None), f"{form.__name__}.{name}"


@pytest.mark.parametrize(
    ("field", "many"),
    [
        (fields.Items(child=serializers.CharField(max_length=9), max_length=3), ["x"] * 4),
        (fields.Pairs(max_length=3, longest=9), {str(i): "x" for i in range(4)}),
        (fields.Tags(), {str(i): "x" for i in range(21)}),
    ],
)
def test_the_bound_is_counted_before_any_item_is_read(
    field: Any, many: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(given: Any) -> Any:
        raise AssertionError("an item was read")

    monkeypatch.setattr(field.child, "run_validation", read)
    with pytest.raises(serializers.ValidationError):
        field.run_validation(many)


def test_choices_are_counted_before_any_is_looked_up() -> None:
    from console.choices import SearchChoicesField
    from console.forms import Choices, ModelChoices

    rows = registry.spec_by_slug("groups").model._base_manager.none()
    some = Choices(max_length=2), ModelChoices(queryset=rows, max_length=2)
    for field in (*some, SearchChoicesField(max_length=2)):
        with pytest.raises(forms.ValidationError) as refused:
            field.clean(["1", "2", "3"])
        assert refused.value.code == "TOO_MANY"


def test_an_answer_names_a_hundred_problems_and_counts_the_others() -> None:
    many = (Problem("f" * 999, "t" * 9999) for _number in range(250))
    error = ValidationFailed("m" * 9999, problems=many)
    assert len(error.problems) == MAX_PROBLEMS
    assert error.extra["problems_left_out"] == 150
    assert len(error.message) == MAX_TEXT == len(error.problems[0].text)
    assert len(error.problems[0].field) == MAX_FIELD
