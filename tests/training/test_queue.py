"""A slot that becomes free calls the first who waits, and a slot that is won calls the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from compute.slot import services as slots
from core import reconcile, states
from core.models import OutboxMessage
from tests.storage import people
from training.job import queue
from training.job.ending import end
from training.job.models import Attempt, TrainingJob

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
FLAVOR = "modelyard.cpu.1u"
TYPE = "training.trainingjob"


class Host:
    """A backend that launches nothing."""

    def __init__(self) -> None:
        self.launched: list[str] = []

    def launch(self, spec: Any) -> None:
        self.launched.append(spec.env["MODELYARD_JOB_NAME"])

    def disk_held(self, attempt: str) -> int:
        return 0


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Host]:
    """Room for two jobs, an engine that is there."""
    from pathlib import Path

    from compute import environment, local
    from compute.catalog import flavors
    from training.job import launch

    found = Host()
    settings.MODELYARD_POOL_CPUS, settings.MODELYARD_POOL_MEMORY = 2, 64 * 1024**3
    flavors.pools.cache_clear()
    monkeypatch.setattr(local, "current", lambda: found)
    ready = environment.Readiness(True, False, 100, "")
    monkeypatch.setattr(environment, "ensure", lambda name: ready)
    monkeypatch.setattr(environment, "path", lambda name: Path("/nowhere"))
    monkeypatch.setattr(launch, "credential", lambda job, attempt: Path("/nowhere/credential"))
    yield found
    flavors.pools.cache_clear()


def made(owner: Any, name: str, **fields: Any) -> TrainingJob:
    job = TrainingJob(
        account_id=owner.user.account_id,
        created_by_id=owner.user.pk,
        region="cn-north-1",
        name=name,
        code_bucket="data",
        code_prefix="code/",
        boot_file="train.py",
        engine="python_3.11-sklearn-cpu",
        flavor=FLAVOR,
        pool="public",
        max_duration=60,
        **fields,
    )
    states.start(job, TrainingJob.Phase.CREATING)
    job.save()
    return job


def look(*jobs: TrainingJob) -> list[str]:
    """Look at each; their phases after it."""
    for job in jobs:
        reconcile.look(TYPE, str(job.pk))
        job.refresh_from_db()
    return [job.phase for job in jobs]


def called() -> list[str]:
    """Names of the jobs that somebody asked to be looked at, in order; forgotten then."""
    ids = list(OutboxMessage.objects.order_by("id").values_list("resource_id", flat=True))
    OutboxMessage.objects.all().delete()
    rows = TrainingJob.objects.unscoped("test")
    return [rows.get(pk=pk).name for pk in ids]


@pytest.fixture
def jobs(host: Host) -> list[TrainingJob]:
    """Two that run and three that wait, the last of them urgent."""
    owner = people.root("queue")
    running = [made(owner, f"run-{number}") for number in range(2)]
    assert look(*running) == ["Running", "Running"]
    waiting = [made(owner, "old"), made(owner, "young"), made(owner, "urgent", priority=3)]
    assert look(*waiting) == ["Pending"] * 3
    called()
    return [*running, *waiting]


def test_the_end_of_a_job_calls_the_first_who_waits(jobs: list[TrainingJob]) -> None:
    end(jobs[0], "Completed", "", "Done.")
    assert called() == [jobs[0].name, "urgent"]


def test_who_was_called_takes_the_slot_and_calls_the_next(
    jobs: list[TrainingJob], host: Host
) -> None:
    first, second, old, young, urgent = jobs
    end(first, "Completed", "", "Done.")
    assert look(young, old) == ["Pending", "Pending"], "it is not their turn"
    called()
    assert look(urgent) == ["Running"]
    assert host.launched[-1] == "urgent"
    assert called() == ["old"]
    assert look(old) == ["Pending"], "the pool is full again"
    assert called() == []
    end(second, "Completed", "", "Done.")
    assert called()[-1] == "old"
    assert look(old, young) == ["Running", "Pending"]


def test_of_thousands_that_wait_only_the_first_look_often(
    jobs: list[TrainingJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two thousand waiting jobs of one account would otherwise be 400 looks a second."""
    monkeypatch.setattr(queue, "NEAR", 2)
    _first, _second, old, young, urgent = jobs
    waits = [queue.pause(job) for job in (urgent, old, young)]
    assert waits == [0.0, queue.NEAR_SECONDS, queue.FAR_SECONDS]


def test_nobody_waits_or_only_for_an_engine(host: Host) -> None:
    owner = people.root("queue-engine")
    job = made(owner, "one")
    states.transition(
        job, "Pending", actor=owner_actor(), secondary="Queuing", reason="ENGINE_BUILDING"
    )
    called()
    queue.call_next("public")
    assert called() == []


def owner_actor() -> Any:
    from core import actor as actors

    return actors.system("test")


def test_slots_are_counted_once(host: Host) -> None:
    """The lock's row is made by whoever comes first; taking twice is taking once."""
    owner = people.root("queue-slots")
    job = made(owner, "one")
    attempt = Attempt.objects.create(job=job, number=1)
    assert slots.take("public", FLAVOR, attempt.pk, job) is not None
    assert slots.take("public", FLAVOR, attempt.pk, job) is not None
    assert slots.use("public").slots == 1
    assert slots.use("public").free_cpus == 1
