"""Starting, watching and ending the instances of one service."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from accounts import services as accounts
from compute import environment, local
from compute.attempts import PLATFORM_STOPPED
from compute.backends.base import Observation, Probed, UnknownAttempt
from compute.runner.spec import Fetch, Mount, RunSpec
from compute.sandbox.spec import MIB
from compute.slot import services as slots
from core import access, audit, codes, states, strict_json
from core.errors import Conflict, StaleState
from core.models import Event
from registry.model.models import ModelFile
from serving import messages
from serving.service import probe
from serving.service.models import Instance, Service

MODEL_SERVER = Path(__file__).resolve().parent.parent / "modelserver"
INSIDE = "/opt/modelserver"
CREDENTIAL_LIFETIME = dt.timedelta(hours=1)  # only to fetch the model
UNHEALTHY_AFTER = 3  # missed health checks in a row
GRACE_SECONDS = 60.0  # vendor: hold up to 60 s after SIGTERM
SPARE_DISK_MB = 1024
State = Instance.State


def living(service: Service) -> list[Instance]:
    """Instances that have not ended, oldest first."""
    return list(Instance.objects.filter(service=service, ended_at=None))


def add(service: Service) -> Instance | None:
    """Take a slot and record a new instance; None while the pool is full.

    Raises StaleState when another look added it meanwhile.
    """
    last = Instance.objects.filter(service=service).order_by("-number").first()
    instance = Instance(
        service=service,
        number=(last.number if last else 0) + 1,
        **local.place(service.pool, service.engine),
    )
    with transaction.atomic():
        enough = enough_disk(service)
        if slots.take(service.pool, service.flavor, instance.pk, service, enough) is None:
            return None
        # Taking the slot waited for other takers: the number may be given by now.
        if Instance.objects.filter(service=service, number=instance.number).exists():
            raise StaleState(messages.INSTANCE_MEANWHILE(service=service, number=instance.number))
        instance.save(force_insert=True)
    return instance


def _model_files(service: Service) -> QuerySet[ModelFile]:
    """The files of its model; none where the model is gone."""
    if service.model_id is None:
        return ModelFile.objects.none()
    return ModelFile.objects.filter(model_id=service.model_id)


def enough_disk(service: Service) -> int:
    """MiB of disk for one instance: its model twice, and room for what it writes. It is held for as
    long as the service runs, so not all that a flavor has."""
    files = _model_files(service)
    size = files.aggregate(all=Sum("size"))["all"] or 0
    return SPARE_DISK_MB + 2 * size // MIB


def launch(service: Service, instance: Instance) -> None:
    """Start the process of a recorded instance. Idempotent by its id.

    Raises: Conflict (AUTHORISATION_LOST, MODEL_WITHDRAWN), BackendError, SpecError.
    """
    _require_right(service)
    bearer = accounts.issue_for(
        user_id=service.started_by_id,
        agency_id=service.agency_id,
        bound_to=bound_to(service),
        lifetime=CREDENTIAL_LIFETIME,
    )
    credential = local.write_credential(str(instance.pk), bearer)
    local.current().launch(run_spec(service, instance, credential))


def _require_right(service: Service) -> None:
    """The share or the right that the deployment rested on may have ended since. Asked before the
    fetch, which could only say that nothing is there. Raises Conflict (MODEL_WITHDRAWN)."""
    agency = accounts.agency_of(service.agency_id) if service.agency_id else None
    if service.model is None or service.started_by_id is None or agency is None:
        return  # reported where the credential is issued
    user = accounts.user_of(service.started_by_id)
    worker = accounts.on_behalf(user, agency, bound_to=bound_to(service), region=service.region)
    decision = access.decide(worker, "modelarts:model:deploy", service.model)
    if not decision.allowed:
        raise Conflict(
            messages.MODEL_WITHDRAWN(model_label=service.model_label, reason=decision.reason),
            hint=decision.missing,
        )


def bound_to(service: Service) -> str:
    """Label that a credential of this service carries."""
    return f"serving.service:{service.pk}"


def run_spec(service: Service, instance: Instance, credential: Path) -> RunSpec:
    """What the runner needs to bring one model server up."""
    files = _model_files(service)
    return RunSpec(
        attempt=str(instance.pk),
        kind="service",
        token=instance.number,
        api_url=local.api_url(),
        credential_file=str(credential),
        fetch=tuple(
            Fetch(
                "url",
                file.path,
                url=f"/models/{service.model_id}/files/{quote(file.path)}",
                sha256=file.sha256,
            )
            for file in files
        ),
        argv=(
            "/opt/engine/bin/python",
            "-u",
            f"{INSIDE}/main.py",
            "--model-dir",
            "/home/mind/model",
            "--socket",
            "/run/modelyard/server.sock",
            "--model-name",
            service.name,
            "--max-body",
            str(settings.MODELYARD_MAX_PREDICTION_BYTES),
            *_own_server(service.config),
        ),
        engine=str(environment.path(service.engine)),
        mounts=(Mount(str(MODEL_SERVER), INSIDE),),
        limits=slots.limits_of(instance.pk, service.flavor),
        grace_seconds=GRACE_SECONDS,
        first_request=probe.first_request(service.config),
    )


def _own_server(config: dict[str, Any]) -> tuple[str, ...]:
    """Options for a package that brings its own server."""
    if config.get("model_type") != "Custom":
        return ()
    own = {key: config[key] for key in ("command", "port", "health") if key in config}
    # Of the grace, the command itself gets the rest: it is told to end when nothing runs any more.
    return ("--own-server", json.dumps(own), "--drain", str(GRACE_SECONDS - 15))


def watch(service: Service, instance: Instance) -> Instance:
    """Look at one instance and write what was seen. One that ended is closed with its reason."""
    seen = local.current().observe(str(instance.pk))
    if seen.phase == "missing":
        launch(service, instance)
    elif seen.final:
        close(service, instance, seen)
    elif instance.state == State.ENDING:
        pass
    elif seen.phase == "running":
        _check(service, instance)
    else:
        _save(instance, stage=seen.state.get("stage") or seen.phase, seen_at=timezone.now())
    return instance


def _check(service: Service, instance: Instance) -> None:
    probed = local.current().probed(str(instance.pk))
    answer = probe.health(probed)
    if not answer.ok:
        if instance.state == State.READY:
            misses = probe.misses(probed, instance.misses)
            state = State.UNREADY if misses >= UNHEALTHY_AFTER else State.READY
            stuck = answer.stage == "stuck"
            text = messages.STUCK() if stuck else messages.NOT_WELL(answer=answer.text)
            _save(instance, misses=misses, state=state, stage=answer.stage, message=text)
        else:
            _save(
                instance,
                stage=answer.stage or "starting",
                message=answer.text,
                detail={"diagnosis": answer.reason, "proof": answer.proof},
            )
        return
    if instance.state == State.STARTING:
        _first_inference(service, instance, probed)
    else:
        _save(
            instance,
            state=State.READY,
            stage="ready",
            misses=0,
            seen_at=timezone.now(),
            message="",
        )


def _first_inference(service: Service, instance: Instance, probed: Probed) -> None:
    """An instance is routed only after one real request was answered well. Its runner asks it;
    ``misses`` counts the answers that were judged and were not good."""
    wanted = instance.misses + 1
    asked = probe.first_request(service.config) is not None
    if asked and probed.first.get("number") != wanted:
        if wanted > 1:
            local.current().ask_again(str(instance.pk), wanted)
        _save(instance, stage="first inference", seen_at=timezone.now())
        return
    answer = probe.judge(service.config, probed.first)
    if answer.ok:
        local.forget_credential(str(instance.pk))
        _save(
            instance,
            state=State.READY,
            stage="ready",
            ready_at=timezone.now(),
            seen_at=timezone.now(),
            message=answer.text,
            reason="",
            misses=0,
        )
        states.note(
            service,
            "INSTANCE_READY",
            messages.INSTANCE_READY(number=instance.number, answer=answer.text),
        )
        return
    _save(
        instance,
        stage="first inference",
        misses=wanted,
        message=answer.text,
        reason="FIRST_INFERENCE",
    )
    if wanted >= UNHEALTHY_AFTER:
        end(instance, reason="FIRST_INFERENCE", message=instance.told_message)
    else:
        local.current().ask_again(str(instance.pk), wanted + 1)


def end(
    instance: Instance, *, reason: str = "", message: str = "", grace: float | None = None
) -> None:
    """Ask an instance to drain and end. Asking twice is fine. ``reason``: why, when the instance
    itself is at fault; it then counts as a crash. ``grace``: seconds, None for the usual ones."""
    if instance.state != State.ENDING:
        why = {"reason": reason, "message": message} if reason else {}
        _save(instance, state=State.ENDING, **why)
    try:
        local.current().stop(str(instance.pk), grace)
    except UnknownAttempt:
        _save(instance, state=State.ENDED, ended_at=timezone.now())
        slots.release(instance.pk)
        local.forget_credential(str(instance.pk))


def kill(instance: Instance) -> None:
    """End an instance now."""
    local.current().kill(str(instance.pk))


def let_go(service: Service) -> None:
    """End every instance now, for a service that no reconciler looks after any more."""
    for instance in living(service):
        with suppress(UnknownAttempt):  # else also one that is being launched this moment
            local.current().fence(str(instance.pk), instance.number + 1)
        kill(instance)
        _save(
            instance,
            state=State.ENDED,
            ended_at=timezone.now(),
            stage="",
            message=messages.LET_GO(),
        )
        slots.release(instance.pk)
        local.forget_credential(str(instance.pk))
    accounts.revoke_credentials(bound_to(service))


def close(service: Service, instance: Instance, seen: Observation) -> None:
    """Write why an instance is no more, keep its last lines, give its slot back."""
    if seen.phase == "lost":
        kill(instance)  # its runner died: what was half started is still there
    report = seen.state
    asked = not instance.reason and (
        instance.state == State.ENDING or report.get("reason_code") == PLATFORM_STOPPED
    )
    reason = (
        ""
        if asked
        else (
            instance.reason
            or report.get("reason_code")
            or ("INSTANCE_LOST" if seen.phase == "lost" else "EXITED")
        )
    )
    detail = report.get("detail") or {}
    message = (
        instance.told_message
        if instance.reason
        else codes.kept(str(report.get("message") or ""), report.get("said"))
    )
    failure = _load_failure(detail)
    proof = failure.get("proof") or (instance.detail.get("proof") if instance.reason else None)
    if failure and not asked:
        reason, message = failure["reason"], failure["text"]
    with transaction.atomic():
        _save(
            instance,
            state=State.ENDED,
            ended_at=timezone.now(),
            reason=reason,
            message=message,
            stage="",
            detail={
                "exit_code": report.get("exit_code"),
                "oom": bool(report.get("oom")),
                "log_tail": _lines(detail.get("log_tail")),
                "next": failure.get("hint", ""),
                "proof": proof or {},
            },
        )
        slots.release(instance.pk)
        if reason:
            states.note(
                service,
                reason,
                messages.INSTANCE_ENDED(number=instance.number, message=message or reason),
                level=Event.Level.WARNING,
                detail={"quotes_log": True},
            )
    local.forget_credential(str(instance.pk))


def _lines(tail: Any) -> list[str]:
    lines = tail.splitlines() if isinstance(tail, str) else list(tail or [])
    return [str(line)[:500] for line in lines[-50:]]


#: what the model server may give as reason; anything else is LOAD_FAILED
SAID = probe.DIAGNOSES | {
    "NO_MODULE",
    "COMMAND_NOT_FOUND",
    "COMMAND_NOT_EXECUTABLE",
    "NOT_ISOLATED",
}


def _load_failure(detail: dict[str, Any]) -> dict[str, Any]:
    """What the model server said when loading failed: sentence, reason, hint and proof; {}
    otherwise."""
    tail = str(detail.get("log_tail") or "")
    for line in reversed(tail.splitlines()[-50:]):
        if not line.startswith("MODELYARD_LOAD_FAILED "):
            continue
        try:
            found = strict_json.read(line.partition(" ")[2])
        except strict_json.Refused:
            found = None
        if not isinstance(found, dict):  # the package may print such a line itself
            return {"text": line[:500], "reason": "LOAD_FAILED", "hint": ""}
        where = f" ({found['file']}:{found.get('line')})" if found.get("file") else ""
        reason = str(found.get("reason"))
        return {
            "text": probe.plain(f"{found.get('error', 'The model could not be loaded.')}{where}"),
            "reason": reason if reason in SAID else "LOAD_FAILED",
            "hint": probe.plain(found.get("hint") or ""),
            "proof": probe.proof_of(found.get("proof")),
        }
    return {}


def _save(instance: Instance, **fields: Any) -> None:
    if "message" in fields:
        fields["said"] = codes.data(fields["message"])
        fields["message"] = audit.one_line(fields["message"])
    for name, value in fields.items():
        setattr(instance, name, value)
    instance.save(update_fields=list(fields))
