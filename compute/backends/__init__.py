"""Where programs run. Every backend offers the same verbs; see `compute.backends.base`."""

from compute.backends.base import (
    AttemptConflict,
    Backend,
    BackendError,
    LogChunk,
    Observation,
    UnknownAttempt,
)
from compute.backends.local import LocalBackend

__all__ = [
    "AttemptConflict",
    "Backend",
    "BackendError",
    "LocalBackend",
    "LogChunk",
    "Observation",
    "UnknownAttempt",
]
