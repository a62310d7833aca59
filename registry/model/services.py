"""Sole writers of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.db import transaction
from django.utils import timezone

from core import access, references, services, states
from core.actor import Actor
from core.errors import Conflict, NotFound, ValidationFailed
from registry import messages
from registry.model.models import Model, ModelFile
from registry.model.sources import Source, resolve
from storage.blob import services as blobs
from storage.object.models import StoredObject

MAX_FILES = 10_000
MAX_BYTES = 20 * 1024**3  # vendor: package quota 20 GB


def create(actor: Actor, data: Mapping[str, Any]) -> Model:
    """Register the package below a path; its files are referenced now and checked next.

    ``data``: name, model_version (default: the next free one), description, tags, and a source:
    ``training_job`` (id; its output's directory) or ``bucket`` and ``prefix`` (the parent of the
    directory ``model``).

    Raises: ValidationFailed, AccessDenied, Conflict, QuotaExceeded.
    """
    with access.writing(actor):
        return _create(actor, data)


def _create(actor: Actor, data: Mapping[str, Any]) -> Model:
    source = resolve(actor, data)
    found = _package(actor, source)
    model = Model(
        name=str(data.get("name") or "").strip(),
        description=str(data.get("description") or ""),
        tags=dict(data.get("tags") or {}),
        model_version=str(data.get("model_version") or "") or _next_version(actor, data),
        size=sum(row.size for row in found),
        source=source.as_json(),
    )
    states.start(model, Model.Phase.PUBLISHING)

    def refer(row: Model) -> None:
        cut = len(source.prefix)
        ModelFile.objects.bulk_create(
            [
                ModelFile(
                    model=row, path=o.key[cut:], blob_id=o.blob_id, size=o.size, sha256=o.sha256
                )
                for o in found
            ],
            batch_size=500,
        )

    return services.create(actor, model, after_save=refer)


def update(
    actor: Actor, obj: Model, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Model:
    """Words may change; a published package never does."""
    changes = {k: v for k, v in data.items() if k in ("description", "tags")}
    refused = sorted(set(data) - set(changes))
    if refused:
        raise ValidationFailed.of(refused[0], messages.CONTENT_FIXED())
    return services.update(actor, obj, changes, expected_version=expected_version)


def delete(actor: Actor, obj: Model, *, expected_version: int | None = None) -> None:
    """Delete a model that does not run and is not shared. Raises Conflict naming what uses it."""

    def free(model: Model) -> None:
        references.refuse_if_used(model)
        ids = list(ModelFile.objects.filter(model=model).values_list("blob_id", flat=True))
        ModelFile.objects.filter(model=model).delete()
        blobs.release_on_commit(ids)

    services.delete(actor, obj, expected_version=expected_version, before_delete=free)


def deprecate(actor: Actor, obj: Model, data: Mapping[str, Any]) -> Model:
    """No new deploys from here on; what runs goes on. Handler of the verb."""
    return states.transition(
        obj,
        Model.Phase.DEPRECATED,
        actor=actor,
        reason="DEPRECATED",
        message=messages.DEPRECATED(),
    )


def restore(actor: Actor, obj: Model, data: Mapping[str, Any]) -> Model:
    """Undo a deprecation. Handler of the verb."""
    return states.transition(
        obj, Model.Phase.PUBLISHED, actor=actor, message=messages.IN_USE_AGAIN()
    )


def retry(actor: Actor, obj: Model, data: Mapping[str, Any]) -> Model:
    """Check the same files again, e.g. after the operator added an engine. Handler of the verb."""
    with transaction.atomic():
        states.transition(
            obj, Model.Phase.PUBLISHING, actor=actor, message=messages.CHECKING_AGAIN()
        )
    return obj


def new_version_url(model: Model) -> str:
    """The form for the next version of a model, filled in from where this one was taken."""
    source = model.source or {}
    known = {"name": model.name, "bucket": source.get("bucket"), "prefix": source.get("prefix")}
    return f"/models/new?{urlencode({k: v for k, v in known.items() if v})}"


#: findings that another engine on this installation would mend without another package
OF_ENGINES = frozenset(
    {"ENGINE_UNSUPPORTED", "RUNTIME_UNKNOWN", "DEPENDENCY_MISSING", "DEPENDENCY_VERSION"}
)


def may_pass_now(model: Model) -> bool:
    """Whether the same files could pass another check: the engines alone were in the way."""
    errors = {p.get("code") for p in model.problems or [] if p.get("level") == "error"}
    return bool(errors) and errors <= OF_ENGINES


def require_deployable(model: Model) -> None:
    """Raise Conflict unless new services may be made from ``model`` now."""
    if model.phase != Model.Phase.PUBLISHED:
        raise Conflict(messages.MODEL_NOT_PUBLISHED(model=model, phase=states.phase_word(model)))


def _package(actor: Actor, source: Source) -> list[StoredObject]:
    """Rows of the package that the actor may read. Raises ValidationFailed."""
    rows = source.rows(actor)[: MAX_FILES + 1]
    if not rows:
        raise ValidationFailed.of(source.field, messages.NO_MODEL_DIRECTORY(source=source))
    if len(rows) > MAX_FILES:
        raise ValidationFailed.of(source.field, messages.MOST_FILES(most=MAX_FILES))
    if sum(row.size for row in rows) > MAX_BYTES:
        raise ValidationFailed.of(source.field, messages.MOST_BYTES())
    return rows


def _next_version(actor: Actor, data: Mapping[str, Any]) -> str:
    taken = (
        Model.objects.unscoped("next free version")
        .filter(account_id=actor.account_id, region=actor.region, name=data.get("name") or "")
        .values_list("model_version", flat=True)
    )
    numbers = [tuple(int(part) for part in version.split(".")) for version in taken]
    if not numbers:
        return "0.0.1"
    major, minor, patch = max(numbers)
    return f"{major}.{minor}.{patch + 1}"


def file_of(model: Model, path: str) -> ModelFile:
    """One file of a model that the caller may read. Raises NotFound."""
    row = ModelFile.objects.select_related("blob").filter(model=model, path=path).first()
    if row is None:
        raise NotFound()
    return row


def checked(model: Model, report: Any, *, actor: Actor) -> Model:
    """Write the verdict of the package check."""
    problems = [
        {
            "code": p.code,
            "file": p.file,
            "message": p.message,
            "fix": p.fix,
            "where": p.where,
            "level": p.level,
        }
        for p in report.problems
    ]
    errors, warnings = report.errors, report.warnings
    if not errors and not report.engine:
        errors = 1
        problems.append(
            {
                "code": "ENGINE_UNSUPPORTED",
                "file": "model/config.json",
                "level": "error",
                "message": messages.ENGINE_UNSUPPORTED(type=report.model_type)
                if report.model_type
                else messages.NO_ENGINE(),
                "fix": messages.NO_ENGINE().next,
                "where": "$.model_type",
            }
        )
    problems.sort(key=lambda found: found["level"] != "error")
    fields = {
        "config": report.config,
        "problems": problems,
        "model_type": report.model_type,
        "engine": report.engine,
        "observed_at": timezone.now(),
    }
    if errors:
        first = problems[0]
        count = messages.ERRORS(n=errors)
        if warnings:
            count = messages.BOTH(errors=count, warnings=messages.WARNINGS(n=warnings))
        return states.transition(
            model,
            Model.Phase.FAILED,
            actor=actor,
            reason=first["code"],
            message=messages.FIRST_PROBLEM(count=count, message=first["message"]),
            detail={"next": first["fix"]},
            **fields,
        )
    return states.transition(
        model,
        Model.Phase.PUBLISHED,
        actor=actor,
        message=messages.CHECKED(file_count=report.file_count, engine=report.engine),
        detail={"next": ""},
        **fields,
    )
