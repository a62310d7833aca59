"""Sole writers of services."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from accounts import services as accounts
from compute import local, logtext
from compute.backends.base import UnknownAttempt
from compute.catalog.flavors import DEFAULT_FLAVOR, FLAVORS, pools
from core import access, regions, services, states
from core.actor import Actor
from core.errors import NotFound, Problem, ValidationFailed
from registry.model import services as models
from registry.model.models import Model
from serving import messages
from serving.service.models import Instance, Service

DEPLOY = "modelarts:model:deploy"


def form_context() -> dict[str, Any]:
    """Context keys that a create decision requires, before anybody chose a pool."""
    return {"modelarts:poolType": "public"}


def create(actor: Actor, data: Mapping[str, Any]) -> Service:
    """Deploy a model: one's own, or one that a live share lets this account deploy.

    ``data``: name, model (id), flavor, pool, replicas, description, tags.

    Raises: ValidationFailed, AccessDenied (naming the missing side), Conflict, QuotaExceeded.
    """
    deployable(actor, data.get("model"))  # what is refused anyway waits for no lock
    with access.writing(actor):
        return _create(actor, data)


def _create(actor: Actor, data: Mapping[str, Any]) -> Service:
    model = deployable(actor, data.get("model"))
    regions.require(model, actor.region, Service, field="model")
    spec = {
        "flavor": data.get("flavor") or DEFAULT_FLAVOR,
        "pool": data.get("pool") or "public",
        "replicas": data.get("replicas") or 1,
    }
    agency = accounts.agency_for(actor)
    problems = _problems(actor, spec, agency, model)
    if problems:
        raise ValidationFailed(problems[0].text, problems=problems)
    service = Service(
        name=str(data.get("name") or "").strip(),
        description=str(data.get("description") or ""),
        tags=dict(data.get("tags") or {}),
        model=model,
        model_label=str(model),
        model_account_id=model.account_id,
        engine=model.engine,
        config=model.config,
        agency_id=agency.pk if agency else None,
        started_by_id=actor.user_id,
        **spec,
    )
    states.start(service, Service.Phase.PENDING)
    return services.create(actor, service, context=service.access_context)


def deployable(actor: Actor, model_id: Any) -> Model:
    """The model, if the actor may deploy it now.

    Raises: ValidationFailed (none given), AccessDenied, NotFound, Conflict (not published).
    """
    try:
        wanted = uuid.UUID(str(model_id))
    except ValueError:
        raise ValidationFailed.of("model", messages.MODEL_REQUIRED()) from None
    try:
        model: Model = services.visible(Model, actor, pk=wanted)
    except NotFound:
        past = _once_deployed(actor, wanted)
        if past is None:
            raise
        # It was shared with this account and is no more: who deployed it before already knows
        # that it exists, so the answer is the explanation instead of the 404 that strangers get.
        access.authorize(actor, DEPLOY, past)
        raise
    access.authorize(actor, DEPLOY, model)
    models.require_deployable(model)
    return model


def _once_deployed(actor: Actor, model_id: uuid.UUID) -> Model | None:
    used = (
        Service.objects.unscoped("a model this account deployed before")
        .filter(account_id=actor.account_id, model_id=model_id)
        .select_related("model")
        .first()
    )
    return used.model if used else None


def _problems(actor: Actor, spec: Mapping[str, Any], agency: Any, model: Model) -> list[Problem]:
    found = []
    if spec["flavor"] not in FLAVORS:
        found.append(Problem("flavor", messages.FLAVOR_UNKNOWN(flavor=spec["flavor"])))
    if spec["pool"] not in pools():
        found.append(Problem("pool", messages.POOL_UNKNOWN(pool=spec["pool"])))
    if agency is None:
        found.append(Problem("", messages.AGENCY_MISSING()))
    else:
        decision = access.decide(accounts.in_background(actor, agency), DEPLOY, model)
        if not decision.allowed:
            found.append(
                Problem(
                    "model",
                    messages.AGENCY_DENIED(deploy=DEPLOY, reason=decision.reason),
                    next=decision.missing,
                )
            )
    return found


def update(
    actor: Actor, obj: Service, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Service:
    """Words and the number of instances may change; another model is another service."""
    changes = {k: v for k, v in data.items() if k in ("description", "tags", "replicas")}
    refused = sorted(set(data) - set(changes))
    if refused:
        raise ValidationFailed.of(refused[0], messages.FIXED())
    if "replicas" in changes and obj.phase == Service.Phase.DEPLOYING:
        raise states.conflict(obj, messages.BEING_DEPLOYED(obj=obj))
    fresh = services.update(actor, obj, changes, expected_version=expected_version)
    if "replicas" in changes and not fresh.is_settled:
        states.desire(fresh, "running", actor=actor)
    return fresh


def delete(actor: Actor, obj: Service, *, expected_version: int | None = None) -> None:
    """Delete a service that is stopped or failed. Raises Conflict otherwise."""

    def only_at_rest(service: Service) -> None:
        if not is_at_rest(service):
            raise states.conflict(
                service, messages.NOT_STOPPED(service=service, phase=states.phase_word(service))
            )
        for pk in Instance.objects.filter(service=service).values_list("pk", flat=True):
            local.current().remove(str(pk))

    services.delete(actor, obj, expected_version=expected_version, before_delete=only_at_rest)


def is_at_rest(service: Service) -> bool:
    """Whether nothing of a service runs or is about to."""
    return service.phase in Service.SETTLED and not _living(service)


def _living(service: Service) -> bool:
    return Instance.objects.filter(service=service, ended_at=None).exists()


def stop(actor: Actor, obj: Service, data: Mapping[str, Any]) -> Service:
    """End the instances after their open requests; the configuration is kept. Verb ``stop``."""
    return states.desire(obj, "stopped", actor=actor)


def start(actor: Actor, obj: Service, data: Mapping[str, Any]) -> Service:
    """Deploy again; the right to deploy the model is asked again. Verb ``start``."""
    model = deployable(actor, obj.model_id)
    agency = accounts.agency_for(actor)
    problems = _problems(actor, {"flavor": obj.flavor, "pool": obj.pool}, agency, model)
    if problems:
        raise ValidationFailed(problems[0].text, problems=problems)
    return states.transition(
        obj,
        Service.Phase.PENDING,
        actor=actor,
        message=messages.STARTING_AGAIN(),
        desired="running",
        generation=obj.generation + 1,
        started_by_id=actor.user_id,
        agency_id=agency.pk if agency else None,
        config=model.config,
        engine=model.engine,
    )


def log_chunk(
    service: Service, instance_id: str, offset: int, limit: int, *, colours: bool = False
) -> dict[str, Any]:
    """Part of an instance's log; the newest instance where none is named."""
    rows = Instance.objects.filter(service=service)
    if instance_id:
        try:
            row = rows.filter(pk=uuid.UUID(instance_id)).first()
        except ValueError:
            row = None
        if row is None:
            raise NotFound()
    else:
        row = rows.last()
    if row is None:
        return {"text": "", "marks": [], "next": 0, "eof": service.is_settled}
    try:
        chunk = local.current().logs(str(row.pk), offset, max(limit, logtext.LEAST))
    except UnknownAttempt:
        return {"text": "", "marks": [], "next": offset, "eof": row.ended_at is not None}
    found = logtext.rendered(chunk, colours=colours)
    return {**found, "eof": found["eof"] and row.ended_at is not None}
