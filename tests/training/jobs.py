"""Rows of training jobs as a submission leaves them, without a process."""

from __future__ import annotations

import itertools
from typing import Any

from core import references
from tests.storage.people import Person
from training.job.models import TrainingJob

_numbers = itertools.count(1)


def job(owner: Person, name: str = "", *, phase: str = "Running", **fields: Any) -> TrainingJob:
    """A job in ``phase`` with its references; its code is ``data/code/`` unless told otherwise."""
    made = TrainingJob.objects.create(
        account_id=owner.actor.account_id,
        region="cn-north-1",
        name=name or f"job{next(_numbers)}",
        phase=phase,
        boot_file="train.py",
        engine="python_3.11-sklearn-cpu",
        flavor="modelyard.cpu.1u",
        **{"code_bucket": "data", "code_prefix": "code/", **fields},
    )
    references.write(made)
    return made


def reads(version: Any) -> list[dict[str, str]]:
    """``inputs`` of a job that trains on a dataset version."""
    return [{"name": "data_url", "dataset_version": str(version.pk)}]
