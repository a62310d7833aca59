"""The gateway over real sockets: a real gateway server, real model servers, a real client."""

import asyncio
import io
import json
import socket

import aiohttp
import pytest

from serving.gateway.app import create_app
from serving.gateway.protocol import Caller, Instance, Settings
from tests.serving.gateway import GOOD, House, Server, call, error
from tests.waiting import until


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.close()


def test_a_prediction_goes_through_and_back(house):
    house.route(house.instance("a"))
    status, headers, body = call(
        house.url + "/v1/x%20y/?q=%2F1&b=2",
        data=b'{"x": 1}',
        headers=GOOD | {"Content-Type": "application/json", "X-Request-Id": "req-12345678"},
    )
    seen = json.loads(body)
    assert status == 200
    assert (seen["method"], seen["raw_path"], seen["query"]) == ("POST", "/v1/x%20y/", "q=%2F1&b=2")
    assert seen["size"] == 8 and ["content-type", "application/json"] in seen["headers"]
    assert ["x-request-id", "req-12345678"] in seen["headers"]
    assert headers["x-request-id"] == "req-12345678" and headers["x-model"] == "m1"
    assert house.resolver.asked == [("svc", "Bearer my_good", "POST", "req-12345678")]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_any_method_is_forwarded(house, method):
    house.route(house.instance("a"))
    status, _, body = call(house.url, method)
    assert status == 200
    assert method == "HEAD" or json.loads(body)["method"] == method


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "PROPFIND"])
def test_a_tunnel_or_an_echo_is_not_asked_of_a_model(house, method):
    house.route(house.instance("a"))
    answer = raw(house, method)
    assert answer.startswith(b"HTTP/1.1 405 ") and b"METHOD_NOT_ALLOWED" in answer
    assert b"allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" in answer
    assert house.echoes["a"].calls == 0 and house.resolver.asked == []


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket", "h2c, websocket", "websocket/13"])
def test_a_websocket_handshake_is_refused_and_no_model_sees_it(house, protocol):
    house.route(house.instance("a"))
    handshake = (
        f"Upgrade: {protocol}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    answer = raw(house, "GET", handshake, connection="Upgrade")
    assert answer.startswith(b"HTTP/1.1 403 ") and b"WEBSOCKET_NOT_SERVED" in answer
    assert house.echoes["a"].calls == 0 and house.resolver.asked == []


def test_another_upgrade_is_ignored_as_the_protocol_wants_it(house):
    house.route(house.instance("a"))
    assert raw(house, "GET", "Upgrade: h2c\r\n", "close, upgrade").startswith(b"HTTP/1.1 200 ")


def raw(house, method, more="", connection="close"):
    """One request byte by byte as it stands here, and everything that is answered to it."""
    with socket.create_connection(("127.0.0.1", house.port)) as line:
        line.sendall(
            f"{method} /v1/infers/svc HTTP/1.1\r\nHost: g\r\n"
            f"Authorization: Bearer my_good\r\nConnection: {connection}\r\n{more}\r\n".encode()
        )
        line.settimeout(60)
        return b"".join(iter(lambda: line.recv(65536), b""))


def test_credentials_stay_outside_and_cookies_of_the_model_stay_inside(house):
    house.route(house.instance("a"), headers={"x-modelyard-revision": "7"})
    _, headers, body = call(
        house.url,
        data=b"{}",
        headers=GOOD
        | {
            "Cookie": "sessionid=s",
            "X-Auth-Token": "t",
            "X-Drop": "1",
            "Connection": "keep-alive, x-drop",
            "Proxy-Authorization": "p",
        },
    )
    names = {name for name, _ in json.loads(body)["headers"]}
    assert not names & {"authorization", "cookie", "x-auth-token", "x-drop", "proxy-authorization"}
    assert "x-modelyard-revision" in names
    assert "set-cookie" not in headers and headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox")


def test_refusals_are_uniform_and_nothing_is_forwarded(house):
    house.route(house.instance("a"))
    answer = call(house.url, headers={})
    assert error(answer) == (401, "UNAUTHENTICATED")
    assert answer[1]["www-authenticate"] == "Bearer"
    assert json.loads(answer[2])["explanation"] == ["x"]
    assert error(call(house.url.replace("svc", "other"))) == (404, "NOT_FOUND")
    assert error(call(house.url.replace("svc", "broken"))) == (500, "GATEWAY_ERROR")
    assert error(call(house.url.replace("/v1/infers", "/v2"))) == (404, "NOT_FOUND")
    assert house.echoes["a"].calls == 0


def test_no_ready_instance_is_503_with_a_sentence(house):
    house.route()
    answer = call(house.url)
    assert error(answer) == (503, "NO_READY_INSTANCE")
    house.route(house.instance("a", weight=0), house.instance("dead", alive=False))
    assert error(call(house.url)) == (503, "NO_READY_INSTANCE")


def test_weights_are_exact(house):
    house.route(house.instance("old", 90), house.instance("new", 10))
    for _ in range(50):
        assert call(house.url, data=b"{}")[0] == 200
    assert (house.echoes["old"].calls, house.echoes["new"].calls) == (45, 5)


def test_a_dead_instance_is_passed_over_without_an_error(house):
    house.route(house.instance("dead", alive=False), house.instance("a"))
    assert [call(house.url, data=b"{}")[0] for _ in range(6)] == [200] * 6
    assert house.echoes["a"].calls == 6


def test_a_streamed_body_survives_a_dead_instance_too(house):
    """The connection is refused before the first byte is taken from the caller's stream."""
    house.route(house.instance("dead", alive=False), house.instance("a"))

    async def pieces():
        for _ in range(30):
            yield bytes(100_000)

    for _ in range(2):
        status, _, body = call(house.url, data=pieces())
        assert status == 200 and json.loads(body)["size"] == 3_000_000


def test_an_instance_that_dies_answering_is_502_and_not_repeated(house):
    house.route(house.instance("a"), house.instance("b"))
    house.servers["a"].stop()
    house.servers["a"] = Server(Dying(), uds=str(house.tmp_path / "a.sock"), lifespan="off")
    house.route(house.instance("c", weight=0), Instance("a", str(house.tmp_path / "a.sock")))
    assert error(call(house.url, data=b"{}")) == (502, "INSTANCE_GONE")
    assert house.echoes["c"].calls == 0


class Dying:
    """Closes the connection without an answer."""

    async def __call__(self, scope, receive, send):
        await receive()
        scope["extensions"] = {}
        # uvicorn has no way to abort but through its transport: reach it by the bound method.
        send.__self__.transport.abort()


def test_large_bodies_are_streamed_with_their_length(house):
    house.route(house.instance("a"))
    status, _, body = call(house.url, data=io.BytesIO(bytes(5_000_000)))
    seen = json.loads(body)
    assert status == 200 and seen["size"] == 5_000_000 and seen["pieces"] > 2
    assert ["content-length", "5000000"] in seen["headers"]
    assert "transfer-encoding" not in dict(seen["headers"])


def test_the_body_limit_holds_for_declared_and_for_chunked_bodies(house):
    house.route(house.instance("a"), max_body=1_000_000)
    answer = call(house.url, data=bytes(1_000_001))
    assert error(answer) == (413, "BODY_TOO_LARGE")
    assert "MODELYARD_MAX_PREDICTION_BYTES" in json.loads(answer[2])["error_msg"]
    assert house.echoes["a"].calls == 0

    async def chunked():
        for _ in range(40):
            yield bytes(100_000)

    assert error(call(house.url, data=chunked())) == (413, "BODY_TOO_LARGE")
    assert call(house.url, data=bytes(1_000_000))[0] == 200


def test_a_slow_model_is_504(house):
    one = house.instance("a")
    for timeout in (0.3, 2, 8):  # on a busy machine the body may come later than the first
        house.route(one, timeout=timeout)
        said = error(call(house.url + "/slow", data=b"{}"))
        if said[0] != 408:
            break
    assert said == (504, "PREDICT_TIMEOUT")
    assert not house.echoes["a"].release.is_set(), "it would never have answered"


def test_a_body_that_never_comes_is_408(house):
    house.route(house.instance("a"), timeout=0.3)
    with socket.create_connection(("127.0.0.1", house.port)) as raw:
        raw.sendall(
            b"POST /v1/infers/svc HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer my_good\r\n"
            b"Content-Length: 1000\r\n\r\nabc"
        )
        raw.settimeout(60)
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 408 ") and b"REQUEST_TIMEOUT" in answer


def test_too_many_at_once_is_429(house):
    house.route(house.instance("a"), max_active=1)

    async def go():
        async with aiohttp.ClientSession(headers=GOOD) as session:
            first = asyncio.ensure_future(session.post(house.url + "/slow", data=b"{}"))
            while not house.echoes["a"].calls:
                await asyncio.sleep(0.005)
            async with session.post(house.url, data=b"{}") as second:
                refused = second.status, (await second.json())["error_code"]
            house.echoes["a"].release.set()
            async with await first as answer:
                return refused, answer.status

    assert asyncio.run(go()) == ((429, "TOO_MANY_REQUESTS"), 200)


def test_an_error_reaches_a_caller_who_is_still_sending(house):
    """Closing on unread bytes would reset the connection before the answer is read."""
    house.route(house.instance("dead", alive=False))
    for _ in range(5):
        answer = call(house.url, data=io.BytesIO(bytes(8_000_000)))
        assert error(answer) == (503, "NO_READY_INSTANCE")


def test_server_sent_events_arrive_one_by_one_and_outlive_the_timeout(house):
    async def go(timeout):
        house.route(house.instance("a"), timeout=timeout, idle_timeout=60)
        async with (
            aiohttp.ClientSession(headers=GOOD) as session,
            session.post(house.url + "/sse", data=b"{}") as answer,
        ):
            if answer.status == 504:
                return None
            first = await answer.content.readany()
            await asyncio.sleep(1.5 * timeout)  # the wait itself is what is tested
            house.echoes["a"].release.set()
            return answer.headers["content-type"], first, await answer.content.read()

    # On a busy machine an answer may not even begin within the first of these.
    told = next(filter(None, (asyncio.run(go(timeout)) for timeout in (0.5, 4, 32))))
    assert told == ("text/event-stream", b"data: 1\n\n", b"data: 2\n\n")


def test_a_silent_stream_is_cut_visibly(house):
    house.route(house.instance("a"), idle_timeout=0.2)

    async def go():
        async with (
            aiohttp.ClientSession(headers=GOOD) as session,
            session.post(house.url + "/sse", data=b"{}") as answer,
        ):
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()

    asyncio.run(go())
    until(lambda: house.counted().get(("svc", "rev-a", 504)) == 1)


def test_a_caller_who_leaves_ends_the_stream_at_the_instance(house):
    house.route(house.instance("a"))

    async def go():
        async with aiohttp.ClientSession(headers=GOOD) as session:
            answer = await session.post(house.url + "/sse", data=b"{}")
            await answer.content.readany()
            answer.close()

    asyncio.run(go())
    assert house.echoes["a"].gone.wait(300)
    until(lambda: house.counted().get(("svc", "rev-a", 499)) == 1)


def test_an_answer_cut_by_the_instance_is_not_shortened(house):
    house.route(house.instance("a"))
    with pytest.raises(aiohttp.ClientPayloadError):
        call(house.url + "/cut", data=b"{}")


def test_an_early_answer_to_a_long_body_is_passed_on(house):
    house.route(house.instance("a"))
    assert call(house.url + "/early", data=io.BytesIO(bytes(3_000_000)))[0] == 418


def test_counts_reach_the_sink_and_survive_its_failures(house):
    house.route(house.instance("a"))
    house.fail_sink = True
    for _ in range(3):
        call(house.url, data=b"{}")
    call(house.url, headers={})
    until(lambda: house.app._counters._task is not None)
    house.fail_sink = False
    until(lambda: sum(house.counted().values()) == 4)
    assert house.counted() == {("svc", "rev-a", 200): 3, ("-", "", 401): 1}
    count = next(
        b.counts["svc", "rev-a", 200] for b in house.batches if ("svc", "rev-a", 200) in b.counts
    )
    assert sum(count.histogram) == count.requests and count.bytes_in == 2 * count.requests
    assert count.bytes_out > 100 and count.seconds > 0


def test_shutdown_finishes_what_is_under_way_and_reports_it(house):
    house.route(house.instance("a"))

    async def go():
        async with aiohttp.ClientSession(headers=GOOD) as session:
            running = asyncio.ensure_future(session.post(house.url + "/slow", data=b"{}"))
            while not house.echoes["a"].calls:
                await asyncio.sleep(0.005)
            house.gateway.server.should_exit = True
            while house.gateway.server.servers and house.gateway.server.servers[0].is_serving():
                await asyncio.sleep(0.005)
            house.echoes["a"].release.set()
            async with await running as answer:
                return answer.status

    assert asyncio.run(go()) == 200
    house.gateway.thread.join(300)
    assert house.counted() == {("svc", "rev-a", 200): 1}


def test_health_needs_no_token(house):
    assert call(f"http://127.0.0.1:{house.port}/healthz", "GET", headers={})[0] == 200


PROXIES = ("192.0.2.9", "198.51.100.0/24")


@pytest.mark.parametrize(
    ("trusted", "chain", "address"),
    [
        ((), [], "192.0.2.9"),
        ((), [b"203.0.113.1"], "192.0.2.9"),
        (("192.0.2.8",), [b"203.0.113.1"], "192.0.2.9"),
        (PROXIES, [b"10.0.0.1, 203.0.113.1"], "203.0.113.1"),
        (PROXIES, [b"10.0.0.1", b"203.0.113.1"], "203.0.113.1"),
        (PROXIES, [b"10.0.0.1, 203.0.113.1, 198.51.100.7"], "203.0.113.1"),
        (PROXIES, [b"203.0.113.1:8080"], "203.0.113.1"),
        (PROXIES, [b"[2001:db8::1]:8080"], "2001:db8::1"),
        (PROXIES, [b"203.0.113.1, nonsense"], "192.0.2.9"),
        (PROXIES, [b"198.51.100.7"], "198.51.100.7"),
        (PROXIES, [], "192.0.2.9"),
    ],
)
def test_the_callers_address_is_the_one_nobody_can_forge(trusted, chain, address):
    app = create_app(None, None, Settings(trusted_proxies=trusted))
    headers = [(b"x-forwarded-for", value) for value in chain]
    assert app._caller({"headers": headers, "client": ("192.0.2.9", 5)}).address == address
    assert app._caller({"headers": [], "client": None}) == Caller()


def test_tls_is_believed_of_the_connection_and_of_a_trusted_proxy_only():
    told = [(b"x-forwarded-proto", b"https"), (b"user-agent", b"curl"), (b"referer", b"http://x/")]
    for trusted, scheme, secure in (
        ((), "http", False),
        (PROXIES, "http", True),
        ((), "https", True),
    ):
        app = create_app(None, None, Settings(trusted_proxies=trusted))
        scope = {"headers": told, "client": ("192.0.2.9", 5), "scheme": scheme}
        assert app._caller(scope) == Caller("192.0.2.9", secure, "curl", "http://x/")
