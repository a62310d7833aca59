"""Sole writers of training jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from accounts import services as accounts
from compute import local, logtext
from compute.backends.base import LogChunk, UnknownAttempt
from compute.catalog.flavors import DEFAULT_FLAVOR, pools
from core import sealed, services, states
from core.actor import Actor
from core.errors import Conflict, NotFound, Problem, ValidationFailed
from core.models import Event
from training import messages
from training.job import checks, claims, launch, output_paths, upload, values
from training.job.models import Attempt, MetricPoint, TrainingJob

DOWNLOADED = 256 * 1024  # bytes of log per piece of a download
TEXTS = ("name", "code_bucket", "code_prefix", "boot_file", "engine")


def form_context() -> dict[str, Any]:
    """Context keys that a create decision requires, before anybody chose a pool."""
    return {"modelarts:poolType": "public"}


def decision_context(data: Mapping[str, Any]) -> dict[str, Any]:
    """Context keys of ``modelarts:trainJob:create`` (vector V3: poolType is required)."""
    pool = pools().get(str(data.get("pool") or "public"))
    return {"modelarts:poolType": pool.kind if pool else "unknown"}


def create(
    actor: Actor, data: Mapping[str, Any], *, again: TrainingJob | None = None
) -> TrainingJob:
    """Check everything that can be known, claim the output paths, accept the job. ``again``: the
    job of which it is a rerun.

    Raises:
        ValidationFailed: with every problem at once. Conflict: an output path is in use, or holds
        objects and ``allow_nonempty_outputs`` (True, or paths as ``output_paths.path`` writes them)
        does not take it.
        AccessDenied, QuotaExceeded.
    """
    spec = _normalised(data)
    spec["problems"] = checks.settle_engine(spec)
    spec["secrets"] = values.separated(spec)
    _refuse(checks.shape(spec))  # what reads no row waits for no lock
    job = TrainingJob(
        **{k: v for k, v in spec.items() if k in _COLUMNS},
        problems=spec["problems"],
        parent_id=again.pk if again else None,
    )
    values.keep(job, spec["secrets"])
    states.start(job, TrainingJob.Phase.CREATING)

    def under_the_lock(job: TrainingJob) -> None:
        agency = accounts.agency_for(actor)
        _refuse(checks.check(actor, spec, agency))
        job.agency_id = agency.pk if agency else None

    def beside(job: TrainingJob) -> None:
        _write_beside(job)
        # After the claim: no other job writes there from here on.
        output_paths.refuse_filled(actor, job.outputs, spec.get(output_paths.ACCEPT) or ())

    return services.create(
        actor,
        job,
        context=decision_context(spec),
        before_save=under_the_lock,
        after_save=beside,
        verb="rerun" if again else "create",
    )


def _refuse(problems: list[Problem]) -> None:
    """Raises ValidationFailed where there are problems."""
    if problems:
        raise ValidationFailed(problems[0].text, problems=problems)


def update(
    actor: Actor, obj: TrainingJob, data: Mapping[str, Any], *, expected_version: int | None = None
) -> TrainingJob:
    """Only words about a job may change: what ran, ran."""
    changes = {k: v for k, v in data.items() if k in ("description", "tags", "priority")}
    refused = sorted(set(data) - set(changes) - {"name"})
    if refused or data.get("name", obj.name) != obj.name:
        raise ValidationFailed.of((refused or ["name"])[0], messages.SPECIFICATION_FIXED())
    return services.update(actor, obj, changes, expected_version=expected_version)


def delete(actor: Actor, obj: TrainingJob, *, expected_version: int | None = None) -> None:
    """Delete a job that is over. Outputs in buckets stay where they are."""

    def only_when_over(job: TrainingJob) -> None:
        if not job.is_terminal:
            raise states.conflict(job, messages.NOT_STOPPED(job=job, phase=states.phase_word(job)))
        for attempt in Attempt.objects.filter(job=job):
            local.current().remove(str(attempt.pk))

    verb = "delete-rerun" if obj.parent_id else "delete"
    services.delete(
        actor, obj, expected_version=expected_version, before_delete=only_when_over, verb=verb
    )


def stop(actor: Actor, obj: TrainingJob, data: Mapping[str, Any]) -> TrainingJob:
    """Ask a job to stop; outputs written so far are kept. Handler of the verb ``stop``."""
    return states.desire(obj, "stopped", actor=actor)


def rerun(actor: Actor, obj: TrainingJob, data: Mapping[str, Any]) -> TrainingJob:
    """A new job with the same specification, its outputs beside the first one's where their path
    has the job's name, or at ``outputs``. Verb ``rerun``."""
    actor = actor.with_request(region=obj.region)
    name = str(data.get("name") or "") or next_name(obj)
    copy = {c: getattr(obj, c) for c in _COLUMNS} | {
        "name": name,
        "outputs": data.get("outputs") or output_paths.of_rerun(obj.outputs, obj.name, name),
        output_paths.ACCEPT: data.get(output_paths.ACCEPT) or (),
    }
    return create(actor, copy | _values_again(actor, obj, data), again=obj)


