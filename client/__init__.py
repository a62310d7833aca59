"""The Python client of the API: calls, uploads, predictions. Standard library only."""

from client.api import (
    Answer,
    Api,
    Refused,
    StepFailed,
    brief,
    call,
    predict,
    sha256_of,
    wait,
)

__all__ = [
    "Answer",
    "Api",
    "Refused",
    "StepFailed",
    "brief",
    "call",
    "predict",
    "sha256_of",
    "wait",
]
