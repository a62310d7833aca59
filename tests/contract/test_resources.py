"""The contract, run for every resource type."""

from __future__ import annotations

import itertools
from typing import Any

from accounts.agency.models import Agency
from core import registry
from registry.model.models import Model
from serving.service.models import Service
from sharing.block.models import BlockedAccount
from storage.bucket.models import Bucket
from tests.accounts import make as accounts
from tests.contract import base
from tests.storage import people
from tests.storage.people import Person
from training.job.models import TrainingJob

_numbers = itertools.count(1)
REGION = "cn-north-1"


def own(owner: Person, **fields: Any) -> dict[str, Any]:
    return {
        "account_id": owner.user.account_id,
        "region": REGION,
        "name": f"thing-{next(_numbers)}",
        **fields,
    }


class TestBucket(base.CreatesOverApi):
    slug = "buckets"

    def make(self, owner: Person) -> Any:
        return people.bucket(owner, f"bucket-{next(_numbers)}")

    def payload(self) -> dict[str, Any]:
        return {"name": f"bucket-{next(_numbers)}"}


class TestTrainingJob(base.CreatesOverApi):
    """A job that is over: only then may it be deleted."""

    slug = "training-jobs"

    def make(self, owner: Person) -> Any:
        return TrainingJob.objects.create(
            **own(
                owner,
                phase="Completed",
                code_bucket="data",
                code_prefix="code/",
                boot_file="train.py",
                engine="python_3.11-sklearn-cpu",
                flavor="modelyard.cpu.1u",
                outputs=[{"name": "train_url", "bucket": "data", "prefix": "out/"}],
            )
        )

    def payload(self) -> dict[str, Any]:
        owner = self.owner
        if not Bucket.objects.unscoped("test").filter(name="data").exists():
            people.bucket(owner, "data")
            people.put(owner, "data", "code/train.py", b"print('hello')\n")
            people.put(owner, "data", "in/x.txt", b"1\n")
            Agency.objects.unscoped("test").filter(account_id=owner.user.account_id).delete()
            accounts.agency(owner.user.account, accounts.statement("Allow", "obs:*:*"))
        return {
            "name": f"job-{next(_numbers)}",
            "code_bucket": "data",
            "code_prefix": "code",
            "boot_file": "train.py",
            "engine": "python_3.11-sklearn-cpu",
            "inputs": [{"name": "data_url", "bucket": "data", "prefix": "in"}],
            "outputs": [{"name": "train_url", "bucket": "data", "prefix": f"o{next(_numbers)}"}],
        }


class TestModel(base.ResourceContract):
    slug = "models"

    def make(self, owner: Person) -> Any:
        return Model.objects.create(**own(owner, phase="Published", engine="e"))


class TestService(base.ResourceContract):
    slug = "services"

    def make(self, owner: Person) -> Any:
        return Service.objects.create(
            **own(
                owner,
                phase="Stopped",
                model_label="digits 0.0.1",
                engine="e",
                model_account_id=owner.user.account_id,
                flavor="modelyard.cpu.1u",
            )
        )


class TestGroup(base.CreatesOverApi):
    slug = "groups"

    def make(self, owner: Person) -> Any:
        return accounts.group(owner.user.account)

    def payload(self) -> dict[str, Any]:
        return {"name": f"group-{next(_numbers)}"}


class TestBlockedAccount(base.CreatesOverApi):
    slug = "blocked-accounts"

    def make(self, owner: Person) -> Any:
        return BlockedAccount.objects.create(
            **own(owner, name=str(7_000_000_000 + next(_numbers)), region="")
        )

    def payload(self) -> dict[str, Any]:
        return {"name": str(7_000_000_000 + next(_numbers))}


class TestPolicy(base.CreatesOverApi):
    slug = "policies"

    def make(self, owner: Person) -> Any:
        return accounts.policy(
            owner.user.account, accounts.statement("Allow", "modelarts:trainJob:list")
        )

    def payload(self) -> dict[str, Any]:
        return {
            "name": f"policy-{next(_numbers)}",
            "document": {
                "Version": "1.1",
                "Statement": [{"Effect": "Allow", "Action": ["modelarts:trainJob:list"]}],
            },
        }


def test_every_type_has_its_contract() -> None:
    """A new resource type without a contract test, or a stale excuse, fails here."""
    tested = {
        cls.slug
        for cls in (*base.CreatesOverApi.__subclasses__(), *base.ResourceContract.__subclasses__())
        if hasattr(cls, "slug")
    }
    excused = {
        "users": "tests/accounts: creating shows a password once, deleting ends sessions",
        "agencies": "tests/accounts: only the main account changes agencies",
        "share-units": "tests/sharing: deleting keeps a tombstone",
        "share-invitations": "tests/sharing: rows belong to both sides",
        "datasets": "tests/datasets",
        "dataset-versions": "tests/datasets",
    }
    declared = {spec.slug for spec in registry.all_specs()}
    assert declared - tested - set(excused) == set()
    assert set(excused) - declared == set(), "stale excuses"
    assert set(excused) & tested == set(), "excused and tested"
