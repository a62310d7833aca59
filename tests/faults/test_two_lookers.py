"""Two workers look at one object: one moves it, and it is moved once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from compute.slot.models import Slot
from core import reconcile as kernel
from core.errors import Conflict
from core.models import Event
from tests.faults.test_crash_points import Host, host, made_job, nothing_held, running_job
from tests.sharing.test_races import together
from training.job import reconcile as jobs
from training.job.models import Attempt, TrainingJob

__all__ = ["host"]  # a fixture
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
KIND = "training.trainingjob"
ROUNDS = 6
threads = pytest.mark.skipif(
    connection.vendor == "sqlite",
    reason="SQLite lets one writer in at a time; the interleavings below need no threads",
)


def copies(job: TrainingJob) -> tuple[TrainingJob, TrainingJob]:
    """What two workers read at the same moment."""
    rows = TrainingJob.objects.unscoped("test")
    return rows.get(pk=job.pk), rows.get(pk=job.pk)


class TestInterleaved:
    """The second one acts on what it read before the first one moved."""

    def test_only_one_starts_the_job(self, host: Host) -> None:
        job = made_job("Pending")
        first, second = copies(job)
        jobs.reconcile(first)
        with pytest.raises(Conflict):
            jobs.reconcile(second)
        assert len(host.launched) == 1
        assert Attempt.objects.filter(job=job).count() == 1
        assert Slot.objects.filter(resource_id=str(job.pk)).count() == 1

    def test_only_one_ends_it(self, host: Host) -> None:
        job = running_job()
        host.ends(job.attempt.pk, outcome="succeeded", exit_code=0)
        first, second = copies(job)
        jobs.reconcile(first)
        with pytest.raises(Conflict):
            jobs.reconcile(second)
        job.refresh_from_db()
        assert job.phase == "Completed"
        nothing_held(job)

    def test_only_one_retries_a_lost_runner(self, host: Host) -> None:
        job = running_job()
        host.ends(job.attempt.pk, "lost")
        first, second = copies(job)
        jobs.reconcile(first)
        with pytest.raises(Conflict):
            jobs.reconcile(second)
        moves = Event.objects.filter(resource_id=str(job.pk), phase_to="Pending")
        assert moves.count() == 1
        assert Attempt.objects.filter(job=job).count() == 1, "the next look starts the second"


@threads
class TestAtOnce:
    """Threads, several rounds; between two rounds the pool is emptied."""

    @pytest.fixture(autouse=True)
    def _rounds(self, host: Host) -> None:
        self.host = host

    def rounds(self, make: Any) -> Iterator[TrainingJob]:
        for _round in range(ROUNDS):
            self.host.shows.clear()
            self.host.launched.clear()
            Slot.objects.all().delete()
            yield make()

    def test_three_deliveries_of_one_message(self) -> None:
        for job in self.rounds(made_job):
            pk = str(job.pk)
            answers = together(*[lambda pk=pk: kernel.look(KIND, pk)] * 3)
            assert "done" in answers
            assert set(answers) <= {"done", "busy"}
            for _again in range(4):
                kernel.look(KIND, pk)
            self.started_once(job)

    def test_an_end_without_the_lease(self) -> None:
        """A lease that ran out under a slow look must not be what correctness rests on."""

        def make() -> TrainingJob:
            job = running_job()
            self.host.ends(job.attempt.pk, outcome="succeeded", exit_code=0)
            return job

        for job in self.rounds(make):
            results = self.both(job)
            assert len([r for r in results if isinstance(r, Conflict)]) == 1
            job.refresh_from_db()
            assert job.phase == "Completed"
            nothing_held(job)

    def test_a_start_without_the_lease(self) -> None:
        for job in self.rounds(lambda: made_job("Pending")):
            # The loser is refused, or came late enough to see that it is started.
            assert len([r for r in self.both(job) if isinstance(r, Conflict)]) <= 1
            self.started_once(job)

    def both(self, job: TrainingJob) -> list[Any]:
        first, second = copies(job)
        return together(lambda: jobs.reconcile(first), lambda: jobs.reconcile(second))

    def started_once(self, job: TrainingJob) -> None:
        assert len(self.host.launched) == 1
        assert Attempt.objects.filter(job=job).count() == 1
        assert Slot.objects.filter(resource_id=str(job.pk)).count() == 1
