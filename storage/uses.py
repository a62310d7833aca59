"""Who uses which part of a bucket. Rooms that read or write prefixes register a provider here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import Conflict

if TYPE_CHECKING:
    from storage.bucket.models import Bucket


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that uses objects of a bucket.

    ``prefix`` is a folder (with or without its last slash), a whole key, or "" for the bucket.
    ``blocks``: taking the objects away now would break it, so a delete is refused.
    """

    what: Any  # a Resource
    prefix: str
    how: str  # "reads", "writes", "was made from"
    blocks: bool = False

    def covers(self, key: str) -> bool:
        """Does this use concern the object ``key``?"""
        if self.prefix in ("", key):
            return True
        return key.startswith(self.prefix.rstrip("/") + "/")

    def touches(self, prefix: str) -> bool:
        """Does this use concern anything below ``prefix``?"""
        return self.prefix.startswith(prefix) or prefix.startswith(self.prefix)


#: bucket -> every use of it; called on pages and before deletes, so it must be a query or two
Provider = Callable[["Bucket"], Iterable[Use]]

_providers: list[Provider] = []


def register(provider: Provider) -> Provider:
    """Add a provider; usable as a decorator. Called once, when a room is loaded."""
    if provider not in _providers:
        _providers.append(provider)
    return provider


def uses_of(bucket: Bucket, prefix: str = "") -> list[Use]:
    """Everything that uses the bucket, or what lies below ``prefix``."""
    return [u for provider in _providers for u in provider(bucket) if u.touches(prefix)]


def blocking(bucket: Bucket) -> list[Use]:
    """The uses that a delete must not break."""
    return [use for use in uses_of(bucket) if use.blocks]


def refuse_if_used(bucket: Bucket, key: str, found: list[Use] | None = None) -> None:
    """Raise Conflict when deleting ``key`` would break something, naming it."""
    for use in blocking(bucket) if found is None else found:
        if use.covers(key):
            raise in_use(f"{bucket.name}/{key}", use)


def in_use(path: str, use: Use) -> Conflict:
    """The refusal that names what is in the way."""
    label = use.what._meta.verbose_name
    return Conflict(
        f"{label.capitalize()} “{use.what}” {use.how} {path} right now.",
        code="IN_USE",
        hint="Stop it or wait until it has ended, then delete again.",
        extra={"used_by": {"type": use.what._meta.label_lower, "id": str(use.what.pk)}},
    )
