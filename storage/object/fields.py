"""Column of an object key: compared byte by byte on every database."""

from __future__ import annotations

from typing import Any

from django.db import models

_COLLATIONS = {"postgresql": "C", "sqlite": "BINARY"}


class KeyField(models.CharField):  # type: ignore[type-arg]
    """Text that sorts by code point, so that a prefix is one range of the index.

    A database's own language would sort "a/b" and "a b" by rules under which the keys of one
    prefix do not stand together.
    """

    def db_parameters(self, connection: Any) -> Any:
        parameters: Any = super().db_parameters(connection)
        parameters["collation"] = _COLLATIONS.get(connection.vendor)
        return parameters
