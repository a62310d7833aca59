"""Says which instances services own: to the sweep of processes."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from compute import attempts
from serving.service.models import Instance


@attempts.register
def attempts_of_services(ids: Collection[uuid.UUID]) -> attempts.Owned:
    """An instance is wanted until it has ended; its log as long as the service is there."""
    rows = Instance.objects.filter(pk__in=ids).values_list("pk", "ended_at")
    return attempts.owned((pk, ended is None) for pk, ended in rows)
