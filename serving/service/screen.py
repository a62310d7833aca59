"""What pages show of services."""

from __future__ import annotations

from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from console import screens
from console.pages.base import status_of
from console.pages.references import lineage_tab
from console.screens import Button, Column, Item, Panel, Screen, Tab
from console.ui.html import status_chip, time
from core import printed
from core.actor import Actor
from registry.package import build_example, command_line
from serving.service import services
from serving.service.api import ServiceViewSet, address, ready_count
from serving.service.calls import MAX_FILE, called
from serving.service.forms import ServiceEditForm, ServiceForm
from serving.service.models import Instance, Service, Traffic
from serving.service.pages import LogPage, PredictPage, TrafficPage


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


screens.register(
    Screen(
        model=Service,
        icon="rocket",
        description=_("Models that answer requests, health-checked and reached by one address."),
        empty_title=_("No service yet"),
        empty_text=_("Deploy a model and call it with an API token."),
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
        buttons={
            "stop": Button(
                icon="player-stop",
                tone="warning",
                confirm=_(
                    "Open requests are finished, new ones are refused. The configuration is kept."
                ),
            ),
            "start": Button(
                icon="player-play",
                tone="primary",
            ),
        },
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
        form=ServiceForm,
        edit_form=ServiceEditForm,
        viewset=ServiceViewSet,
        why_not_delete=lambda service: "" if services.is_at_rest(service) else _("Stop it first."),
        live_token=live_token,
        views={
            "extra:log": LogPage,
            "extra:predict-call": PredictPage,
            "extra:traffic": TrafficPage,
        },
    )
)
