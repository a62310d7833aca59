"""A thing refers to things of its own region alone: jobs, services, models, datasets, shares.

What belongs to the whole account has no region ("") and fits everywhere.
"""

from __future__ import annotations

from typing import Any

from core import registry
from core.errors import Problem, ValidationFailed
from core.text import english

CODE = "REGION_MISMATCH"


def mismatch(what: Any, region: str, user: str, *, field: str) -> Problem | None:
    """What is wrong with ``what`` (a row) for a ``user`` ("training job") in ``region``; None where
    they fit. ``field`` is the input that names ``what``."""
    if not what.region or what.region == region:
        return None
    label = english(registry.spec_of(what).label)
    return Problem(
        field,
        f"{label} `{what}` is in `{what.region}`; this {user} is in `{region}`.",
        CODE,
        f"Copy what it holds to `{region}`, or switch to region `{what.region}`.",
    )


def require(what: Any, region: str, user: str, *, field: str) -> None:
    """Raises ValidationFailed (REGION_MISMATCH)."""
    problem = mismatch(what, region, user, field=field)
    if problem is not None:
        raise ValidationFailed(problem.text, problems=[problem])
