"""Who uses a shared object: rooms further up say so, because this one cannot know them.

A room with services or jobs that read models or datasets registers once, in its ``ready()``::

    from sharing import uses

    @uses.register
    def jobs_that_use(resource: Resource) -> list[tuple[str, str]]:
        return [(job.account_id, f"training job {job}") for job in ...]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: shared object -> (account id, what uses it) of everything not yet finished, in any account
UseProvider = Callable[[Any], list[tuple[str, str]]]

_providers: list[UseProvider] = []


def register(provider: UseProvider) -> UseProvider:
    """Add a provider. Usable as a decorator; the same one twice counts once."""
    if provider not in _providers:
        _providers.append(provider)
    return provider


def unregister(provider: UseProvider) -> None:
    """Take a provider out again; for tests."""
    _providers.remove(provider)


def of(resource: Any) -> list[tuple[str, str]]:
    """(account id, text) of everything that uses ``resource``, in the providers' order."""
    return [use for provider in _providers for use in provider(resource)]
