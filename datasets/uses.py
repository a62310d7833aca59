"""Who uses a dataset: rooms further up say so, because this one cannot know them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets.dataset.models import Dataset
    from datasets.version.models import DatasetVersion


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that reads a version. ``blocks``: it has not read everything yet, so the version
    must stay."""

    what: Any  # a Resource
    version_id: Any
    how: str  # "trains on", "was trained on"
    blocks: bool = False


#: dataset -> every use of one of its versions, in any account
Provider = Callable[["Dataset"], Iterable[Use]]
_providers: list[Provider] = []


def register(provider: Provider) -> Provider:
    """Add a provider; usable as a decorator. Called once, when a room is loaded."""
    if provider not in _providers:
        _providers.append(provider)
    return provider


def of(dataset: Dataset) -> list[Use]:
    """Everything that uses any version of ``dataset``."""
    return [use for provider in _providers for use in provider(dataset)]


def of_version(version: DatasetVersion) -> list[Use]:
    """Everything that uses this version."""
    return [use for use in of(version.dataset) if use.version_id == version.pk]


def for_shares(resource: Any) -> list[tuple[str, str, str]]:
    """The same for the sharing room: who would be hit when a share of a dataset ends."""
    if resource._meta.label_lower != "datasets.dataset":
        return []
    return [
        (use.what.account_id, str(use.what._meta.verbose_name), str(use.what))
        for use in of(resource)
        if use.blocks
    ]
