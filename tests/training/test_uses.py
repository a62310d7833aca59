"""A dataset version that an unfinished job reads stays; a finished job only remembers it."""

from __future__ import annotations

from typing import Any

import pytest

from core import references, states
from core.actor import system
from core.errors import Conflict
from datasets.version import services as versions
from tests.accounts import make as accounts
from tests.storage import people
from training.job import services
from training.job.models import TrainingJob

pytestmark = pytest.mark.postgresql


@pytest.fixture
def owner(db: None) -> Any:
    person = people.root("trainer")
    accounts.agency(
        person.user.account,
        accounts.statement("Allow", "obs:*:*"),
        accounts.statement("Allow", "modelarts:*:*"),
    )
    people.bucket(person, "data")
    people.put(person, "data", "code/train.py", b"print('hello')\n")
    people.put(person, "data", "in/x.txt", b"1\n")
    return person


def test_a_version_in_use_is_named_and_kept(owner: Any) -> None:
    from datasets.dataset import services as datasets

    dataset = datasets.create(owner.actor, {"name": "d", "format": "files"})
    version = versions.create(
        owner.actor, {"dataset": dataset.pk, "bucket": "data", "prefix": "in/"}
    )
    type(version).objects.unscoped("test").filter(pk=version.pk).update(
        phase=type(version).Phase.READY
    )
    job = services.create(
        owner.actor,
        {
            "name": "j",
            "code_bucket": "data",
            "code_prefix": "code",
            "boot_file": "train.py",
            "engine": "python_3.11-sklearn-cpu",
            "inputs": [{"name": "data_url", "dataset_version": str(version.pk)}],
            "outputs": [{"name": "train_url", "bucket": "data", "prefix": "out"}],
        },
    )
    found = references.uses(dataset, owner.actor).shown
    assert [(u.referrer.pk, u.role, u.blocks) for u in found] == [(job.pk, "data", True)]
    with pytest.raises(Conflict, match="j"):
        versions.delete(owner.actor, version)
    states.transition(job, TrainingJob.Phase.TERMINATED, actor=system("test"))
    assert [u.blocks for u in references.uses(dataset, owner.actor).shown] == [False]
    versions.delete(owner.actor, version)
