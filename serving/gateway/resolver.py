"""The gateway's answers from the platform's database and its one decision function."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import functools
import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, transaction

from accounts.actors import actor_of
from accounts.facts import remembered
from accounts.token import uses
from accounts.token.services import BY_PREFIX, authenticate_bearer, token_question
from accounts.user.models import User
from compute import local
from compute.backends import Backend
from core import access, audit, outage, printed
from core.actor import Actor, acting
from core.errors import NotAuthenticated
from core.prepared import Prepared, Question
from serving.gateway.protocol import Batch, Caller, Instance, Refusal, Target
from serving.service import pass_on
from serving.service.models import Instance as InstanceRow
from serving.service.models import Service, Traffic

log = logging.getLogger("modelyard.gateway")

THREADS = 8
#: refusals that are put on record while their callers have their answer
MAX_WAITING = 1000
UNKNOWN = Caller()
WRITE_ATTEMPTS = 5
MAX_OBJECTS = 1024
T = TypeVar("T")

#: id -> row as read last, and the object made of it: a row that is still the same needs no new one
_objects: dict[uuid.UUID, tuple[tuple[Any, ...], Service]] = {}


class InLoop(Protocol):
    """A way to ask the database that holds no event loop."""

    async def ask(self, questions: Sequence[Question], work: Callable[[], T]) -> T | None:
        """What ``work`` returns, given the answers to ``questions``; None where a thread has to be
        asked instead."""


class DjangoResolver:
    """Implements ``Resolver``: token, service, decision and ready instances, asked per request."""

    def __init__(self, in_loop: InLoop | None = None) -> None:
        self._in_loop = in_loop
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolver")
        # Writes wait here, for each other and for the database's writer; no decision does.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="resolver-writer")
        self._waiting = 0
        self._uses: uses.Uses = {}

    async def authorize(
        self,
        service_id: str,
        authorization: str | None,
        method: str,
        request_id: str,
        caller: Caller,
    ) -> Target | Refusal:
        def work() -> tuple[Target | Refusal, list[Callable[[], None]]]:
            with uses.collected(self._uses), written_later() as later:
                return resolve(service_id, authorization or "", request_id, caller), later

        try:
            found = None
            if self._in_loop is not None:
                questions = _questions(service_id, authorization or "")
                found = await self._in_loop.ask(questions, work)
            # An error on the way to a decision is a no: only a thread's no is final.
            if found is None or found[0] is NOT_FOUND:
                found = await self._run(work)
            answer, later = found
            for write in later:
                await self._write(write)
            return answer
        except (DatabaseError, InterfaceError, OSError) as error:
            away = outage.of(error)
            if away is None:
                raise
            log.warning("request %s: %s: %s", request_id, away.code, error)
            return Refusal(
                away.status,
                away.code,
                away.message,
                extra={"hint": away.hint},
                headers={"retry-after": str(outage.RETRY_AFTER)},
            )

    async def store(self, batch: Batch) -> None:
        """Sink of the counters; writes the uses of tokens with them."""
        noted, self._uses = self._uses, {}
        written = asyncio.wrap_future(self._writer.submit(_fresh, lambda: store(batch, noted)))
        await written

    async def _write(self, work: Callable[[], None]) -> None:
        """Have something written beside. Nothing is dropped: who comes when very much waits, waits
        with it."""
        self._waiting += 1
        future = asyncio.wrap_future(self._writer.submit(_stubborn, work))
        future.add_done_callback(self._written)
        if self._waiting > MAX_WAITING:
            await asyncio.wait([future])

    def _written(self, future: asyncio.Future[None]) -> None:
        self._waiting -= 1
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("a refusal is not on record: %s", error, exc_info=error)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _fresh, work)


_to_write: contextvars.ContextVar[list[Callable[[], None]] | None] = contextvars.ContextVar(
    "to write", default=None
)


class written_later:  # no generator: every request makes one
    """Inside, what a decision writes is put into this list and not written."""

    def __enter__(self) -> list[Callable[[], None]]:
        later: list[Callable[[], None]] = []
        self._before = _to_write.set(later)
        return later

    def __exit__(self, *_error: object) -> None:
        _to_write.reset(self._before)


def _later(write: Callable[[], None]) -> None:
    later = _to_write.get()
    if later is None:
        write()
    else:
        later.append(write)


def _fresh(work: Callable[[], T]) -> T:
    close_old_connections()
    return work()


def _stubborn(work: Callable[[], None]) -> None:
    """Written although the database is busy or away for a while."""
    for _attempt in range(WRITE_ATTEMPTS - 1):
        try:
            return _fresh(work)
        except (DatabaseError, InterfaceError) as error:
            if outage.of(error) is None:
                raise
    return _fresh(work)


def _questions(service_id: str, authorization: str) -> tuple[Question, ...]:
    """What ``resolve`` will ask first, where that can be said in advance; none otherwise."""
    token = token_question(authorization)
    try:
        pk = uuid.UUID(service_id)
    except ValueError:
        return ()
    return (token, _SERVICE.ask(pk=pk), _READY.ask(service=pk)) if token is not None else ()


def resolve(
    service_id: str, authorization: str, request_id: str, caller: Caller = UNKNOWN
) -> Target | Refusal:
    """One request: who is it, may they, where does it go.

    Three queries: the token with its user and account, whose epoch says whether a decision kept
    from before still holds; the service; its ready instances.
    """
    with remembered():
        return _resolved(service_id, authorization, request_id, caller)


def _resolved(
    service_id: str, authorization: str, request_id: str, caller: Caller
) -> Target | Refusal:
    try:
        actor = _actor(service_id, authorization, request_id, caller)
    except NotAuthenticated as error:
        return Refusal(
            401,
            error.code,
            error.message,
            extra={"hint": error.hint},
            headers={"www-authenticate": 'Bearer realm="modelyard"'},
        )
    with acting(actor):
        return _target(actor, service_id)


def _actor(service_id: str, authorization: str, request_id: str, caller: Caller) -> Actor:
    scheme, _space, bearer = authorization.partition(" ")
    page = pass_on.read(bearer.strip(), service_id) if scheme.lower() == "bearer" else None
    if page is None:
        return authenticate_bearer(
            authorization,
            source_ip=caller.address,
            user_agent=caller.user_agent,
            request_id=request_id,
            secure=caller.secure,
            referer=caller.referer,
        )
    user_id, where = page
    rows = User.objects.unscoped("user behind a page's call").select_related("account")
    user = rows.filter(pk=user_id, is_active=True, account__is_active=True).first()
    if user is None:
        raise NotAuthenticated("Sign in first.")
    return actor_of(user, via="console", request_id=request_id, **where)


def _target(actor: Actor, service_id: str) -> Target | Refusal:
    service = _service(service_id)
    if service is None:
        return NOT_FOUND
    decision = access.decide(actor, INFER, service)
    if not decision.allowed:
        # Who may not even see it learns nothing: as if it did not exist.
        if not access.decide(actor, "modelarts:service:get", service).allowed:
            return NOT_FOUND
        _later(functools.partial(audit.record_denial, actor, decision, service))
        return Refusal(
            403, "ACCESS_DENIED", decision.reason,
            extra={"explanation": decision.explanation()},
        )  # fmt: skip
    backend = local.current()
    ready = tuple(
        Instance(str(pk), _socket(backend, pk))  # type: ignore[arg-type]
        for (pk,) in _READY.rows(service=service.pk)
    )
    if not ready:
        ended = service.phase in (Service.Phase.FAILED, Service.Phase.CONCERNING)
        hint = printed.sentence(service.reason) if ended and service.reason else service.message
        return Refusal(
            503, "NO_READY_INSTANCE",
            f"Service “{service.name}” is {service.phase}; no instance is ready.",
            extra={"phase": service.phase, "hint": hint}, headers={"retry-after": "2"},
        )  # fmt: skip
    return Target(
        service_id=str(service.pk),
        instances=ready,
        max_body=settings.MODELYARD_MAX_PREDICTION_BYTES,
        owner=str(service.account_id),
        caller=str(actor.account_id),
    )


def _service(service_id: str) -> Service | None:
    """What a decision needs of the row that the path names; None for no row or no id."""
    try:
        pk = uuid.UUID(service_id)
    except ValueError:
        return None
    row = _SERVICE.row(pk=pk)
    if row is None:
        return None
    known = _objects.get(pk)
    if known is not None and known[0] == row:
        return known[1]
    service = Service(pk=pk, **dict(zip(COLUMNS, row, strict=True)))
    if len(_objects) >= MAX_OBJECTS:
        _objects.clear()
    _objects[pk] = (row, service)
    return service


@functools.lru_cache(MAX_OBJECTS)
def _socket(backend: Backend, instance: uuid.UUID) -> str:
    return str(backend.socket_path(str(instance)))


INFER = "modelarts:service:infer"
NOT_FOUND = Refusal(404, "NOT_FOUND", "Not found.")
#: of a service: what a decision and the answer read
COLUMNS = (
    "account_id", "region", "workspace_id", "enterprise_project_id", "name", "phase", "reason",
    "message", "tags",
)  # fmt: skip
_SERVICE = Prepared(
    lambda pk: (
        Service.objects.unscoped("decided by the gateway's resolver")
        .filter(pk=pk)
        .values_list(*COLUMNS)
    ),
    pk=Service._meta.get_field("id"),
)
_READY = Prepared(
    lambda service: InstanceRow.objects.filter(
        service=service, state=InstanceRow.State.READY
    ).values_list("pk"),
    service=Service._meta.get_field("id"),
)

#: the queries of a request whose user, service and rights are as they were
ASKED = (BY_PREFIX, _SERVICE, _READY)


def store(batch: Batch, noted: uses.Uses | None = None) -> None:
    """Write what a gateway counted; counts of services that are gone are dropped. Uses of tokens
    are dropped while the database is busy."""
    if noted:
        uses.write(noted)
    wanted: dict[uuid.UUID, list[tuple[int, int, float, list[int]]]] = {}
    for (service_id, _revision, status), count in batch.counts.items():
        try:
            pk = uuid.UUID(service_id)
        except ValueError:
            continue
        wanted.setdefault(pk, []).append(
            (status, count.requests, count.seconds, list(count.histogram))
        )
    if not wanted:
        return
    at = dt.datetime.fromtimestamp(batch.ended_at, dt.UTC)
    length = max(batch.ended_at - batch.started_at, 0.001)
    with transaction.atomic():
        rows = Service.objects.unscoped("traffic report")
        known = set(rows.filter(pk__in=wanted).values_list("pk", flat=True))
        Traffic.objects.bulk_create(
            Traffic(
                service_id=pk,
                at=at,
                seconds=length,
                status=status,
                requests=requests,
                busy=busy,
                histogram=histogram,
            )
            for pk, entries in wanted.items()
            if pk in known
            for status, requests, busy, histogram in entries
        )
