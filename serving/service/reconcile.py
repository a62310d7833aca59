"""The reconciler of services: stop surplus, look after what runs, start what is missing."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import services as accounts
from compute import attempts, environment, local
from compute.backends.base import BackendError
from compute.runner.spec import SpecError
from compute.slot import services as slots
from core import actor as actors
from core import codes, states
from core.codes import joined, label
from core.errors import AppError
from core.reconcile import reconciler
from serving import messages
from serving.service import instances, share
from serving.service.advice import NEXT, READ_LOG
from serving.service.models import Instance, Service

Phase = Service.Phase
State = Instance.State

FIRST_TRIES = 3  # instances that may fail before a first deploy counts as failed
CRASHES = 5  # in CRASH_WINDOW: then nothing is started again by itself
CRASH_WINDOW = dt.timedelta(minutes=10)
FAILED_GRACE = 5.0  # seconds for an instance that never became ready: it serves no caller
#: what is wrong in the package itself: a first deployment is not tried again
CERTAIN = frozenset(
    {
        "PORT_CLOSED",
        "LISTEN_LOCALHOST",
        "COMMAND_NOT_FOUND",
        "COMMAND_NOT_EXECUTABLE",
        "NOT_ISOLATED",
    }
)
BACKOFF = (1.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)  # seconds between restarts


@reconciler(Service, let_go=instances.let_go)
def reconcile(service: Service) -> float | None:
    """One step. Returns seconds until the next look."""
    if service.desired != "stopped" and not service.is_settled and share.has_ended(service):
        share.stop(service, _system())
    if service.phase == Phase.STOPPING or service.desired == "stopped":
        return _stopping(service)
    if service.is_settled:
        return None
    if service.phase in (Phase.PENDING, Phase.WAITING):
        return _pending(service)
    return _serving(service)


def _system() -> actors.Actor:
    return actors.system("serving")


def _move(service: Service, to: str, message: str, *, reason: str = "", next: str = "") -> None:
    states.transition(
        service,
        to,
        actor=_system(),
        reason=reason,
        message=message,
        detail={"next": next or getattr(message, "next", "")},
        observed_at=timezone.now(),
    )


def _pending(service: Service) -> float | None:
    engine = environment.ensure(service.engine)
    if engine.failed:
        _move(
            service,
            Phase.FAILED,
            messages.ENGINE_FAILED(engine=service.engine, why=engine.message),
            reason="ENGINE_FAILED",
        )
        return None
    if not engine.ready:
        text = messages.ENGINE_BUILDING(
            engine=service.engine, percent=engine.percent, stage=engine.message
        )
        if service.reason != "ENGINE_BUILDING":
            states.transition(
                service, service.phase, actor=_system(), reason="ENGINE_BUILDING", message=text
            )
        else:
            states.observed(service, message=text)
        return 0.5
    if instances.living(service) or _grow(service):
        _move(service, Phase.DEPLOYING, messages.DEPLOYING())
        return _serving(service)
    if service.deadline_at and timezone.now() > service.deadline_at:
        _move(
            service,
            Phase.FAILED,
            _shortage(service) or messages.NO_ROOM(),
            reason="NO_CAPACITY",
            next=messages.NO_ROOM().next,
        )
        return None
    shortage = _shortage(service)
    if service.phase == Phase.PENDING:
        _move(service, Phase.WAITING, shortage, reason="NO_CAPACITY")
    else:
        states.observed(service, message=shortage)
    return 1.0


def _shortage(service: Service) -> str:
    return slots.shortage(service.pool, service.flavor, instances.enough_disk(service))


def _grow(service: Service) -> bool:
    """Start one more instance; False while the pool is full."""
    instance = instances.add(service)
    if instance is None:
        enough = instances.enough_disk(service)
        attempts.make_room(slots.disk_lacking(service.pool, service.flavor, enough))
        return False
    _launch(service, instance)
    return True


def _launch(service: Service, instance: Instance) -> None:
    try:
        instances.launch(service, instance)
    except (AppError, BackendError, SpecError) as error:
        _not_launched(instance, error)


def _not_launched(instance: Instance, error: Exception) -> None:
    code = getattr(error, "code", "LAUNCH_FAILED")
    Instance.objects.filter(pk=instance.pk).update(
        state=State.ENDED,
        ended_at=timezone.now(),
        reason=code,
        message=str(error)[:500],
        said=codes.data(getattr(error, "message", "")),
    )
    slots.release(instance.pk)
    local.forget_credential(str(instance.pk))


def _serving(service: Service) -> float | None:
    for instance in instances.living(service):
        try:
            instances.watch(service, instance)
        except (AppError, BackendError, SpecError) as error:
            if local.current().observe(str(instance.pk)).phase == "missing":
                _not_launched(instance, error)  # and it never will be under this id
            else:
                states.note(
                    service, "WATCH_FAILED", getattr(error, "message", str(error)), level="warning"
                )
    living = instances.living(service)
    wanted = [i for i in living if i.state != State.ENDING]
    for surplus in wanted[service.replicas :]:
        instances.end(surplus)
    for sick in [i for i in wanted if i.state == State.UNREADY]:
        # Replaced below, by the rule for what is missing.
        reason = "PREDICT_TIMEOUT" if sick.stage == "stuck" else "HEALTH_LOST"
        instances.end(sick, reason=reason, message=sick.told_message)
    for slow in [i for i in wanted if i.state == State.STARTING and _late(i)]:
        reason, message = _startup(slow)
        instances.end(slow, reason=reason, message=message)
    wanted = [i for i in wanted[: service.replicas] if i.state != State.ENDING]
    ready = [i for i in wanted if i.state == State.READY]
    if not ready and (_give_up(service, ready) or _overdue(service)):
        return _fail(service)
    missing = service.replicas - len(wanted)
    if missing > 0 and not _give_up(service, ready):
        _restart(service, missing)
    return _judge(service, len(ready), wanted)


def _late(instance: Instance) -> bool:
    """A start takes no longer than a deployment may, also when it is a restart."""
    limit = dt.timedelta(seconds=Service.DEADLINES["Deploying"])
    return timezone.now() > instance.started_at + limit


def _startup(instance: Instance) -> tuple[str, str]:
    """Reason and sentence for an instance that did not come up in time."""
    found = (instance.detail or {}).get("diagnosis")
    if found and found != "HEALTH_STARTUP":
        return found, instance.told_message
    seconds = Service.DEADLINES["Deploying"]
    late = messages.LATE_AT if instance.stage else messages.LATE
    text: str = late(seconds=seconds, stage=instance.stage)
    if instance.message:
        text = joined([text, messages.LAST_ANSWER(answer=instance.told_message)])
    return "HEALTH_STARTUP", text


def _crashes(service: Service) -> list[Instance]:
    since = timezone.now() - CRASH_WINDOW
    ended = Instance.objects.filter(service=service, ended_at__gt=since).exclude(reason="")
    if service.phase_since and service.phase == Phase.DEPLOYING:
        ended = ended.filter(ended_at__gte=service.phase_since)
    return list(ended.order_by("-number"))


def _give_up(service: Service, ready: list[Instance]) -> bool:
    """Whether restarting has been tried often enough, or would end in the same way for sure."""
    if ready:
        return False
    crashed, first = _crashes(service), service.phase == Phase.DEPLOYING
    if first and any(instance.reason in CERTAIN for instance in crashed):
        return True
    return len(crashed) >= (FIRST_TRIES if first else CRASHES)


def _restart(service: Service, missing: int) -> None:
    crashed = _crashes(service)
    if crashed:
        wait = BACKOFF[min(len(crashed) - 1, len(BACKOFF) - 1)]
        ended = crashed[0].ended_at
        # An end in the future was written before somebody set the clock back.
        if ended and 0 <= (timezone.now() - ended).total_seconds() < wait:
            return
    for _one in range(missing):
        if not _grow(service):
            states.observed(service, message=_shortage(service))
            return


def _judge(service: Service, ready: int, living: list[Instance]) -> float | None:
    """The phase that follows from how many instances are ready."""
    if ready >= service.replicas:
        if service.phase != Phase.RUNNING:
            started: dict[str, Any] = {} if service.started_at else {"started_at": timezone.now()}
            states.transition(
                service,
                Phase.RUNNING,
                actor=_system(),
                observed_at=timezone.now(),
                message=messages.INSTANCES_READY(ready=ready, replicas=service.replicas),
                detail=NO_TROUBLE,
                **started,
            )
        else:
            states.observed(service)
        return 2.0
    if service.phase in (Phase.RUNNING, Phase.CONCERNING) or (
        service.phase == Phase.DEPLOYING and ready
    ):
        _concern(service, ready)
        return 0.5
    told = [one for one in living if (one.detail or {}).get("diagnosis")]
    states.observed(service, **(_told(service, told[-1]) if told else {}))
    return 0.3


def _told(service: Service, instance: Instance) -> dict[str, Any]:
    """What an instance that comes up says of itself, what to do, and how long it may go on."""
    found = instance.detail["diagnosis"]
    next_step = messages.GIVEN_UP_AFTER(minutes=Service.DEADLINES["Deploying"] // 60)
    if found in CERTAIN:  # else it may simply need longer
        next_step = joined([label(NEXT[found]), next_step])
    return {
        "message": instance.told_message,
        "detail": {**(service.detail or {}), "next": next_step},
    }


def _overdue(service: Service) -> bool:
    """Whether a first deployment has taken longer than one may."""
    late = service.deadline_at is not None and timezone.now() > service.deadline_at
    return late and service.phase == Phase.DEPLOYING


def _concern(service: Service, ready: int) -> None:
    """Say how many serve, and why the last one that ended did."""
    crashed = _crashes(service)
    last = crashed[0] if crashed else None
    message: str = messages.INSTANCES_READY(ready=ready, replicas=service.replicas)
    if last is None:
        if service.phase == Phase.CONCERNING:
            states.observed(service, message=message)
        else:
            _move(service, Phase.CONCERNING, message, reason="INSTANCES_MISSING")
        return
    ended = messages.INSTANCE_ENDED(number=last.number, message=last.told_message or last.reason)
    message = joined([message, ended])
    if service.phase == Phase.CONCERNING and service.detail.get("instance") == last.number:
        states.observed(service, message=message)
        return
    states.transition(
        service,
        Phase.CONCERNING,
        actor=_system(),
        reason=last.reason,
        message=message,
        detail=_proof(last),
        observed_at=timezone.now(),
    )


def _fail(service: Service) -> float | None:
    """Nothing is ready and retries are over: end what is left, then say why.

    A failed service is not looked at any more, so nothing of it may live on.
    """
    left = instances.living(service)
    known = bool(_crashes(service))  # else that nothing came up in time is the reason
    for instance in left:
        if instance.state != State.ENDING:
            reason, message = ("", "") if known else _startup(instance)
            instances.end(instance, grace=FAILED_GRACE, reason=reason, message=message)
    if left:
        states.observed(service)
        return 0.3
    crashed = _crashes(service)
    last = crashed[0] if crashed else Instance.objects.filter(service=service).last()
    with transaction.atomic():
        states.transition(
            service,
            Phase.FAILED,
            actor=_system(),
            reason=(last.reason if last else "") or "ALL_DOWN",
            message=(last.told_message if last else "") or messages.NONE_READY(),
            detail=_proof(last),
        )
        accounts.revoke_credentials(instances.bound_to(service))
    return None


def _proof(last: Instance | None) -> dict[str, Any]:
    """What the failure card and the API show of the instance that ended last."""
    detail = (last.detail or {}) if last else {}
    return {
        "next": detail.get("next") or NEXT.get(last.reason if last else "", "") or READ_LOG,
        "log_tail": detail.get("log_tail", []),
        "exit_code": detail.get("exit_code"),
        "oom": bool(detail.get("oom")),
        "instance": last.number if last else None,
        "proof": detail.get("proof") or {},
    }


NO_TROUBLE: dict[str, Any] = {
    "next": "",
    "log_tail": [],
    "exit_code": None,
    "oom": False,
    "instance": None,
    "proof": {},
}


def _stopping(service: Service) -> float | None:
    if service.phase == Phase.STOPPED:
        return None
    if service.phase != Phase.STOPPING:
        if service.phase == Phase.FAILED and not instances.living(service):
            _move(service, Phase.STOPPING, messages.STOPPING())
            _move(service, Phase.STOPPED, messages.STOPPED())
            return None
        _move(service, Phase.STOPPING, messages.DRAINING())
    for instance in instances.living(service):
        instances.end(instance)
        seen = local.current().observe(str(instance.pk))
        if seen.final:
            instances.close(service, instance, seen)
    if not instances.living(service):
        _move(service, Phase.STOPPED, **share.last_words(service))
        accounts.revoke_credentials(instances.bound_to(service))
        return None
    if service.deadline_at and timezone.now() > service.deadline_at:
        for instance in instances.living(service):
            instances.kill(instance)
    return 0.3
