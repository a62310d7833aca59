"""The contract of algorithms."""

from __future__ import annotations

from typing import Any

from training.algorithm.models import Algorithm

from tests.contract import creates
from tests.contract.test_resources import own
from tests.storage.people import Person


class TestAlgorithm(creates.CreatesOverApi):
    slug = "algorithms"

    def make(self, owner: Person) -> Any:
        return Algorithm.objects.create(**own(owner, code="data/code/", boot_file="train.py"))

    def payload(self) -> dict[str, Any]:
        return {"name": "alg-1", "code": "data/code/", "boot_file": "train.py"}