def _values_again(actor: Actor, obj: TrainingJob, data: Mapping[str, Any]) -> dict[str, Any]:
    """Variables and hyperparameters of a rerun. Those of the job go only to the user who
    wrote them: who submits a job reads its values, and the code may be another one by now.

    Raises: ValidationFailed, Conflict (its secrets cannot be opened).
    """
    given = {field: dict(data.get(field) or {}) for field in values.FIELDS}
    if not values.readable(obj, actor):
        missing = [problem for kind in values.KINDS for problem in _not_yours(obj, kind, given)]
        if missing:
            raise ValidationFailed(missing[0].text, problems=missing)
        return given
    try:
        kept = values.secrets_of(obj)
    except sealed.Unsealable as error:
        raise Conflict(messages.SECRETS_CLOSED(obj=obj, error=error)) from error
    again = {kind: getattr(obj, kind) | given[kind] for kind in values.KINDS}
    return again | {f"secret_{k}": kept[k] | given[f"secret_{k}"] for k in values.KINDS}


def _not_yours(
    obj: TrainingJob, kind: str, given: Mapping[str, Mapping[str, str]]
) -> Iterator[Problem]:
    """What another user has to send a value of their own for, and did not."""
    secret = f"secret_{kind}"
    for name in values.secret_names(obj, kind):
        if name not in given[secret]:
            yield Problem(secret, messages.SECRET_NOT_YOURS(name=name, obj=obj))
    for name in getattr(obj, kind):
        if name not in given[kind] and name not in given[secret]:
            yield Problem(kind, messages.VALUE_NOT_YOURS(name=name, obj=obj))


def retry_upload(actor: Actor, obj: TrainingJob, data: Mapping[str, Any]) -> TrainingJob:
    """Upload what a failed upload left on the host, with the job's own rights. Verb
    ``retry-upload``.

    Raises:
        Conflict: the files are gone, or another job writes to the output path now.
        AuthorisationLost: the job's user or agency may no longer do it.
        QuotaExceeded: the account has as many unfinished jobs as it may.
    """
    attempt = obj.attempt
    backend = local.current()
    if attempt is None or not backend.may_retry_upload(str(attempt.pk)):
        raise states.conflict(obj, messages.FILES_GONE(obj=obj))
    # First: new jobs count against the quota before they claim their outputs, too.
    opened = states.reopen(
        obj,
        TrainingJob.Phase.RUNNING,
        actor=actor,
        secondary="Uploading",
        message=messages.UPLOAD_AGAIN(),
        ended_at=None,
    )
    claims.claim(opened)
    launch.credential(opened, attempt)
    upload.ask(attempt, backend.observe(str(attempt.pk)))
    return opened


def next_name(obj: TrainingJob) -> str:
    """The first free name of a rerun."""
    stem, _dash, last = obj.name.rpartition("-rerun")
    stem = stem if stem and last.isdigit() else obj.name
    taken = set(
        TrainingJob.objects.unscoped("next free name")
        .filter(account_id=obj.account_id, region=obj.region, name__startswith=stem[:50])
        .values_list("name", flat=True)
    )
    number = 1
    while f"{stem[:52]}-rerun{number}" in taken:
        number += 1
    return f"{stem[:52]}-rerun{number}"


