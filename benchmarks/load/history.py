"""Rows of the last months, made of what the demonstration left: every file is a real one."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from benchmarks.load.installation import ENGINE
from core.models import AuditRecord, Event
from datasets.dataset.models import Dataset
from datasets.version.models import DatasetFile, DatasetVersion
from registry.model.models import Model, ModelFile
from serving.service.models import Service
from training.job.models import Attempt, MetricPoint, TrainingJob

REGION = "cn-north-1"
JOBS, MODELS, DATASETS, VERSIONS, SERVICES, RECORDS = 120, 150, 60, 3, 12, 2000
POINTS = 120  # numbers of a job that has curves
WORDS = ("churn", "digits", "doors", "invoices", "leaves", "parcels", "queries", "roofs", "seams",
         "signs", "tides", "voices")  # fmt: skip
ENDS = (
    *3 * (("Completed", "", 0),),
    ("Failed", "USER_CODE", 1),
    ("Terminated", "STOPPED_BY_USER", 143),
)
BATCH = 400


def write(accounts: list[str]) -> str:
    """Fill every account; returns what was made, in words."""
    from benchmarks.load.world import words

    chance = random.Random(7)
    template = _templates()
    counts: dict[str, int] = {}
    for account in accounts:
        with transaction.atomic():
            for name, made in (
                ("datasets", _datasets(account, chance, template)),
                ("jobs", _jobs(account, chance)),
                ("models", _models(account, chance, template)),
                ("services", _services(account, chance, template)),
                ("audit records", _records(account, chance)),
            ):
                counts[name] = counts.get(name, 0) + made
    return words(counts)


def _templates() -> dict[str, Any]:
    """The demonstration's model and dataset version, with their files."""
    model = Model._base_manager.filter(phase="Published").latest("created_at")
    version = DatasetVersion._base_manager.filter(phase="Ready").latest("created_at")
    return {
        "model": model,
        "model_files": list(ModelFile.objects.filter(model=model)),
        "version": version,
        "version_files": list(DatasetFile.objects.filter(version=version)),
    }


def _moment(chance: random.Random) -> dt.datetime:
    return timezone.now() - dt.timedelta(minutes=chance.randint(60, 120 * 24 * 60))


def _keep(rows: list[Any], moments: Iterable[dt.datetime]) -> None:
    """Insert rows with a creation time of their own: the column fills itself on insert."""
    table = type(rows[0])._base_manager
    table.bulk_create(rows, batch_size=BATCH)
    for row, moment in zip(rows, moments, strict=True):
        row.created_at = moment
    table.bulk_update(rows, ["created_at"], batch_size=BATCH)


def _copy(source: Any, **changes: Any) -> Any:
    """A new row like ``source``, not yet written."""
    kept = {
        f.attname: getattr(source, f.attname)
        for f in source._meta.concrete_fields
        if not f.primary_key
    }
    return type(source)(**{**kept, "pk": uuid.uuid4(), **changes})


def _events(rows: list[Any], phases: tuple[str, ...]) -> None:
    Event.objects.bulk_create(
        [
            Event(
                account_id=row.account_id,
                resource_type=row._meta.label_lower,
                resource_id=str(row.pk),
                code=f"phase{phase}",
                message=f"Went to {phase}.",
                phase_to=phase,
                actor_label="system",
            )
            for row in rows
            for phase in (*phases, *([row.phase] if hasattr(row, "phase") else []))
        ],
        batch_size=BATCH,
    )


def _datasets(account: str, chance: random.Random, template: dict[str, Any]) -> int:
    sets = [
        Dataset(
            account_id=account, region=REGION, name=f"{chance.choice(WORDS)}-{n:03}", format="idx"
        )
        for n in range(DATASETS)
    ]
    _keep(sets, [_moment(chance) for _row in sets])
    versions = [
        _copy(template["version"], account_id=account, dataset_id=one.pk, number=n, name=f"V{n:03}")
        for one in sets
        for n in range(1, VERSIONS + 1)
    ]
    _keep(versions, [_moment(chance) for _row in versions])
    DatasetFile.objects.bulk_create(
        [
            DatasetFile(
                version=version, path=f.path, blob_id=f.blob_id, size=f.size, sha256=f.sha256
            )
            for version in versions
            for f in template["version_files"]
        ],
        batch_size=BATCH,
    )
    _events(versions, ("Creating", "Validating"))
    return len(sets)


