"""At each phase of job and service: two workers on one object, and every message delivered twice.

What happens to an object that is looked at once per turn is the measure; the others must leave the
very same trace: phases, attempts, processes, slots.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from compute.backends.base import Observation, Probed
from compute.slot import services as slots
from compute.slot.models import Slot
from core import reconcile as kernel
from core.errors import Conflict, StaleState
from core.models import Event
from serving.service import instances
from serving.service import reconcile as services
from serving.service.models import Instance, Service
from tests.faults.test_crash_points import Host, host, made_job, made_service, running_job
from training.job import reconcile as jobs
from training.job.models import Attempt, TrainingJob

__all__ = ["host"]  # a fixture
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
TURNS = 6
Made = TrainingJob | Service


def shown(host: Host, attempt: Any, phase: str) -> None:
    host.shows[str(attempt)] = Observation(str(attempt), phase, True, 0.0, {"phase": phase})


def job_of(phase: str, host: Host) -> TrainingJob:
    if phase in ("Creating", "Pending"):
        return made_job(phase)
    job = running_job()
    attempt = job.attempt.pk
    if phase in ("preparing", "running", "uploading"):
        shown(host, attempt, phase)
    elif phase == "Terminating":
        shown(host, attempt, "running")
        TrainingJob.objects.unscoped("test").filter(pk=job.pk).update(desired="stopped")
    elif phase == "lost":
        host.ends(attempt, "lost")
    elif phase == "failed":
        host.ends(attempt, outcome="failed", reason_code="USER_CODE_ERROR", exit_code=1)
    else:
        host.ends(attempt, outcome="succeeded", exit_code=0)
    job.refresh_from_db()
    return job


def service_of(phase: str, host: Host) -> Service:
    service = made_service()
    if phase == "Pending":
        return service
    rows = Service.objects.unscoped("test").filter(pk=service.pk)
    if phase == "Waiting":
        rows.update(phase="Waiting")
        return rows.get()
    stopping, began = phase == "Stopping", phase == "Deploying"
    rows.update(
        phase="Deploying" if began else "Running", desired="stopped" if stopping else "running"
    )
    state = Instance.State.STARTING if began else Instance.State.READY
    instance = Instance.objects.create(service=service, number=1, state=state)
    assert slots.take("public", service.flavor, instance.pk, service)
    if phase == "lost":
        host.ends(instance.pk, "lost")
    else:
        shown(host, instance.pk, "running")
    return rows.get()


JOBS = (
    "Creating", "Pending", "preparing", "running", "uploading", "Terminating", "lost", "failed",
    "succeeded",
)  # fmt: skip
SERVICES = ("Pending", "Waiting", "Deploying", "Running", "Stopping", "lost")
EVERY = [
    *(pytest.param(job_of, phase, id=f"job-{phase}") for phase in JOBS),
    *(pytest.param(service_of, phase, id=f"service-{phase}") for phase in SERVICES),
]


@pytest.fixture(autouse=True)
def well(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Model servers that answer; a restart needs no pause to be seen."""
    host.answers = Probed(0.0, {"misses": 0, "status": 200, "kind": "", "body": "{}"})
    monkeypatch.setattr(services, "BACKOFF", (0.0,))
    monkeypatch.setattr(instances.local, "forget_credential", lambda attempt: None)


def kind(made: Made) -> str:
    return made._meta.label_lower


def copy(made: Made) -> Made:
    found: Made = type(made).objects.unscoped("test").get(pk=made.pk)
    return found


def once(made: Made) -> None:
    kernel.look(kind(made), str(made.pk))


def twice(made: Made) -> None:
    """The broker delivers the message again after the first look is over."""
    once(made)
    once(made)


def two(made: Made) -> None:
    """Two workers read the object at the same moment; the lease did not keep them apart."""
    reconcile: Callable[[Any], Any] = (
        jobs.reconcile if isinstance(made, TrainingJob) else services.reconcile
    )
    pair = copy(made), copy(made)
    for one in pair:
        if one.is_terminal:
            continue
        try:
            reconcile(one)
        except (Conflict, StaleState):
            assert one is pair[1], "nobody came before the first one"


def trace(host: Host, made: Made) -> dict[str, Any]:
    """What happened to an object, without the names that differ from object to object."""
    now = copy(made)
    moves = Event.objects.filter(resource_id=str(made.pk)).exclude(phase_to="").order_by("id")
    rows: Any = (
        Attempt.objects.filter(job=made)
        if isinstance(made, TrainingJob)
        else Instance.objects.filter(service=made)
    )
    ids = [str(pk) for pk in rows.order_by("number").values_list("pk", flat=True)]
    held = [str(slot.attempt) for slot in Slot.objects.filter(resource_id=str(made.pk))]
    return {
        "phase": (now.phase, now.reason),
        "moves": [(m.phase_from, m.phase_to) for m in moves if m.phase_from != m.phase_to],
        "ended": [row.ended_at is not None for row in rows.order_by("number")],
        "started": [ids.index(attempt) for attempt in host.launched],
        "slots": sorted(ids.index(attempt) for attempt in held),
    }


def told(host: Host, make: Callable[[str, Host], Made], phase: str, turn: Callable[[Made], None]):  # type: ignore[no-untyped-def]
    host.shows.clear()
    host.launched.clear()
    Slot.objects.all().delete()
    made = make(phase, host)
    traces = []
    for _turn in range(TURNS):
        turn(made)
        traces.append(trace(host, made))
    return traces


@pytest.mark.parametrize(("make", "phase"), EVERY)
class TestEachPhase:
    def test_a_message_that_comes_twice(self, host: Host, make: Any, phase: str) -> None:
        wanted = told(host, make, phase, once)[-1]
        assert told(host, make, phase, twice)[-1] == wanted

    def test_two_workers(self, host: Host, make: Any, phase: str) -> None:
        wanted = told(host, make, phase, once)[-1]
        assert told(host, make, phase, two)[-1] == wanted


def test_the_measure_moves(host: Host) -> None:
    """The traces above are not all the same: each phase is a case of its own."""
    seen = {
        (make.__name__, phase): repr(told(host, make, phase, once)[-1])
        for make, phases in ((job_of, JOBS), (service_of, SERVICES))
        for phase in phases
    }
    ends = {name: text.partition("'moves'")[0] for name, text in seen.items()}
    assert "Completed" in ends["job_of", "succeeded"]
    assert "Failed" in ends["job_of", "failed"]
    assert "Terminated" in ends["job_of", "Terminating"]
    assert "Stopped" in ends["service_of", "Stopping"]
    assert "'started': [1]" in seen["job_of", "lost"]
    assert "'started': [1]" in seen["service_of", "lost"]
    assert "'started': [0]" in seen["service_of", "Waiting"]
    assert "'started': []" in seen["job_of", "uploading"]
