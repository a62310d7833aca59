"""Who uses a shared object: rooms further up say so, because this one cannot know them.

A room with services or jobs that read models or datasets registers once, in its ``ready()``::

    from sharing import uses

    @uses.register
    def jobs_that_use(resource: Resource) -> list[tuple[str, str, str]]:
        return [(job.account_id, "training job", str(job)) for job in ...]

The kind is told to the owner of the shared object, the name only to the account it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: shared object -> (account id, kind, name) of everything not yet finished that uses it
UseProvider = Callable[[Any], list[tuple[str, str, str]]]

_providers: list[UseProvider] = []


def register(provider: UseProvider) -> UseProvider:
    """Add a provider. Usable as a decorator; the same one twice counts once."""
    if provider not in _providers:
        _providers.append(provider)
    return provider


def unregister(provider: UseProvider) -> None:
    """Take a provider out again; for tests."""
    _providers.remove(provider)


def of(resource: Any) -> list[tuple[str, str, str]]:
    """(account id, kind, name) of everything that uses ``resource``, in the providers' order."""
    return [use for provider in _providers for use in provider(resource)]
