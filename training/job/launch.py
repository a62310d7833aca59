"""From a job to the document its runner reads."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts import services as accounts
from compute import local
from compute.runner.spec import Fetch, Input, Output, RunSpec
from compute.slot import services as slots
from core.errors import AppError
from datasets import queries as datasets
from training.job import output_paths
from training.job.models import Attempt, TrainingJob
from training.job.values import secrets_of

DATA = "/home/ma-user/modelarts"
CREDENTIAL_LIFETIME = dt.timedelta(hours=2)
RENEW_BEFORE = dt.timedelta(hours=1)
GRACE_SECONDS = 30


class AuthorisationLost(AppError):
    """User or agency may no longer do what the job needs (vector V4)."""

    code = "AUTHORISATION_LOST"


def bound_to(job: TrainingJob) -> str:
    """Label that a credential of this job carries."""
    return f"training.trainingjob:{job.pk}"


def credential(job: TrainingJob, attempt: Attempt) -> Path:
    """Issue a short-lived credential for one attempt and store it for the runner.

    Raises AuthorisationLost when user or agency is gone or expired.
    """
    try:
        bearer = accounts.issue_for(
            user_id=job.created_by_id,
            agency_id=job.agency_id,
            bound_to=bound_to(job),
            lifetime=CREDENTIAL_LIFETIME,
        )
    except AppError as error:
        raise AuthorisationLost(error.message, hint=error.hint) from error
    attempt.credential_until = timezone.now() + CREDENTIAL_LIFETIME
    attempt.save(update_fields=["credential_until"])
    return local.write_credential(str(attempt.pk), bearer)


def renew(job: TrainingJob, attempt: Attempt) -> None:
    """Replace the credential of a long run before it ends; the runner reads the file each time."""
    until = attempt.credential_until
    if until is None or timezone.now() > until - RENEW_BEFORE:
        credential(job, attempt)


def run_spec(job: TrainingJob, attempt: Attempt, engine: Path, credential_file: Path) -> RunSpec:
    """What the runner needs to do this attempt. Paths inside follow the vendor's layout."""
    code_name = PurePosixPath(job.code_prefix.rstrip("/")).name or job.code_bucket
    fetch = [
        Fetch(
            "prefix",
            f"code/{code_name}",
            bucket=job.code_bucket,
            prefix=job.code_prefix,
            skip=_no_code(job),
        )
    ]
    inputs: list[Input] = []
    parameters: dict[str, str | None] = {}
    variables: dict[str, str] = {}
    for item in job.inputs:
        if "dataset_version" in item:
            fetch += _dataset(item)
            passed = variables if method_of(item) == "env" else parameters
            passed[item["name"]] = local_path(item, "inputs")
        else:
            inputs.append(Input(item["name"], item["bucket"], item["prefix"], method_of(item)))
    secrets = secrets_of(job)
    parameters |= job.hyperparameters | secrets["hyperparameters"]
    return RunSpec(
        attempt=str(attempt.pk),
        kind="job",
        token=attempt.number,
        api_url=local.api_url(),
        credential_file=str(credential_file),
        fetch=tuple(fetch),
        code_name=code_name,
        boot_file=job.boot_file,
        engine=str(engine),
        hyperparameters=parameters,
        inputs=tuple(inputs),
        outputs=tuple(
            Output(
                i["name"],
                i["bucket"],
                i["prefix"],
                settings.MODELYARD_OUTPUT_SYNC_SECONDS,
                method_of(i),
                bool(i.get("predownload")),
            )
            for i in job.outputs
        ),
        env={
            **job.environment,
            **secrets["environment"],
            **variables,
            "MODELYARD_JOB_NAME": job.name,
        },
        masked=tuple(sorted({*secrets["environment"], *secrets["hyperparameters"]})),
        limits=slots.limits_of(attempt.pk, job.flavor, wall_seconds=job.max_duration),
        grace_seconds=GRACE_SECONDS,
    )


def method_of(item: Mapping[str, Any]) -> str:
    """How an input's or output's path reaches the program: "parameter" or "env"."""
    return str(item.get("access_method") or "parameter")


def local_path(item: Mapping[str, Any], kind: str) -> str:
    """Where an input or output ("inputs", "outputs") lies, as the program sees it."""
    return f"{DATA}/{kind}/{item['name']}_0"


def _no_code(job: TrainingJob) -> tuple[str, ...]:
    """What lies below the code directory and is no code: what jobs write."""
    own = {i["prefix"] for i in job.outputs if i["bucket"] == job.code_bucket}
    if not job.code_prefix and not job.boot_file.startswith(output_paths.DEFAULT_FOLDER):
        own.add(output_paths.DEFAULT_FOLDER)
    return tuple(sorted(prefix for prefix in own if prefix))


def _dataset(item: dict[str, Any]) -> list[Fetch]:
    return [
        Fetch(
            "url",
            f"inputs/{item['name']}_0/{file.path}",
            url=file.url,
            sha256=file.sha256,
        )
        for file in datasets.version_files(uuid.UUID(item["dataset_version"]))
    ]
