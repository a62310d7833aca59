"""A gateway in a process of its own: ``python -m tests.serving.attacked_gateway PORT FOLDER``.

Services are the sockets ``FOLDER/NAME.sock``; each has an owner of its own, and every token may
call all of them.
"""

from __future__ import annotations

import sys

import uvicorn

from serving.gateway.app import create_app
from serving.gateway.callers import Callers
from serving.gateway.protocol import Batch, Instance, Refusal, Target


class Everything:
    """A resolver that allows whatever is asked."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    async def authorize(
        self, service_id: str, authorization: str | None, *_rest: str
    ) -> Target | Refusal:
        instance = Instance(service_id, f"{self.folder}/{service_id}.sock")
        return Target(service_id, (instance,), owner=service_id, caller=authorization or "")


async def forget(batch: Batch) -> None:
    """No counts are kept."""
    del batch


if __name__ == "__main__":
    uvicorn.run(
        create_app(Everything(sys.argv[2]), forget),
        port=int(sys.argv[1]),
        loop="uvloop",
        http=Callers,
        lifespan="on",
        log_level="error",
    )
