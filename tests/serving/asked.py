"""The resolver as a gateway asks it: in its event loop, and in a thread where that does not do."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections
from django.utils import timezone

from accounts.token.models import ApiToken
from serving.gateway.pipeline import pipeline
from serving.gateway.protocol import Caller, Refusal, Target
from serving.gateway.reader import reader
from serving.gateway.resolver import ASKED, DjangoResolver
from serving.service.models import Service
from tests.contract.base import bearer
from tests.storage.people import Person


class Asked:
    """A resolver that asks in its loop, and which requests needed a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.Runner()
        self.reader, self.pipeline = reader(*ASKED), pipeline(*ASKED)
        self.resolver = DjangoResolver(self.reader or self.pipeline)
        self.resolver._threads = ThreadPoolExecutor(1)  # whose one connection can be closed
        self.in_threads = 0
        run = self.resolver._run

        async def counted(work: Any) -> Any:
            self.in_threads += 1
            return await run(work)

        self.resolver._run = counted  # type: ignore[method-assign]
        self.loop.run(self.connected())

    async def connected(self) -> None:
        """Until a connection stands, where one is made in a thread."""
        if self.pipeline is not None and self.pipeline._link is None:
            self.pipeline._not_before = 0
            self.pipeline._open()
            assert self.pipeline._opening is not None
            await self.pipeline._opening
            assert self.pipeline._link is not None

    def __call__(self, service: Service, *texts: str) -> list[Target | Refusal]:
        """One answer per token, asked one after the other in a task each, as requests are."""

        async def ask() -> list[Target | Refusal]:
            return [await asyncio.create_task(self.one(service, text)) for text in texts]

        return self.loop.run(ask())

    async def one(self, service: Service, text: str) -> Target | Refusal:
        """One answer."""
        bearer, caller = f"Bearer {text}", Caller("::1")
        return await self.resolver.authorize(str(service.pk), bearer, "POST", "r", caller)

    def warm(self, service: Service, owner: Person) -> str:
        """A token in use, of a user whose rights this process has read."""
        text = in_use(owner)
        self(service, text)
        self.in_threads = 0
        return text

    def written(self) -> None:
        """Wait until what is written beside is written."""
        self.resolver._writer.submit(lambda: None).result()

    def close(self) -> None:
        self.resolver._writer.submit(connections.close_all).result()
        self.resolver._writer.shutdown()
        self.resolver._threads.submit(connections.close_all).result()
        self.resolver._threads.shutdown()
        if self.reader is not None:
            self.reader.close()
        if self.pipeline is not None:
            self.pipeline.close()
        self.loop.close()


def in_use(owner: Person) -> str:
    """A token whose use was noted just now, so that asking with it writes nothing."""
    text = bearer(owner)
    ApiToken.objects.update(last_used_at=timezone.now())
    return text
