"""Declaration of services."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from console.pages.base import status_of
from console.pages.references import lineage_tab
from console.ui.html import status_chip, time
from core import printed, references, registry
from core.actor import Actor
from core.registry import Column, Item, Panel, Ref, ResourceSpec, Role, Tab, Verb
from registry.package import build_example, command_line
from serving.service import services
from serving.service.api import address, ready_count
from serving.service.calls import MAX_FILE, called
from serving.service.models import Instance, Service, Traffic

AT_WORK = frozenset({"Pending", "Waiting", "Deploying", "Running", "Concerning"})


def prepare(rows: Any) -> Any:
    """Adds ``ready_count`` to a list's rows, so that no row asks for itself."""
    ready_rows = Instance.objects.filter(service=OuterRef("pk"), state=Instance.State.READY)
    counted = ready_rows.order_by().values("service").annotate(n=Count("pk")).values("n")
    return rows.annotate(ready_count=Coalesce(Subquery(counted), 0))


def refers_to(service: Service) -> list[Ref]:
    """The model, of any account."""
    return [references.to(service.model, "model")] if service.model is not None else []


def ready(service: Service) -> str:
    """Ready and wanted instances, as 1/1."""
    return f"{ready_count(service)}/{service.replicas}"


def panels(service: Service, actor: Actor) -> list[Panel]:
    """Overview: address, what runs, how often it was called."""
    calls = Traffic.objects.filter(service=service).aggregate(n=Sum("requests"))["n"] or 0
    own_model = service.model_account_id == service.account_id
    command = command_line(service.config)
    started = (
        (Item(_("Command"), command), Item(_("Port"), str(service.config["port"])))
        if command
        else ()
    )
    return [
        Panel(
            _("Endpoint"),
            (
                Item(_("Address"), address(service), copy=address(service)),
                Item(_("Authentication"), _("API token in the header Authorization: Bearer")),
                Item(_("Requests so far"), calls),
            ),
            icon="api",
        ),
        Panel(
            _("Deployment"),
            (
                Item(_("Model"), service.model_label),
                Item(
                    _("Owner of the model"),
                    _("this account") if own_model else service.model_account_id,
                ),
                Item(_("Engine"), service.engine),
                *started,
                Item(_("Flavor"), service.flavor),
                Item(_("Resource pool"), service.pool),
                Item(_("Ready instances"), ready(service)),
            ),
            icon="rocket",
        ),
        Panel(
            _("Instances"),
            template="serving/service/instances.html",
            icon="server",
            span=12,
            context={
                "instances": Instance.objects.filter(service=service).order_by("-number")[:20],
                "told": printed.readable(actor, service),
            },
        ),
    ]


def predict_context(request: Any, service: Service) -> dict[str, Any]:
    """What the Predict tab needs: the form's field from the model's own interface."""
    apis = service.config.get("apis") or [{}]
    sent = apis[0].get("request") or {}
    kind = sent.get("Content-type", "application/json")
    properties = (sent.get("data") or {}).get("properties") or {}
    field = next((n for n, p in properties.items() if p.get("type") == "file"), "")
    guessed = not sent and service.config.get("model_type") != "Custom"
    multipart = kind.startswith("multipart/") or guessed
    return {
        "kind": "file" if multipart else "json",
        "field": field or "image",
        "example": _example(service) if not multipart else "",
        "curl": curl(service, field or "image", multipart),
        "callable": service.phase in ("Running", "Concerning"),
        "max_bytes": MAX_FILE,
    }


def _example(service: Service) -> str:
    example = build_example(service.config)
    return example.body.decode("utf-8", "replace") if example and example.body else "{}"


def curl(service: Service, field: str, multipart: bool) -> str:
    """The call as a shell command, with the token left to the reader's environment."""
    data = (
        f"-F '{field}=@digit.png'"
        if multipart
        else ("-H 'Content-Type: application/json' -d @request.json")
    )
    method, path = called(service.config)
    sent = "" if method == "GET" else f" \\\n  {data}"
    return (
        f'curl -X {method} "{address(service)}{path[1:]}" \\\n'
        f'  -H "Authorization: Bearer $MODELYARD_TOKEN"{sent}'
    )


