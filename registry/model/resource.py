"""Declaration of models."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_lazy as _

from console.pages.base import status_of
from console.pages.references import inventory as inventory_of_references
from console.pages.references import lineage_tab, used_by_tab
from console.ui.html import size, status_chip, time
from core import access, registry
from core.actor import Actor
from core.registry import (
    Column,
    InventoryGroup,
    Item,
    Link,
    Panel,
    Ref,
    ResourceSpec,
    Role,
    Tab,
    Verb,
)
from registry.model import services, sources
from registry.model.models import Model, ModelFile
from registry.package import command_line, health_line
from sharing import queries as sharing
from storage.bucket import queries as buckets


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


def refers_to(model: Model) -> Iterator[Ref]:
    """The training job and the directory that its files were taken from."""
    source = model.source
    if job := source.get("training_job"):
        yield Ref("job", sources.TRAINING_JOB, uuid.UUID(job))
    if name := source.get("bucket"):
        for pk in buckets.ids_of(model.account_id, [name]).values():
            yield Ref("source", buckets.TYPE, pk, source.get("prefix", ""))


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


SPEC = registry.register(
    ResourceSpec(
        model=Model,
        slug="models",
        iam="modelarts:model",
        label=_("Model"),
        label_plural=_("Models"),
        icon="package",
        section="models",
        order=10,
        description=_("Checked packages of weights and inference code, ready to be deployed."),
        empty_title=_("No model yet"),
        empty_text=_("Register the output of a training job, or a package that lies in a bucket."),
        actions={
            "list": "list",
            "get": "get",
            "create": "create",
            "update": "update",
            "delete": "delete",
            "deploy": "deploy",
            "export": "export",
        },
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
        filters=("phase", "model_type", "engine"),
        verbs=(
            Verb(
                "deprecate",
                "modelarts:model:update",
                _("Deprecate"),
                "registry.model.services.deprecate",
                icon="archive",
                phases=frozenset({"Published"}),
                confirm=_("Running services go on; nothing new may be deployed from it."),
            ),
            Verb(
                "restore",
                "modelarts:model:update",
                _("Restore"),
                "registry.model.services.restore",
                icon="refresh",
                phases=frozenset({"Deprecated"}),
            ),
            Verb(
                "retry",
                "modelarts:model:update",
                _("Check again"),
                "registry.model.services.retry",
                icon="refresh",
                phases=frozenset({"Failed"}),
                when=services.may_pass_now,
            ),
        ),
        tabs=(
            Tab("files", _("Files"), "registry/model/files.html", files_tab),
            used_by_tab(_("Deploy it as an online service and call it with your own data.")),
            lineage_tab(),
        ),
        panels=panels,
        #: a model holds its files by reference, so neither job nor bucket is held
        references={
            "job": Role(_("was registered from")),
            "source": Role(_("was taken from")),
        },
        refers_to=refers_to,
        links=links,
        form="registry.model.forms.ModelForm",
        edit_form="registry.model.forms.ModelEditForm",
        viewset="registry.model.api.ModelViewSet",
        services="registry.model.services",
        inventory="registry.model.resource.inventory",
        trail_type="model",
        events={"create": "addModel", "delete": "deleteModel", "update": "updateModel"},
        quota=("models", 1000),
        share_operations=("list", "get", "deploy", "infer", "finetune"),
        share_phases=frozenset({Model.Phase.PUBLISHED}),
        grant="registry.model.models.ModelGrant",
    )
)
