"""What a type owes whose objects a POST creates: idempotency, personas, bad fields, quota."""

from __future__ import annotations

from typing import Any

import pytest

from core.models import AuditRecord, IdempotencyRecord
from tests.contract.base import ResourceContract


class CreatesOverApi(ResourceContract):
    """Adds what a type owes whose objects a POST creates: idempotency, personas, bad fields."""

    __test__ = False

    def payload(self) -> dict[str, Any]:
        raise NotImplementedError

    def test_api_create(self) -> None:
        body = self.payload()
        collection = f"/api/v1/{self.slug}"
        assert self.call("anonymous", "POST", collection, body).status_code == 401
        for who in ("reader", "nobody"):
            refused = self.call(who, "POST", collection, body)
            assert refused.status_code == 403, (who, refused.content)
        made = self.call("root", "POST", collection, body, idempotency_key="once-1")
        assert made.status_code == 201, made.content
        again = self.call("root", "POST", collection, body, idempotency_key="once-1")
        assert again.status_code == 201 and again["Idempotency-Replayed"] == "true"
        assert again.json()["id"] == made.json()["id"]
        other = {**body, "description": "another"}
        clash = self.call("root", "POST", collection, other, idempotency_key="once-1")
        assert clash.status_code == 409
        assert clash.json()["error_code"] == "IDEMPOTENCY_MISMATCH"
        assert IdempotencyRecord.objects.count() == 1
        row = AuditRecord.objects.get(
            resource_id=made.json()["id"], event=self.spec.event("create")
        )
        assert row.result == "ok"

    def test_unknown_fields_are_named(self) -> None:
        answer = self.call(
            "root", "POST", f"/api/v1/{self.slug}", {**self.payload(), "no_such_field": 1}
        )
        assert answer.status_code == 400
        assert "no_such_field" in [p["field"] for p in answer.json()["problems"]]

    def test_quota(self) -> None:
        from core.models import Quota

        if self.spec.quota is None:
            pytest.skip("the type has no quota")
        key, _default = self.spec.quota
        Quota.objects.create(account_id=self.owner.user.account_id, key=key, limit=0)
        answer = self.call("root", "POST", f"/api/v1/{self.slug}", self.payload())
        assert answer.status_code == 409, answer.content
        assert answer.json()["error_code"] == "QUOTA_EXCEEDED"
        assert answer.json()["limit"] == 0
