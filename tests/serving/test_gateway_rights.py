"""The right to a stream, asked for again while it is open."""

import asyncio

import aiohttp
import pytest

from serving.gateway.protocol import Refusal
from tests.serving.gateway import GOOD, House
from tests.waiting import until


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path, ask_again=0.02)
    yield house
    house.close()


def streamed(house, after_first):
    """What a caller reads of a stream, when this happens after its first piece."""

    async def go():
        async with (
            aiohttp.ClientSession(headers=GOOD) as session,
            session.post(house.url + "/sse", data=b"{}") as answer,
        ):
            first = await answer.content.readany()
            await asyncio.to_thread(after_first)
            return first + await answer.content.read()

    return asyncio.run(go())


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_stream_ends_with_the_right_to_it(house, status):
    house.route(house.instance("a"), idle_timeout=60)

    def revoke():
        house.resolver.refusal = Refusal(status, "REFUSED", "No longer.")

    with pytest.raises(aiohttp.ClientPayloadError):
        streamed(house, revoke)
    assert house.echoes["a"].gone.wait(300)
    until(lambda: house.counted().get(("svc", "rev-a", status)) == 1)


def test_a_stream_outlives_a_database_that_is_away(house):
    house.route(house.instance("a"))

    def asked_some_more():
        seen = len(house.resolver.asked)
        until(lambda: len(house.resolver.asked) > seen + 2)

    def trouble():
        house.resolver.away = True
        asked_some_more()
        house.resolver.refusal = Refusal(503, "DATABASE_AWAY", "Later.")
        asked_some_more()
        house.echoes["a"].release.set()

    assert streamed(house, trouble) == b"data: 1\n\ndata: 2\n\n"
    assert {one[1] for one in house.resolver.asked} == {"Bearer my_good"}


def test_a_whole_answer_is_asked_for_once(house):
    house.route(house.instance("a"))

    async def go():
        async with aiohttp.ClientSession(headers=GOOD) as session:
            running = asyncio.ensure_future(session.post(house.url + "/slow", data=b"{}"))
            await asyncio.to_thread(until, lambda: house.echoes["a"].calls)
            house.echoes["a"].release.set()
            async with await running as answer:
                return answer.status

    assert asyncio.run(go()) == 200
    assert len(house.resolver.asked) == 1
