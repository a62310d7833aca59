"""No account's streams hold the event loop: whose data is parsed when, by a clock of the test."""

from __future__ import annotations

import asyncio
import heapq
import types
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp.client_proto import ResponseHandler

from serving.gateway import connection, forward, turns
from serving.gateway.connection import InstanceConnection
from serving.gateway.gathering import LEAST, MOST, SMALL, Gathering
from serving.gateway.turns import ALLOWANCE, ALLOWED_PER_SECOND, ALONE, ROUND, SAVED, SHARE, Turns
from tests.serving.endless import HEAD

COST = 0.0002


class Loop:
    """An event loop whose clock moves by what is done in it, and by waiting."""

    def __init__(self) -> None:
        self.now, self.number = 0.0, 0
        self.planned: list[tuple[float, int, Callable[[], None]]] = []

    def call_soon(self, work: Callable[[], None]) -> None:
        self.call_later(0.0, work)

    def call_later(self, seconds: float, work: Callable[[], None]) -> None:
        self.number += 1
        heapq.heappush(self.planned, (self.now + seconds, self.number, work))

    def round(self) -> None:
        """What comes next."""
        at, _, work = heapq.heappop(self.planned)
        self.now = max(self.now, at)
        work()

    def until(self, moment: float) -> None:
        """All that is planned before."""
        while self.planned and max(self.now, self.planned[0][0]) < moment:
            self.round()
        self.now = max(self.now, moment)


class Reading:
    """A connection with so many slices to parse, each at the same cost."""

    def __init__(self, loop: Loop, owner: str, slices: int, order: list[str]) -> None:
        self.loop, self.owner, self.slices, self.order = loop, owner, slices, order
        self.queued = False

    @property
    def waiting(self) -> bool:
        return self.slices > 0

    def take(self) -> float:
        self.slices -= 1
        self.order.append(self.owner)
        self.loop.now += COST
        return COST


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(turns, "time", types.SimpleNamespace(monotonic=lambda: loop.now))
    return loop


