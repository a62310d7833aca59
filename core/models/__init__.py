"""Tables of the kernel."""

from core.models.audit import AuditRecord
from core.models.event import Event
from core.models.idempotency import IdempotencyRecord
from core.models.installation import Installation
from core.models.outbox import Lease, OutboxMessage, Turn
from core.models.quota import Quota
from core.models.reference import Reference
from core.models.resource import Resource
from core.models.tag import Tag

__all__ = [
    "AuditRecord",
    "Event",
    "IdempotencyRecord",
    "Installation",
    "Lease",
    "OutboxMessage",
    "Quota",
    "Reference",
    "Resource",
    "Tag",
    "Turn",
]
