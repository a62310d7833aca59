"""Fields of the API's input that are stricter than those of the framework."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from console import messages
from core.errors import Problem
from core.models.resource import MAX_TAGS

MAX_PLACE = 100  # characters of the place of a problem


class WholeNumber(serializers.IntegerField):
    """An integer of JSON. The framework's field reads texts too, in the digits of every script,
    and fractions that happen to be whole."""

    def to_internal_value(self, data: Any) -> int:
        """The number. Raises ValidationError."""
        if type(data) is not int:  # True is an int to Python, not to JSON
            self.fail("invalid")
        return super().to_internal_value(data)


class Items(serializers.ListField):
    """A list of at most ``max_length`` items, counted before any of them is looked at."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """The items. Raises ValidationError."""
        if isinstance(data, list) and len(data) > (self.max_length or 0):
            raise serializers.ValidationError(
                f"At most {self.max_length} items.", code="max_length"
            )
        return super().to_internal_value(data)


class Pairs(serializers.DictField):
    """Texts by name, at most ``max_length`` of them, counted before any is looked at."""

    default_error_messages = {"max_length": "At most {max_length} entries."}

    def __init__(self, *, max_length: int, longest: int, **kwargs: Any) -> None:
        self.max_length = max_length
        kwargs.setdefault("child", serializers.CharField(allow_blank=True, max_length=longest))
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """The texts by name. Raises ValidationError."""
        if isinstance(data, Mapping) and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)


class Tags(Pairs):
    """Tags as input; the model has the rules of a key and a value."""

    default_error_messages = {"max_length": "Tags are at most 20 key-value pairs."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_TAGS, longest=255, **kwargs)


class Document(serializers.JSONField):
    """A document with a checker of its own, which bounds what is in it: ``bounded_by`` names it."""

    def __init__(self, *, bounded_by: str, **kwargs: Any) -> None:
        self.bounded_by = bounded_by
        super().__init__(**kwargs)


def unknown_fields(form: Any, data: Any, path: str = "") -> Iterator[Problem]:
    """What ``data`` holds that the serializer or field ``form`` does not know, nested ones too."""
    if isinstance(form, serializers.Serializer):
        if not isinstance(data, Mapping):
            return
        fields = {name: one for name, one in form.fields.items() if not one.read_only}
        known = ", ".join(sorted(fields)) or "none"
        for name in sorted(set(data) - set(fields)):
            yield Problem(f"{path}{name}"[:MAX_PLACE], messages.UNKNOWN_FIELD(known=known))
        for name in sorted(set(data) & set(fields)):
            yield from unknown_fields(fields[name], data[name], f"{path}{name}.")
    elif isinstance(form, serializers.ListSerializer | serializers.ListField):
        if isinstance(data, list) and _nested(form.child):
            for position, one in enumerate(data):
                where = f"{path.removesuffix('.')}[{position}]."
                yield from unknown_fields(form.child, one, where)
    elif isinstance(form, serializers.DictField) and _nested(form.child):
        for name, one in data.items() if isinstance(data, Mapping) else ():
            yield from unknown_fields(form.child, one, f"{path}{str(name)[:64]}.")


def _nested(child: Any) -> bool:
    return isinstance(
        child,
        serializers.Serializer
        | serializers.ListSerializer
        | serializers.ListField
        | serializers.DictField,
    )


def unbounded(serializer: serializers.Serializer[Any], path: str = "") -> Iterator[str]:
    """Places of a serializer of input that take as much as somebody sends, nested ones too."""
    for name, one in serializer.fields.items():
        if not one.read_only:
            yield from _unbounded(one, f"{path}{name}")


def _unbounded(one: Any, path: str) -> Iterator[str]:
    if isinstance(one, serializers.ListSerializer | serializers.ListField | serializers.DictField):
        if not getattr(one, "max_length", None):
            yield path
        yield from _unbounded(one.child, f"{path}[]")
    elif isinstance(one, serializers.Serializer):
        yield from unbounded(one, f"{path}.")
    elif isinstance(one, serializers.JSONField):
        if not getattr(one, "bounded_by", ""):
            yield path
    elif isinstance(one, serializers.CharField) and not one.max_length:
        yield path
