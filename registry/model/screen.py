"""What pages show of models."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from console import screens
from console.pages.base import status_of
from console.pages.references import inventory as inventory_of_references
from console.pages.references import lineage_tab, used_by_tab
from console.screens import Button, Column, Item, Link, Panel, Screen, Tab
from console.ui.html import size, status_chip, time
from core import access
from core.actor import Actor
from core.registry import InventoryGroup
from registry.model import services
from registry.model.api import ModelViewSet
from registry.model.forms import ModelEditForm, ModelForm
from registry.model.models import Model, ModelFile
from registry.package import command_line, health_line
from sharing import queries as sharing


def panels(model: Model, actor: Actor) -> list[Panel]:
    """Overview: what it is, what it takes and gives, what is wrong with it."""
    own = model.account_id == actor.account_id
    source = model.source
    facts = [
        Item(_("Version"), model.model_version),
        Item(_("Model type"), model.model_type or "–"),
        Item(_("Engine"), model.engine or "–"),
        Item(_("Size"), size(model.size)),
        Item(_("Algorithm"), model.config.get("model_algorithm", "–")),
    ]
    if model.config.get("command"):
        facts += [
            Item(_("Command"), command_line(model.config)),
            Item(_("Port"), str(model.config["port"])),
            Item(_("Health check"), health_line(model.config) or _("none: the port is enough")),
        ]
    if own and source:
        facts.append(Item(_("Taken from"), f"obs://{source['bucket']}/{source['prefix']}"))
    metrics = tuple(
        Item(name, value) for name, value in (model.config.get("metrics") or {}).items()
    )
    found = [Panel(_("Model"), tuple(facts), icon="package")]
    if metrics:
        found.append(Panel(_("Measures in config.json"), metrics, icon="chart-bar"))
    if model.problems and own:
        found.insert(
            0,
            Panel(
                _("Findings"),
                template="registry/model/problems.html",
                icon="list-check",
                span=12,
                context={"problems": model.problems},
            ),
        )
    if model.config.get("apis"):
        found.append(
            Panel(
                _("Interface"),
                template="registry/model/apis.html",
                icon="api",
                span=12,
                context={"apis": model.config["apis"]},
            )
        )
    return found


def files_tab(request: Any, model: Model) -> dict[str, Any]:
    return {
        "files": ModelFile.objects.filter(model=model),
        "may_export": access.decide(request.actor, "modelarts:model:export", model).allowed,
    }


def inventory(actor: Actor, model: Model) -> list[InventoryGroup]:
    """What a delete breaks: services that run from it, accounts it is shared with."""
    return [*inventory_of_references(actor, model), *sharing.inventory(model)]


def links(model: Model, actor: Actor) -> list[Link]:
    """Deploy and share, where actor and state allow it."""
    ready = model.phase == Model.Phase.PUBLISHED
    found = []
    failed = model.phase == Model.Phase.FAILED and model.account_id == actor.account_id
    if failed and access.decide(actor, "modelarts:model:create").allowed:
        url = services.new_version_url(model)
        found.append(Link(_("Register a corrected version"), url, "package", "primary"))
    if (
        access.decide(actor, "modelarts:model:deploy", model).allowed
        and access.decide(
            actor, "modelarts:service:create", context={"modelarts:poolType": "public"}
        ).allowed
    ):
        why_not = "" if ready else _("Only a published model can be deployed.")
        url = f"/services/new?model={model.pk}"
        found.append(Link(_("Deploy"), url, "rocket", "primary", why_not))
    if (
        model.account_id == actor.account_id
        and access.decide(actor, "resource_share:unit:create").allowed
    ):
        why_not = "" if ready else _("Only a published model can be shared.")
        url = f"/share-units/new?resources=registry.model:{model.pk}"
        found.append(Link(_("Share"), url, "share", why_not=why_not))
    return found


screens.register(
    Screen(
        model=Model,
        icon="package",
        description=_("Checked packages of weights and inference code, ready to be deployed."),
        empty_title=_("No model yet"),
        empty_text=_("Register the output of a training job, or a package that lies in a bucket."),
        columns=(
            Column("name", _("Name"), sort="name"),
            Column("model_version", _("Version")),
            Column("phase", _("Status"), render=lambda m: status_chip(status_of(m)), sort="phase"),
            Column("model_type", _("Type")),
            Column("engine", _("Engine")),
            Column("size", _("Size"), render=lambda m: size(m.size), sort="size", align="end"),
            Column(
                "created_at", _("Created"), render=lambda m: time(m.created_at), sort="created_at"
            ),
        ),
        buttons={
            "deprecate": Button(
                icon="archive",
                confirm=_("Running services go on; nothing new may be deployed from it."),
            ),
            "restore": Button(
                icon="refresh",
            ),
            "retry": Button(
                icon="refresh",
            ),
        },
        tabs=(
            Tab("files", _("Files"), "registry/model/files.html", files_tab),
            used_by_tab(_("Deploy it as an online service and call it with your own data.")),
            lineage_tab(),
        ),
        panels=panels,
        links=links,
        form=ModelForm,
        edit_form=ModelEditForm,
        viewset=ModelViewSet,
        inventory=inventory,
    )
)