_COLUMNS = (
    "name",
    "description",
    "tags",
    "code_bucket",
    "code_prefix",
    "boot_file",
    "engine",
    "flavor",
    "pool",
    "inputs",
    "outputs",
    "hyperparameters",
    "environment",
    "max_duration",
    "priority",
)


def _normalised(data: Mapping[str, Any]) -> dict[str, Any]:
    """Input with defaults filled in and paths in one form. Raises ValidationFailed."""
    missing = [name for name in TEXTS if not str(data.get(name) or "").strip()]
    missing = [name for name in missing if name != "code_prefix"]
    if missing:
        problems = [Problem(n, messages.REQUIRED()) for n in missing]
        raise ValidationFailed(messages.FIELDS_MISSING(), problems=problems)
    spec: dict[str, Any] = {
        "description": "",
        "tags": {},
        "code_prefix": "",
        "flavor": DEFAULT_FLAVOR,
        "pool": "public",
        "hyperparameters": {},
        "environment": {},
        "max_duration": 3600,
        "priority": 1,
        **{k: v for k, v in data.items() if v is not None},
    }
    spec["code_prefix"] = checks.directory(spec["code_prefix"])
    spec["boot_file"] = spec["boot_file"].strip()
    spec["inputs"] = [_place(i) for i in data.get("inputs") or []]
    outputs = data.get("outputs") or output_paths.default(spec["code_bucket"], str(spec["name"]))
    spec["outputs"] = [_place(i) for i in outputs]
    return spec


def _place(item: Mapping[str, Any]) -> dict[str, Any]:
    place = {"name": item["name"]}
    if item.get("dataset_version"):
        place["dataset_version"] = str(item["dataset_version"])
    else:
        place["bucket"] = str(item.get("bucket") or "")
        place["prefix"] = checks.directory(str(item.get("prefix") or ""))
    method = item.get("access_method") or "parameter"
    return (
        place
        | ({"access_method": method} if method != "parameter" else {})
        | ({"predownload": True} if item.get("predownload") else {})
    )


def _write_beside(job: TrainingJob) -> None:
    """What goes with a new job, in its transaction."""
    claims.claim(job)
    for problem in job.problems:
        text = checks.warning(job, problem)
        states.note(job, problem["code"], text, level=Event.Level.WARNING)


def log_chunk(
    job: TrainingJob, number: int | None, offset: int, limit: int, *, colours: bool = False
) -> dict[str, Any]:
    """Part of an attempt's log as text, whose words it holds, the offset to go on from, and whether
    it is complete."""
    attempts = Attempt.objects.filter(job_id=job.pk)
    attempt = attempts.filter(number=number).first() if number else attempts.last()
    if attempt is None:
        if number:
            raise NotFound()
        return {"text": "", "marks": [], "next": 0, "eof": job.is_terminal, "attempt": 0}
    try:
        chunk = local.current().logs(str(attempt.pk), offset, max(limit, logtext.LEAST))
    except UnknownAttempt:
        nothing = {"text": "", "marks": [], "next": offset, "eof": job.is_terminal}
        return {**nothing, "attempt": attempt.number}
    found = logtext.rendered(chunk, colours=colours)
    ended = found["eof"] and attempt.ended_at is not None
    return {**found, "eof": ended, "attempt": attempt.number}


def log_file(job: TrainingJob, number: int | None) -> Iterator[bytes]:
    """The whole log of an attempt, piece by piece."""
    attempts = Attempt.objects.filter(job_id=job.pk)
    attempt = attempts.filter(number=number).first() if number else attempts.last()
    if attempt is None:
        return iter(())
    backend, name = local.current(), str(attempt.pk)

    def read(offset: int) -> LogChunk:
        try:
            return backend.logs(name, offset, DOWNLOADED)
        except UnknownAttempt:
            return LogChunk(b"", offset, True)

    return logtext.download(read)


def metric_series(job: TrainingJob) -> dict[str, list[tuple[float, float]]]:
    """(step, value) per metric name, in the order they were printed."""
    series: dict[str, list[tuple[float, float]]] = {}
    rows = MetricPoint.objects.filter(job_id=job.pk).order_by("id")
    for name, step, value in rows.values_list("name", "step", "value"):
        series.setdefault(name, []).append((step, value))
    return series
