"""Resource patterns of policies as SQL conditions on rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q

from accounts import engine
from accounts.engine.matching import ResourcePattern, glob
from core.models import Resource

NO_ROW = Q(pk__in=[])
EVERY_ROW = ~NO_ROW


def has_paths(model: type[Resource]) -> bool:
    """Do policies name single rows of this type by a path?"""
    return model.access_path is not Resource.access_path


def rows_q(
    found: engine.ResourceFilter, model: type[Resource], service: str, kind: str, own: str | None
) -> Q:
    """The rows of ``model`` that a resource filter lets through.

    ``own`` is the caller's account when it owns the rows; None for rows of other accounts, whose
    account segment is then compared row by row.
    """
    if isinstance(found, engine.Everything):
        return EVERY_ROW
    if isinstance(found, engine.Nothing):
        return NO_ROW
    allow = [_pattern_q(p, model, service, kind, own) for p in found.allow]
    deny = [_pattern_q(p, model, service, kind, own) for p in found.deny]
    return any_of(allow) & ~any_of(deny)


def any_of(conditions: Iterable[Q]) -> Q:
    """One OR; no row where there is no condition."""
    parts = list(conditions)
    if not parts:
        return NO_ROW
    return parts[0] if len(parts) == 1 else Q(*parts, _connector=Q.OR)


def _pattern_q(
    pattern: ResourcePattern, model: type[Resource], service: str, kind: str, own: str | None
) -> Q:
    if not (glob(pattern.service, service.lower()) and glob(pattern.type, kind.lower())):
        return NO_ROW
    condition = EVERY_ROW
    if pattern.account != "*":
        if own is None:
            condition &= (
                Q(account__pk__regex=anchored(pattern.account))
                if "*" in pattern.account
                else Q(account_id=pattern.account)
            )
        elif not glob(pattern.account, own):
            return NO_ROW
    if pattern.region != "*":
        names = [r for r in ("", *settings.REGIONS) if glob(pattern.region, r.lower())]
        condition &= Q(region__in=names)
    if pattern.path != "*":
        condition &= path_q(model, pattern.path)
    return condition


def path_q(model: type[Resource], pattern: str) -> Q:
    """Rows whose path matches one pattern. A model whose path is not its name says how:
    ``access_path_q(patterns: list[str]) -> Q``."""
    own_way: Any = getattr(model, "access_path_q", None)
    if own_way is not None:
        q: Q = own_way([pattern])
        return q
    return Q(name__regex=anchored(pattern)) if "*" in pattern else Q(name=pattern)


def anchored(pattern: str) -> str:
    """The pattern as a regular expression over the whole text.

    SQLite evaluates it with Python's backtracking matcher, where every ``*`` but the last becomes
    an atomic group, so that no pattern takes more than linear steps; PostgreSQL does not backtrack.
    """
    head, *parts = (re.escape(part) for part in pattern.split("*"))
    if not parts:
        return rf"^{head}\Z"
    *inner, tail = parts
    step = "(?>.*?{})" if connection.vendor == "sqlite" else ".*{}"
    return f"^{head}{''.join(step.format(part) for part in inner if part)}.*{tail}\\Z"
