"""A thing refers to things of its own region alone: jobs, services, models, datasets, shares.

What belongs to the whole account has no region ("") and fits everywhere.
"""

from __future__ import annotations

from typing import Any

from core import messages, registry
from core.codes import label
from core.errors import Problem, ValidationFailed
from core.models import Resource


def mismatch(what: Any, region: str, user: type[Resource], *, field: str) -> Problem | None:
    """What is wrong with ``what`` (a row) for a row of type ``user`` in ``region``; None where they
    fit. ``field`` is the input that names ``what``."""
    if not what.region or what.region == region:
        return None
    return Problem(
        field,
        messages.REGION_MISMATCH(
            label=registry.spec_of(what).label,
            what=what,
            region=what.region,
            user=label(registry.spec_by_type(user._meta.label_lower).label, low=True),
            here=region,
        ),
    )


def require(what: Any, region: str, user: type[Resource], *, field: str) -> None:
    """Raises ValidationFailed (REGION_MISMATCH)."""
    problem = mismatch(what, region, user, field=field)
    if problem is not None:
        raise ValidationFailed(problem.text, problems=[problem])
