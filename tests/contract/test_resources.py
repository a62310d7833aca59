"""The contract, run for every resource type."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

from accounts.agency.models import Agency
from core import registry
from datasets.dataset.models import Dataset
from datasets.version.models import DatasetVersion
from registry.model.models import Model
from serving.service.models import Service
from sharing.block.models import BlockedAccount
from sharing.invitation.models import Invitation
from sharing.unit import services as units
from sharing.unit.models import ShareUnit
from storage.bucket.models import Bucket
from tests.accounts import make as accounts
from tests.contract import base, creates
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


class TestBucket(creates.CreatesOverApi):
    slug = "buckets"

    def make(self, owner: Person) -> Any:
        return people.bucket(owner, f"bucket-{next(_numbers)}")

    def payload(self) -> dict[str, Any]:
        return {"name": f"bucket-{next(_numbers)}"}


class TestTrainingJob(creates.CreatesOverApi):
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


class TestGroup(creates.CreatesOverApi):
    slug = "groups"

    def make(self, owner: Person) -> Any:
        return accounts.group(owner.user.account)

    def payload(self) -> dict[str, Any]:
        return {"name": f"group-{next(_numbers)}"}


class TestBlockedAccount(creates.CreatesOverApi):
    slug = "blocked-accounts"

    def make(self, owner: Person) -> Any:
        return BlockedAccount.objects.create(
            **own(owner, name=str(7_000_000_000 + next(_numbers)), region="")
        )

    def payload(self) -> dict[str, Any]:
        return {"name": str(7_000_000_000 + next(_numbers))}


class TestPolicy(creates.CreatesOverApi):
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


class TestUser(creates.CreatesOverApi):
    slug = "users"

    def make(self, owner: Person) -> Any:
        return accounts.user(owner.user.account)

    def payload(self) -> dict[str, Any]:
        return {"name": f"user-{next(_numbers)}"}


class TestAgency(creates.CreatesOverApi):
    """Only the main account makes, changes and ends agencies."""

    slug = "agencies"
    held_back: ClassVar = dict.fromkeys(("create", "update", "delete", "revoke"), "main_account")

    def make(self, owner: Person) -> Any:
        return accounts.agency(owner.user.account)

    def payload(self) -> dict[str, Any]:
        return {"name": f"agency-{next(_numbers)}"}


class TestShareUnit(creates.CreatesOverApi):
    """A deleted unit stays readable, so that both sides see what was given to whom."""

    slug = "share-units"
    tombstone = "DELETED"

    def make(self, owner: Person) -> Any:
        return ShareUnit.objects.create(**own(owner, phase="ACTIVE"))

    def payload(self) -> dict[str, Any]:
        model = Model.objects.create(**own(self.owner, phase="Published", engine="e"))
        return {
            "name": f"unit-{next(_numbers)}",
            "resources": [{"type": "registry.model", "id": str(model.pk)}],
        }


class TestInvitation(base.ResourceContract):
    """The row belongs to the account that is asked; a third account shares."""

    slug = "share-invitations"

    def make(self, owner: Person) -> Any:
        sharer = people.root(f"sharer{next(_numbers)}")
        model = Model.objects.create(**own(sharer, phase="Published", engine="e"))
        unit = units.create(
            sharer.actor.with_request(region=REGION),
            {
                "name": f"unit-{next(_numbers)}",
                "resources": [{"type": "registry.model", "id": str(model.pk)}],
                "principals": [owner.user.account_id],
            },
        )
        return Invitation.objects.unscoped("test").get(unit=unit)


class TestDataset(creates.CreatesOverApi):
    slug = "datasets"

    def make(self, owner: Person) -> Any:
        return Dataset.objects.create(**own(owner))

    def payload(self) -> dict[str, Any]:
        return {"name": f"dataset-{next(_numbers)}"}


class TestDatasetVersion(creates.CreatesOverApi):
    slug = "dataset-versions"

    def make(self, owner: Person) -> Any:
        dataset = Dataset.objects.create(**own(owner, format="files"))
        fields = own(owner, dataset=dataset, number=1, phase="Ready", format="files", digest="d")
        return DatasetVersion.objects.create(**{**fields, "name": "V001"})

    def payload(self) -> dict[str, Any]:
        if not Bucket.objects.unscoped("test").filter(name="pictures").exists():
            people.bucket(self.owner, "pictures")
            people.put(self.owner, "pictures", "in/x.txt", b"1\n")
        dataset = Dataset.objects.create(**own(self.owner, format="files"))
        return {"dataset": str(dataset.pk), "bucket": "pictures", "prefix": "in"}


def test_every_type_has_its_contract() -> None:
    """A new resource type without a contract test fails here; nothing is excused."""
    tested = {
        cls.slug
        for cls in (
            *creates.CreatesOverApi.__subclasses__(),
            *base.ResourceContract.__subclasses__(),
        )
        if hasattr(cls, "slug")
    }
    assert tested == {spec.slug for spec in registry.all_specs()}
