"""Fields of the API's input that are stricter than those of the framework."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class WholeNumber(serializers.IntegerField):
    """An integer of JSON. The framework's field reads texts too, in the digits of every script,
    and fractions that happen to be whole."""

    def to_internal_value(self, data: Any) -> int:
        """The number. Raises ValidationError."""
        if type(data) is not int:  # True is an int to Python, not to JSON
            self.fail("invalid")
        return super().to_internal_value(data)