@pytest.fixture
def line(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> Turns:
    line = Turns()
    monkeypatch.setattr(line, "_loop", loop)
    return line


def others(line: Turns, loop: Loop, order: list[str], every: float = 0.1) -> None:
    """Another account, which is called now and then."""
    line.enter(Reading(loop, "other", 1, order))
    loop.call_later(every, lambda: others(line, loop, order, every))


def test_accounts_take_turns(line: Turns, loop: Loop) -> None:
    """However many connections one has, the next slice is another account's."""
    order: list[str] = []
    for _ in range(50):
        line.enter(Reading(loop, "loud", 1000, order))
    quiet = Reading(loop, "quiet", 100, order)
    line.enter(quiet)
    first = len(order)
    for _ in range(20):
        loop.round()
    later = order[first:]
    assert later.count("quiet") >= len(later) // 2 - 1 > 2


def test_what_others_sent_meanwhile_comes_before_the_next_slice(line: Turns, loop: Loop) -> None:
    order: list[str] = []
    line.enter(Reading(loop, "loud", 10_000, order))
    line.enter(Reading(loop, "other", 10_000, order))
    for _ in range(20):
        before = len(order)
        loop.round()
        assert len(order) - before == 1


def test_a_round_of_an_account_alone_is_short(line: Turns, loop: Loop) -> None:
    """Another's first call comes in between."""
    order: list[str] = []
    loop.now = 10 * ALONE
    line.enter(Reading(loop, "loud", 10_000, order))
    loop.until(loop.now + 2 * ALONE)
    before = len(order)
    loop.round()
    assert 1 < len(order) - before <= ROUND / COST + 1


def test_an_ordinary_answer_waits_for_nobody(line: Turns, loop: Loop) -> None:
    """It fits in its account's allowance and is parsed when it comes."""
    order: list[str] = []
    for _ in range(50):
        line.enter(Reading(loop, "loud", 1000, order))
    line.enter(Reading(loop, "quiet", 2, order))
    assert order[-2:] == ["quiet", "quiet"]


@pytest.mark.parametrize("streams", [1, 20, 250])
def test_all_streams_together_have_a_share_of_the_time(
    line: Turns, loop: Loop, streams: int
) -> None:
    """While others are called. It is theirs, too: they go on."""
    order: list[str] = []
    others(line, loop, order)
    for _ in range(streams):
        line.enter(Reading(loop, "loud", 1_000_000, order))
    loop.until(20.0)
    spent = order.count("loud") * COST
    assert spent <= (SHARE + ALLOWED_PER_SECOND) * 20.0 + SAVED + ALLOWANCE + COST
    assert spent >= 0.5 * SHARE * 20.0


def test_what_an_account_alone_had_is_no_debt(line: Turns, loop: Loop) -> None:
    """It has all of the time; when another comes it goes on with its share, at once."""
    order: list[str] = []
    line.enter(Reading(loop, "loud", 10_000_000, order))
    loop.until(30.0)
    assert len(order) * COST > 0.9 * 30.0
    others(line, loop, order)
    before = order.count("loud")
    loop.until(32.0)
    assert 0.5 * SHARE * 2.0 <= (order.count("loud") - before) * COST <= SHARE * 2.0 + 2 * SAVED


def charged(monkeypatch: pytest.MonkeyPatch, body: bytes) -> float:
    """What parsing a stream is charged, where each slice takes the same time."""
    readings = iter(range(10_000_000))
    clock = types.SimpleNamespace(thread_time=lambda: next(readings) * 0.00015)
    monkeypatch.setattr(connection, "time", clock)
    monkeypatch.setattr(ResponseHandler, "_reading_paused", False, raising=False)
    costs = []

    class Line:
        def enter(self, reader: InstanceConnection) -> None:
            while reader.waiting:
                costs.append(reader.take())

    async def read() -> None:
        one = InstanceConnection(asyncio.get_running_loop(), Line(), "a")  # type: ignore[arg-type]
        one.set_response_params(read_until_eof=True, auto_decompress=False)
        one.data_received(HEAD)
        costs.clear()
        for at in range(0, len(body), 32_000):
            one.data_received(body[at : at + 32_000])

    asyncio.run(read())
    return sum(costs) / len(costs)


def test_framing_is_charged_as_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream in pieces of a byte has a smaller share of the loop than one in large pieces."""
    large = charged(monkeypatch, (b"7d00\r\n" + b"x" * 32_000 + b"\r\n") * 2)
    words = charged(monkeypatch, (b"30\r\n" + b"x" * 48 + b"\r\n") * 1000)
    tiny = charged(monkeypatch, b"1\r\nx\r\n" * 10_000)
    assert words < 1.3 * large
    assert tiny > 2.5 * large


class Content:
    """What came of a stream: pieces with, before each, whether it came while the last gathered."""

    def __init__(self, pieces: list[tuple[bytes, bool]]) -> None:
        self.pieces = pieces

    def read_nowait(self) -> bytes:
        return self.pieces.pop(0)[0] if self.pieces and self.pieces[0][1] else b""

    async def readany(self) -> bytes:
        return self.pieces.pop(0)[0] if self.pieces else b""


def paused(monkeypatch: pytest.MonkeyPatch, pieces: list[tuple[bytes, bool]]) -> list[Any]:
    """Pieces passed on, as bytes, and pauses, in seconds, in their order."""
    seen: list[Any] = []

    class Exchange:
        async def body(self, data: bytes, *, more: bool) -> None:
            seen.append(data)

    async def sleep(seconds: float) -> None:
        seen.append(seconds)

    forwarder = forward.Forwarder(None, None)  # type: ignore[arg-type]
    answer = types.SimpleNamespace(content=Content(list(pieces)))
    target = types.SimpleNamespace(idle_timeout=60.0)
    with monkeypatch.context() as patch:
        patch.setattr(
            forward, "asyncio", types.SimpleNamespace(timeout=asyncio.timeout, sleep=sleep)
        )
        asyncio.run(forwarder._stream(answer, target, Exchange()))  # type: ignore[arg-type]
    return seen


def test_a_slow_stream_is_passed_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing came during a pause: none of them grows."""
    seen = paused(monkeypatch, [(b"a", False)] * 50)
    assert seen == [b"a", LEAST] * 50 + [b""]


def test_a_fast_stream_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first piece goes on at once, those that came meanwhile together, after pauses that grow
    to a bound; a silence ends that."""
    seen = paused(monkeypatch, [(b"a", False), *[(b"b", True)] * 20, (b"c", False)])
    assert seen[0] == b"a"
    pauses = seen[1:-1:2]
    assert pauses[:3] == [LEAST, 2 * LEAST, 4 * LEAST]
    assert pauses[10:21] == [MOST] * 11
    assert pauses[21] == LEAST


def test_a_large_piece_waits_for_none() -> None:
    gathering = Gathering()
    assert [gathering.after(SMALL, came) for came in (False, True, True)] == [0.0, 0.0, 0.0]