def log_context(request: Any, service: Service) -> dict[str, Any]:
    return {
        "instances": Instance.objects.filter(service=service).order_by("-number")[:20],
        "chosen": request.GET.get("instance", ""),
        "live": not service.is_settled,
    }


def traffic_context(request: Any, service: Service) -> dict[str, Any]:
    return {
        "called": Traffic.objects.filter(service=service).exists(),
        "live": not service.is_settled,
    }


def live_token(service: Service) -> str:
    """Moves when an instance changes, so that an open page refreshes."""
    rows = Instance.objects.filter(service=service).order_by("-number")
    return "-".join(
        f"{n}{state[:2]}{stage[:4]}"
        for n, state, stage in rows.values_list("number", "state", "stage")[:4]
    ).replace(" ", "")


SPEC = registry.register(
    ResourceSpec(
        model=Service,
        slug="services",
        iam="modelarts:service",
        label=_("Service"),
        label_plural=_("Services"),
        icon="rocket",
        section="models",
        order=20,
        description=_("Models that answer requests, health-checked and reached by one address."),
        empty_title=_("No service yet"),
        empty_text=_("Deploy a model and call it with an API token."),
        actions={
            "list": "list",
            "get": "get",
            "create": "create",
            "update": "update",
            "delete": "delete",
            "logs": "getLogs",
            "infer": "infer",
        },
        columns=(
            Column("name", _("Name"), sort="name"),
            Column("phase", _("Status"), render=lambda s: status_chip(status_of(s)), sort="phase"),
            Column("model_label", _("Model"), sort="model_label"),
            Column("ready", _("Ready"), render=ready, align="end"),
            Column("flavor", _("Flavor")),
            Column(
                "created_at", _("Created"), render=lambda s: time(s.created_at), sort="created_at"
            ),
        ),
        filters=("phase", "engine", "flavor"),
        prepare=prepare,
        search=("name", "model_label"),
        verbs=(
            Verb(
                "stop",
                "modelarts:service:action",
                _("Stop"),
                "serving.service.services.stop",
                icon="player-stop",
                tone="warning",
                phases=AT_WORK,
                confirm=_(
                    "Open requests are finished, new ones are refused. The configuration is kept."
                ),
                event="startOrStopService",
                after={"desired": "stopped"},
            ),
            Verb(
                "start",
                "modelarts:service:action",
                _("Start"),
                "serving.service.services.start",
                icon="player-play",
                tone="primary",
                phases=frozenset({"Stopped", "Failed"}),
                event="startOrStopService",
                after={"desired": "running"},
            ),
        ),
        tabs=(
            Tab(
                "predict",
                _("Predict"),
                "serving/service/predict.html",
                predict_context,
                action="modelarts:service:infer",
            ),
            Tab("monitoring", _("Monitoring"), "serving/service/monitoring.html", traffic_context),
            Tab(
                "logs",
                _("Logs"),
                "serving/service/logs.html",
                log_context,
                action="modelarts:service:getLogs",
            ),
            lineage_tab(),
        ),
        panels=panels,
        references={"model": Role(_("runs from"), _("was deployed from"), holds=True)},
        refers_to=refers_to,
        form="serving.service.forms.ServiceForm",
        edit_form="serving.service.forms.ServiceEditForm",
        viewset="serving.service.api.ServiceViewSet",
        services="serving.service.services",
        trail_type="service",
        events={"create": "addService", "delete": "deleteService", "update": "updateService"},
        quota=("services", 20),
        why_not_delete=lambda service: "" if services.is_at_rest(service) else _("Stop it first."),
        live_token=live_token,
        views={
            "extra:log": "serving.service.pages.LogPage",
            "extra:predict-call": "serving.service.pages.PredictPage",
            "extra:traffic": "serving.service.pages.TrafficPage",
        },
    )
)
