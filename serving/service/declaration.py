"""What the kernel knows of services."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from core import references
from core.registry import Declaration, Ref, Role, Verb, crud, register
from serving.service import services
from serving.service.models import Instance, Service

AT_WORK = frozenset({"Pending", "Waiting", "Deploying", "Running", "Concerning"})


def prepare(rows: Any) -> Any:
    """Adds ``ready_count`` to a list's rows, so that no row asks for itself."""
    ready_rows = Instance.objects.filter(service=OuterRef("pk"), state=Instance.State.READY)
    counted = ready_rows.order_by().values("service").annotate(n=Count("pk")).values("n")
    return rows.annotate(ready_count=Coalesce(Subquery(counted), 0))


def refers_to(service: Service) -> list[Ref]:
    """The model, of any account."""
    return [references.to(service.model, "model")] if service.model is not None else []


SPEC = register(
    Declaration(
        model=Service,
        slug="services",
        iam="modelarts:service",
        label=_("Service"),
        label_plural=_("Services"),
        section="models",
        order=20,
        actions=crud("infer", logs="getLogs"),
        services=services,
        filters=("phase", "engine", "flavor"),
        search=("name", "model_label"),
        prepare=prepare,
        verbs=(
            Verb(
                "stop",
                "modelarts:service:action",
                _("Stop"),
                services.stop,
                phases=AT_WORK,
                event="startOrStopService",
                after={"desired": "stopped"},
            ),
            Verb(
                "start",
                "modelarts:service:action",
                _("Start"),
                services.start,
                phases=frozenset({"Stopped", "Failed"}),
                event="startOrStopService",
                after={"desired": "running"},
            ),
        ),
        events={
            "create": "addService",
        },
        trail_type="service",
        quota=("services", 20),
        references={"model": Role(_("runs from"), _("was deployed from"), holds=True)},
        refers_to=refers_to,
    )
)
