"""One pool of kept-alive connections per model server socket."""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import ceil_timeout

from compute import sockets

from .connection import InstanceConnection
from .protocol import Settings
from .turns import Turns


class InstanceConnector(aiohttp.UnixConnector):
    """Connects to an instance's socket and to nothing that the instance put in its place."""

    def __init__(self, *, turns: Turns, owner: str, **given: Any) -> None:
        super().__init__(**given)
        self._factory: Any = functools.partial(InstanceConnection, self._loop, turns, owner)

    async def _create_connection(
        self, req: Any, traces: Any, timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        try:
            async with ceil_timeout(timeout.sock_connect, timeout.ceil_threshold):
                with sockets.address(self._path) as address:
                    protocol: ResponseHandler
                    _, protocol = await self._loop.create_unix_connection(self._factory, address)
        except TimeoutError:
            raise
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        return protocol


class Pools:
    """Opens a session per socket path on first use and closes the least used ones."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sessions: OrderedDict[str, aiohttp.ClientSession] = OrderedDict()
        self._active: dict[str, int] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._turns = Turns()

    def acquire(self, socket_path: str, owner: str) -> aiohttp.ClientSession:
        """The session of ``socket_path``, where a program of the account ``owner`` answers; give
        it back with ``release``."""
        session = self._sessions.get(socket_path)
        if session is None:
            session = aiohttp.ClientSession(
                connector=InstanceConnector(
                    turns=self._turns,
                    owner=owner,
                    path=socket_path,
                    limit=0,
                    keepalive_timeout=self._settings.keepalive,
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self._settings.connect_timeout
                ),
            )
            self._sessions[socket_path] = session
            self._trim()
        else:
            self._sessions.move_to_end(socket_path)
        self._active[socket_path] = self._active.get(socket_path, 0) + 1
        return session

    def release(self, socket_path: str) -> None:
        """Say that one request of ``acquire`` is done."""
        left = self._active[socket_path] - 1
        if left:
            self._active[socket_path] = left
        else:
            del self._active[socket_path]

    async def close(self) -> None:
        """Close everything."""
        sessions = list(self._sessions.values())
        self._sessions.clear()
        await asyncio.gather(*(session.close() for session in sessions), *self._closing)

    def _trim(self) -> None:
        """Instances come and go under new paths: close idle sessions beyond the limit."""
        if len(self._sessions) <= self._settings.max_pools:
            return
        for path in list(self._sessions)[:-1]:
            if path not in self._active:
                task = asyncio.ensure_future(self._sessions.pop(path).close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
                return