def _models(account: str, chance: random.Random, template: dict[str, Any]) -> int:
    rows = [
        _copy(
            template["model"],
            account_id=account,
            name=f"{WORDS[n % len(WORDS)]}-{n // 3:03}",
            model_version=f"0.{n % 3}.1",
            phase=chance.choice(("Published", "Published", "Published", "Deprecated", "Failed")),
            tags={"team": chance.choice(("red", "green", "blue"))},
        )
        for n in range(MODELS)
    ]
    _keep(rows, [_moment(chance) for _row in rows])
    ModelFile.objects.bulk_create(
        [
            ModelFile(model=row, path=f.path, blob_id=f.blob_id, size=f.size, sha256=f.sha256)
            for row in rows
            for f in template["model_files"]
        ],
        batch_size=BATCH,
    )
    _events(rows, ("Publishing",))
    return len(rows)


def _jobs(account: str, chance: random.Random) -> int:
    rows, attempts, points, moments = [], [], [], []
    for number in range(JOBS):
        phase, reason, code = ENDS[number % len(ENDS)]
        began = _moment(chance)
        ended = began + dt.timedelta(seconds=chance.randint(20, 7200))
        job = TrainingJob(
            account_id=account,
            region=REGION,
            name=f"train-{chance.choice(WORDS)}-{number:03}",
            phase=phase,
            reason=reason,
            message="" if phase == "Completed" else "The program ended before it was done.",
            code_bucket="work",
            code_prefix="code/",
            boot_file="program.py",
            engine=ENGINE,
            flavor="modelyard.cpu.1u",
            hyperparameters={"seed": str(number), "steps": "60"},
            started_at=began,
            ended_at=ended,
        )
        rows.append(job)
        moments.append(began)
        attempts.append(
            Attempt(
                job=job, number=1, running_at=began, ended_at=ended, end_reason=reason,
                exit_code=code,
            )
        )  # fmt: skip
        if number % 4 == 0:
            points += [
                MetricPoint(
                    job=job, attempt_number=1, name=name, step=step, value=chance.random(), at=began
                )
                for name in ("loss", "accuracy")
                for step in range(POINTS)
            ]
    _keep(rows, moments)
    Attempt.objects.bulk_create(attempts, batch_size=BATCH)
    MetricPoint.objects.bulk_create(points, batch_size=BATCH)
    _events(rows, ("Creating", "Pending", "Running"))
    return len(rows)


def _services(account: str, chance: random.Random, template: dict[str, Any]) -> int:
    rows = [
        Service(
            account_id=account,
            region=REGION,
            name=f"serve-{chance.choice(WORDS)}-{n:02}",
            phase="Stopped",
            desired="stopped",
            model_label=str(template["model"]),
            model_account_id=account,
            engine=ENGINE,
            flavor="modelyard.cpu.1u",
        )
        for n in range(SERVICES)
    ]
    _keep(rows, [_moment(chance) for _row in rows])
    _events(rows, ("Deploying", "Running"))
    return len(rows)


def _records(account: str, chance: random.Random) -> int:
    rows = [
        AuditRecord(
            account_id=account,
            actor_kind="user",
            actor_label=f"user {n % 9}",
            via="console",
            event=chance.choice(("createModelArtsTrainJob", "addModel", "createDataset", "login")),
            action="modelarts:trainJob:create",
            resource_name=f"{chance.choice(WORDS)}-{n:04}",
            result="denied" if n % 20 == 0 else "ok",
        )
        for n in range(RECORDS)
    ]
    AuditRecord.objects.bulk_create(rows, batch_size=BATCH)
    return len(rows)
