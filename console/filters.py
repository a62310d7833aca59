"""One filter set per resource type, the same for pages and API."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from core import registry
from core.digests import DigestField


class SearchFilter(django_filters.CharFilter):  # type: ignore[misc]
    """Substring search over the declared fields; a field with the digest of a sealed text is found
    by the whole text."""

    def __init__(self, fields: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields = fields

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        if not value:
            return qs
        condition = Q()
        for name in self.fields:
            sealed = None if "__" in name else qs.model._meta.get_field(name)
            if isinstance(sealed, DigestField):
                condition |= Q(**{f"{name}__in": sealed.digests(value)})
            else:
                condition |= Q(**{f"{name}__icontains": value})
        return qs.filter(condition)


class YesNoFilter(django_filters.ChoiceFilter):  # type: ignore[misc]
    """``true`` or ``false`` of a boolean field; nothing means both."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        return super().filter(qs, value == "true") if value else qs


class PhaseFilter(django_filters.ChoiceFilter):  # type: ignore[misc]
    """The status as it is shown: a secondary phase of ``IN_PLACE`` stands for its phase."""

    def __init__(self, model: type[Any], **kwargs: Any) -> None:
        self.in_place = model.IN_PLACE
        ends = [(name, label) for name, label in model.SECONDARY.items() if name in self.in_place]
        super().__init__(choices=[*model.Phase.choices, *ends], **kwargs)

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        if value in self.in_place:
            return qs.filter(secondary=value)
        return qs.exclude(secondary__in=self.in_place).filter(phase=value) if value else qs


@lru_cache(maxsize=256)
def filterset_class(spec: registry.Declaration) -> type[django_filters.FilterSet]:
    """Search ``q`` plus one filter per name in ``spec.filters``."""
    filters: dict[str, Any] = {"q": SearchFilter(spec.search, label=_("Search"), max_length=200)}
    for name in spec.filters:
        filters[name] = _filter_for(spec.model, name)
    meta = type("Meta", (), {"model": spec.model, "fields": []})
    return type(
        f"{spec.model.__name__}Filter", (django_filters.FilterSet,), {**filters, "Meta": meta}
    )


def _filter_for(model: type[Any], name: str) -> django_filters.Filter:
    field = model._meta.get_field(name)
    label = capfirst(field.verbose_name)  # lazy: the class outlives the request
    if name == "phase":
        return PhaseFilter(model, label=_("Status"), empty_label=_("Any status"))
    if field.choices:
        return django_filters.ChoiceFilter(
            choices=field.flatchoices, label=label, empty_label=_("Any")
        )
    if field.get_internal_type() == "BooleanField":
        return YesNoFilter(
            choices=[("true", _("Yes")), ("false", _("No"))], label=label, empty_label=_("Any")
        )
    if field.is_relation:  # by id: for programs and links
        return django_filters.UUIDFilter(
            field_name=field.attname, label=label, widget=forms.HiddenInput()
        )
    widget = forms.TextInput(attrs={"placeholder": _("Any")})
    return django_filters.CharFilter(
        lookup_expr="iexact", label=label, max_length=200, widget=widget
    )
