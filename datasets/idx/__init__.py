"""IDX files (the layout of MNIST): strict validation and reading in constant memory, no Django.

The caller hands over a mapping ``name -> callable that opens a binary stream``; nothing here
knows where the bytes live.
"""

from .bounded import PAGE_WALL_SECONDS, validate_bounded, window_bounded
from .reader import IdxError, IdxStream, Opener
from .roles import Role, find_roles
from .sample import Sample, sample, to_png
from .validate import IdxReport, Problem, SplitSummary, validate

__all__ = [
    "PAGE_WALL_SECONDS",
    "IdxError",
    "IdxReport",
    "IdxStream",
    "Opener",
    "Problem",
    "Role",
    "Sample",
    "SplitSummary",
    "find_roles",
    "sample",
    "to_png",
    "validate",
    "validate_bounded",
    "window_bounded",
]
