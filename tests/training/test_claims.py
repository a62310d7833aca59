"""Output paths that unfinished jobs hold: the same, above and below are taken, others are free."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import actor as actors
from core import states
from core.errors import Conflict, ValidationFailed
from tests.storage import people
from training.job.checks import MAX_OUTPUTS
from training.job.claims import claim
from training.job.models import OutputClaim, TrainingJob
from training.job.services import create

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def job(owner: people.Person, name: str, prefix: str, bucket: str = "data") -> TrainingJob:
    made = TrainingJob(
        account_id=owner.user.account_id,
        created_by_id=owner.user.pk,
        region="cn-north-1",
        name=name,
        code_bucket="data",
        boot_file="train.py",
        engine="python_3.11-sklearn-cpu",
        outputs=[{"name": "out", "bucket": bucket, "prefix": prefix}],
    )
    states.start(made, TrainingJob.Phase.CREATING)
    made.save()
    return made


@pytest.fixture
def owner() -> people.Person:
    owner = people.root("claimowner")
    claim(job(owner, "first", "runs/a_b/"))
    return owner


@pytest.mark.parametrize("prefix", ["runs/a_b/", "runs/a_b/deeper/", "runs/", ""])
def test_paths_that_touch_a_held_one_are_busy(owner: people.Person, prefix: str) -> None:
    with pytest.raises(Conflict) as refused:
        claim(job(owner, "second", prefix))
    assert refused.value.code == "OUTPUT_BUSY" and "first" in refused.value.message
    assert OutputClaim.objects.count() == 1


def test_a_job_that_the_submitter_may_not_see_is_not_named(owner: people.Person) -> None:
    rights = people.statement("Allow", "modelarts:trainJob:*") | {
        "Condition": {"StringEquals": {"g:ResourceTag/team": ["b"]}}
    }
    other = people.user(owner, "other", [rights])
    with actors.acting(other.actor), pytest.raises(Conflict) as refused:
        claim(job(owner, "second", "runs/a_b/deeper/"))
    assert refused.value.code == "OUTPUT_BUSY" and "first" not in refused.value.message
    with actors.acting(owner.actor), pytest.raises(Conflict) as refused:
        claim(job(owner, "third", "runs/a_b/deeper/"))
    assert "first" in refused.value.message


@pytest.mark.parametrize(
    "prefix", ["runs/a_bc/", "runs/a/", "runs/aXb/", "Runs/A_B/", "RUNS/a_b/x/", "run/", "other/"]
)
def test_other_paths_are_free(owner: people.Person, prefix: str) -> None:
    claim(job(owner, "second", prefix))
    assert OutputClaim.objects.count() == 2


def test_another_bucket_and_another_account_are_free(owner: people.Person) -> None:
    claim(job(owner, "second", "runs/a_b/", bucket="other"))
    claim(job(people.root("claimother"), "third", "runs/a_b/"))
    assert OutputClaim.objects.count() == 3


def test_a_path_is_looked_for_by_the_database(owner: people.Person) -> None:
    for number in range(30):
        claim(job(owner, f"more{number}", f"many/{number}/"))
    last = job(owner, "last", "many/30/")
    near = OutputClaim.objects.count()
    loaded: list[OutputClaim] = []
    original = OutputClaim.from_db.__func__  # type: ignore[attr-defined]

    def counted(cls: type[OutputClaim], *args: object) -> OutputClaim:
        loaded.append(original(cls, *args))
        return loaded[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OutputClaim, "from_db", classmethod(counted))
        claim(last)
    assert near == 31 and loaded == []


def with_outputs(owner: people.Person, name: str, prefixes: list[str]) -> TrainingJob:
    made = job(owner, name, "")
    made.outputs = [{"name": f"o{p}", "bucket": "data", "prefix": p} for p in prefixes]
    return made


def test_one_path_costs_as_many_statements_as_the_most(owner: people.Person) -> None:
    counts = []
    for number in (1, MAX_OUTPUTS):
        many = with_outputs(owner, f"many{number}", [f"{number}/o/{i}/" for i in range(number)])
        with CaptureQueriesContext(connection) as asked:
            claim(many)
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 4


@pytest.mark.parametrize("prefixes", [["a/", "a/"], ["a/b/", "c/", "a/"], ["x/", "", "y/"]])
def test_outputs_of_one_job_do_not_overlap(owner: people.Person, prefixes: list[str]) -> None:
    with pytest.raises(Conflict, match="Two outputs"):
        claim(with_outputs(owner, "second", prefixes))
    assert OutputClaim.objects.count() == 1


def test_more_outputs_than_the_limit_are_a_problem(owner: people.Person) -> None:
    data = {
        "name": "many", "code_bucket": "data", "boot_file": "t.py", "engine": "x",
        "outputs": [{"name": f"o{i}", "bucket": "data", "prefix": f"{i}"} for i in range(4000)],
    }  # fmt: skip
    with pytest.raises(ValidationFailed) as refused:
        create(owner.actor, data)
    assert "TOO_MANY" in {problem.code for problem in refused.value.problems}
