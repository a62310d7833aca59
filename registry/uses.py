"""Who uses a model: rooms further up say so, because this one cannot know them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from registry.model.models import Model


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that runs from a model. ``blocks``: deleting the model would break it."""

    what: Any  # a Resource
    blocks: bool


Provider = Callable[[Model], Iterable[Use]]
_providers: list[Provider] = []


def register(provider: Provider) -> Provider:
    """Add a provider; usable as a decorator."""
    if provider not in _providers:
        _providers.append(provider)
    return provider


def of(model: Model) -> list[Use]:
    """Everything that uses ``model``, in any account."""
    return [use for provider in _providers for use in provider(model)]
