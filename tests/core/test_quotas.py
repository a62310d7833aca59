"""Limits of an account: its own where it has one, the declared default else."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import quotas, registry
from core.models import Quota
from tests.storage import people

pytestmark = pytest.mark.django_db


def test_all_usage_counts_each_kind_and_asks_once_for_the_limits() -> None:
    owner = people.root("quotaowner")
    people.bucket(owner, "counted")
    Quota.objects.create(account_id=owner.user.account_id, key="buckets", limit=3)
    with CaptureQueriesContext(connection) as seen:
        found = {usage.key: usage for usage in quotas.all_usage(owner.user.account_id)}
    limited = [spec.quota for spec in registry.all_specs() if spec.quota]
    assert {key: found[key].limit for key, _default in limited} == {**dict(limited), "buckets": 3}
    assert found["buckets"].used == 1
    meters = set(found) - {key for key, _default in limited}
    assert meters == {"stored_mib"}
    assert len(seen) == len(limited) + len(meters) + 1


def test_one_kind_is_limited_by_the_accounts_own_row() -> None:
    owner = people.root("quotaowner")
    Quota.objects.create(account_id=owner.user.account_id, key="buckets", limit=3)
    usage = quotas.usage(owner.user.account_id, registry.spec_by_slug("buckets"))
    assert usage is not None and (usage.used, usage.limit) == (0, 3)
