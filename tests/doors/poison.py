"""Hostile text in every column that holds text, written past every validator.

Validators refuse most of it; templates must not need them to.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import models

from console.app_list import DOMAIN_APPS
from core.models import AuditRecord, Event
from tests.doors.world import World
from training.job.models import Attempt, MetricPoint, TrainingJob

MARK = "xss-a"
SHORT = f"\"'><{MARK} onxss=1><img src=x onerror=alert(1)>"
LONG = f"{SHORT}{{{{7*7}}}}</{MARK}></script></textarea></title><script>alert(2)</script>"
#: columns whose text is not free: states, kinds, places, digests, names of engines
FIXED = frozenset(
    {
        "phase", "secondary", "desired", "region", "engine", "flavor", "pool", "format", "state",
        "digest", "sha256", "password", "prefix", "kind", "bucket", "code_bucket", "model_account",
        "model_account_id", "session_key", "permission", "resource_type", "permission_version",
        "system", "duration", "model_version", "lease_owner", "content_type",
        "sealed_email", "email_digest", "workspace_id", "enterprise_project_id", "code",
    }
)  # fmt: skip


def text_for(field: models.Field[Any, Any]) -> str | None:
    """What to write into a column, or None where its text is fixed."""
    if not isinstance(field, models.CharField | models.TextField) or field.primary_key:
        return None
    if field.choices or field.name in FIXED:
        return None
    room = field.max_length or 1000
    return next((text for text in (LONG, SHORT) if len(text) <= room), None)


def poisoned(value: Any) -> Any:
    """JSON with every text in it replaced; keys of objects stay, because code looks for them."""
    if isinstance(value, dict):
        return {k: v if k in FIXED or k == "type" else poisoned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(v) for v in value]
    return SHORT if isinstance(value, str) else value


def poison(world: World) -> int:
    """Rewrite the rows of ``world``. Returns how many columns were changed."""
    _more(world)
    changed = 0
    rooms = {*DOMAIN_APPS} - {"compute", "ops"}
    for model in apps.get_models():
        if model._meta.app_label not in rooms:
            continue
        manager = model._base_manager
        for row in manager.all():
            values: dict[str, Any] = {}
            for field in model._meta.concrete_fields:
                text = text_for(field)
                if text is not None:
                    values[field.attname] = (
                        text[:-40] + f"{row.pk!s:.40}" if _unique(field) else text
                    )
                elif isinstance(field, models.JSONField) and field.name not in ("document", "tags"):
                    values[field.attname] = poisoned(getattr(row, field.attname))
                elif field.name == "tags":
                    values["tags"] = {SHORT: SHORT}
            values = {k: v for k, v in values.items() if not _named(model, k)}
            manager.filter(pk=row.pk).update(**values)
            changed += len(values)
    for row in world.objects.values():
        row.refresh_from_db()
    return changed


def _unique(field: models.Field[Any, Any]) -> bool:
    return bool(field.unique)


def _named(model: type[models.Model], column: str) -> bool:
    """Names that several rows of this world must not share: theirs are set one by one."""
    return column in ("name", "key", "path") or (
        model.__name__ == "ApiToken" and column == "prefix"
    )


def _more(world: World) -> None:
    """Names one by one, and rows that only a life would bring."""
    for at, row in enumerate(world.objects.values()):
        if any(f.name == "name" for f in row._meta.concrete_fields):
            room = row._meta.get_field("name").max_length
            type(row)._base_manager.filter(pk=row.pk).update(name=f"{at}{SHORT}"[:room])
    job = world.objects["training-jobs"]
    TrainingJob.objects.unscoped("test").filter(pk=job.pk).update(
        phase="Failed", reason="X", message=LONG,
        hyperparameters={SHORT: SHORT}, environment={SHORT: SHORT},
        detail={"next": LONG, "exception": LONG, "last_lines": [LONG], "exit_code": 1},
    )  # fmt: skip
    Attempt.objects.create(job=job, number=1, end_reason="X", report={"message": LONG})
    for step in range(3):
        MetricPoint.objects.create(
            job=job, attempt_number=1, name=SHORT, step=step, value=step, at=job.created_at
        )
    model = world.objects["models"]
    type(model)._base_manager.filter(pk=model.pk).update(
        config={
            "model_type": SHORT, "runtime": SHORT, "model_algorithm": SHORT,
            "apis": [{
                "protocol": "https", "url": SHORT, "method": "post",
                "request": {"Content-type": SHORT, "data": {
                    "type": "object", "properties": {SHORT: {"type": "string", "title": SHORT}}}},
                "response": {"Content-type": SHORT, "data": {
                    "type": "object", "properties": {SHORT: {"type": "string"}}}},
            }],
        },
        problems=[{"field": SHORT, "text": LONG, "code": SHORT, "next": LONG, "path": SHORT}],
    )  # fmt: skip
    for row in (*world.objects.values(), world.people["root"].user):
        account = world.owner.pk
        AuditRecord.objects.create(
            account_id=account, actor_kind="user", actor_label=LONG, event=SHORT[:60],
            action=SHORT[:60], resource_type=row._meta.label_lower, resource_id=str(row.pk),
            resource_name=SHORT, message=LONG, before={SHORT: SHORT}, after={SHORT: LONG},
        )  # fmt: skip
    for row in world.objects.values():
        Event.objects.create(
            account_id=world.owner.pk, resource_type=row._meta.label_lower,
            resource_id=str(row.pk), code=SHORT, message=LONG, actor_label=LONG,
            phase_from=SHORT[:32], phase_to=SHORT[:32], detail={SHORT: LONG},
        )  # fmt: skip
