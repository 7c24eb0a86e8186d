"""What a peer can do with a connection before anybody looks at what it says."""

import asyncio
import contextlib
import json
import socket
import time
from itertools import chain, repeat

import pytest
import structlog
from gateway.callbacks.rules import Sources
from gateway.connections import Limits
from gateway_rig import Line, callback, head_of, run_gateway, until

pytestmark = pytest.mark.anyio

SECRET = "a-live-secret-0123456789"
BODY = json.dumps(callback()).encode()
# Quick, so that what must end ends within a test.
QUICK = Limits(wait=0.5)
# Far more than sockets buffer on both sides, far less than "without end".
MAX_TAKEN = 16 * 1024 * 1024


@pytest.fixture
def anyio_backend():
    return "asyncio", {"use_uvloop": True}  # as the process runs; its transports differ from asyncio's


@pytest.fixture
async def locked(world):
    async with run_gateway(world.plan(sources=Sources(secrets=[SECRET])), limits=QUICK) as client:
        yield client


@pytest.fixture
async def open_gateway(world):
    async with run_gateway(world.plan(), limits=QUICK) as client:
        yield client


CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
# As sent by curl 7.88 with --http2, and by Java 17's HttpClient with its defaults.
CURL = (
    b"POST /callbackprocess HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
)
JAVA = (
    b"POST /callbackprocess HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: %d\r\n"
    b"Host: 127.0.0.1:8080\r\nHTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\nUpgrade: h2c\r\n"
    b"User-Agent: Java-http-client/17.0.15\r\n\r\n" % len(BODY)
)
OFFER = b"Connection: Upgrade\r\nUpgrade: %b\r\n"
CHUNKED_HEAD = b"POST /callbackprocess HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        CURL + BODY,
        JAVA + BODY,
        head_of(len(BODY), more=OFFER % b"websocket") + BODY,
        head_of(len(BODY), more=OFFER % b"TLS/1.0, h2c") + BODY,
        head_of(len(BODY), more=b"UPGRADE: h2c\r\nCONNECTION: close, UPGRADE\r\n") + BODY,
        head_of(len(BODY), more=OFFER % b"h2c").replace(b"HTTP/1.1", b"HTTP/1.0") + BODY,
        CHUNKED_HEAD + OFFER % b"h2c" + b"\r\n" + CHUNKED,
    ],
)
@pytest.mark.parametrize("piece", [1_000_000, 50])
async def test_an_offer_to_speak_another_protocol_does_not_cost_the_body(open_gateway, world, request_, piece):
    line = await Line.to(open_gateway)
    for start in range(0, len(request_), piece):
        await line.send(request_[start : start + piece])
        await asyncio.sleep(0.001)
    assert (await line.answer())[0] == 200
    assert world.billing.fake.payments["SAMPLE0001"].callback_body == BODY


async def test_offers_one_behind_the_other_are_all_declined(open_gateway):
    line = await Line.to(open_gateway)
    await line.send((CURL + BODY) * 3 + head_of(len(BODY)) + BODY)
    assert [(await line.answer())[0] for _ in range(4)] == [200] * 4


async def test_who_offers_and_asks_first_is_told_to_go_on(open_gateway):
    line = await Line.to(open_gateway)
    await line.send(head_of(len(BODY), more=OFFER % b"h2c" + b"Expect: 100-continue\r\n"))
    assert b"100 continue" in await line.head()
    await line.send(BODY)
    assert (await line.answer())[0] == 200


async def test_a_tunnel_is_refused_and_the_connection_ends(open_gateway):
    line = await Line.to(open_gateway)
    await line.send(b"CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n")
    assert (await line.ends()).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("path", ["/callbackprocess", f"/callbackprocess/{SECRET}x", "/nowhere", "/payments/X"])
async def test_who_is_refused_is_read_no_further(locked, path):
    line = await Line.to(locked)
    await line.send(head_of(10**12, path))
    head = await line.head()
    assert int(head.split()[1]) in (403, 404, 405)
    assert b"connection: close" in head
    assert await line.pour(repeat(b"x" * 65_536)) < MAX_TAKEN
    line.drop()


async def test_who_is_refused_with_a_body_on_its_way_sees_why_and_the_connection_ends(locked):
    line = await Line.to(locked)
    await line.send(head_of(len(BODY)))
    assert b" 403 " in await line.head()
    await line.send(BODY)
    assert json.loads(await line.ends())["error"] == "Forbidden"


async def test_who_is_refused_after_his_whole_request_may_go_on(locked):
    line = await Line.to(locked)
    for path, status in [("/callbackprocess", 403), (f"/callbackprocess/{SECRET}", 200)]:
        await line.send(head_of(len(BODY), path) + BODY)
        assert (await line.answer())[0] == status


HEAD = b"POST /callbackprocess HTTP/1.1\r\nHost: test\r\n"


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (HEAD, b"X-Header: of an honest length\r\n"),
        (HEAD + b"X-Header: ", b"x" * 10_000),
        (HEAD, b"x" * 10_000),
        (b"POST /", b"x" * 10_000),
        (b"", b"\r\n" * 1000),
        (HEAD, b"X: 1\r\n"),
        (CHUNKED_HEAD + b"\r\n1", b";" + b"x" * 10_000),
        (CHUNKED_HEAD + b"\r\n", b"1;" + b"x" * 9_000 + b"\r\ny\r\n"),
        (CHUNKED_HEAD + b"\r\n1\r\nx\r\n0\r\n", b"X-Trailer: 1\r\n"),
        (CHUNKED_HEAD + b"\r\n1\r\nx\r\n0\r\nX-Trailer: ", b"x" * 10_000),
        (HEAD + OFFER % b"h2c", b"X-Header: of an honest length\r\n"),
    ],
)
async def test_what_is_no_body_ends_somewhere(open_gateway, beginning, piece):
    line = await Line.to(open_gateway)
    await line.send(beginning)
    # Many at a time once the answer must be on its way: the buffers of both sides hold a million of the smallest.
    many = piece * (65_536 // len(piece))
    pouring = asyncio.create_task(line.pour(chain(repeat(piece, 200), repeat(many))))
    head = await line.head()
    assert head.startswith((b"http/1.1 431 ", b"http/1.1 400 "))
    assert b"connection: close" in head
    assert await pouring < MAX_TAKEN
    line.drop()


@pytest.mark.parametrize(
    "more", [b"X-Header: " + b"x" * 70_000 + b"\r\n", b"".join(b"X-%d: 1\r\n" % n for n in range(101))]
)
async def test_a_head_that_arrives_at_once_is_bounded_as_well(open_gateway, world, more):
    line = await Line.to(open_gateway)
    await line.send(head_of(len(BODY), more=more) + BODY)
    status, told = await line.answer()
    assert (status, told["success"]) == (431, False)
    assert not world.billing.fake.payments


@pytest.mark.parametrize("beginning", [b"POST /", HEAD, HEAD + b"X-Dripping: ", b"\r\n"])
async def test_a_head_that_drips_is_given_up(open_gateway, beginning):
    line = await Line.to(open_gateway)
    await line.send(beginning)

    async def drip():
        while True:
            await asyncio.sleep(0.05)
            await line.send(b"\r\n" if beginning == b"\r\n" else b"O")

    dripping = asyncio.create_task(drip())
    told = await line.ends(20 * QUICK.wait)
    dripping.cancel()
    assert told.startswith(b"HTTP/1.1 408 ")


async def test_a_connection_that_asks_nothing_is_closed_without_a_word(open_gateway):
    silent, kept = await Line.to(open_gateway), await Line.to(open_gateway)
    await kept.send(head_of(len(BODY)) + BODY)
    assert (await kept.answer())[0] == 200
    assert [await silent.ends(), await kept.ends()] == [b"", b""]


async def test_who_does_not_fetch_his_answers_is_cut_off(open_gateway):
    asks = b"GET /openapi.json HTTP/1.1\r\nHost: test\r\n\r\n" * 100
    with socket.create_connection((open_gateway.base_url.host, open_gateway.base_url.port)) as never_reads:
        never_reads.setblocking(False)
        async with asyncio.timeout(20):
            with pytest.raises(ConnectionError):
                await insist(never_reads, asks)


async def insist(connection, data):
    """Send again and again, also where nothing is taken."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.get_running_loop().sock_sendall(connection, data)


async def test_over_the_limit_the_longest_waiting_goes_and_nobody_who_is_being_answered(world):
    limits = Limits(connections=10, wait=4)
    with structlog.testing.capture_logs() as events:
        async with run_gateway(world.plan(), limits=limits) as gateway:
            world.billing.fake.delay = 0.5
            answered = await Line.to(gateway)
            await answered.send(head_of(len(BODY)) + BODY)
            await until(lambda: world.billing.fake.records_at_once)
            strangers = [await Line.to(gateway) for _ in range(30)]
            assert [await stranger.ends() for stranger in strangers[:21]] == [b""] * 21
            assert (await answered.answer())[0] == 200
            await strangers[-1].send(head_of(len(BODY)) + BODY)
            assert (await strangers[-1].answer())[0] == 200
            await until(lambda: "connections_cut" in [event["event"] for event in events])
    cut = [event for event in events if event["event"] == "connections_cut"]
    assert [event["closed_over_limit"] for event in cut] == [21]


async def test_where_everybody_is_being_answered_a_new_one_is_refused_and_that_is_counted(world):
    with structlog.testing.capture_logs() as events:
        async with run_gateway(world.plan(), limits=Limits(connections=3, wait=4)) as gateway:
            world.billing.fake.delay = 0.5
            lines = [await Line.to(gateway) for _ in range(3)]
            for number, line in enumerate(lines):
                body = json.dumps(callback(f"BUSY{number}")).encode()
                await line.send(head_of(len(body)) + body)
            await until(lambda: world.billing.fake.records_at_once)
            assert (await (await Line.to(gateway)).ends()).startswith(b"HTTP/1.1 503 ")
            assert [(await line.answer())[0] for line in lines] == [200] * 3
            await until(lambda: "connections_cut" in [event["event"] for event in events])
    assert [event["refused_over_limit"] for event in events if event["event"] == "connections_cut"] == [1]


async def test_what_is_wrong_behind_a_payment_does_not_take_its_answer(open_gateway, world):
    world.billing.fake.delay = 0.2
    line = await Line.to(open_gateway)
    await line.send(head_of(len(BODY)) + BODY + b"\x00 this is no HTTP\r\n\r\n")
    assert (await line.answer())[0] == 200
    assert await line.ends() == b""


async def test_only_so_many_requests_are_taken_before_the_first_is_answered(open_gateway, world):
    world.billing.fake.delay = 0.2
    line = await Line.to(open_gateway)
    await line.send((head_of(len(BODY)) + BODY) * 100)
    answered = await line.ends()
    assert answered.count(b"HTTP/1.1 200 ") == QUICK.requests_at_once


async def test_nobody_holds_up_a_stop_who_is_not_being_answered(world):
    sources = Sources(secrets=[SECRET])
    async with run_gateway(world.plan(sources=sources), limits=Limits(wait=60)) as gateway:
        lines = [await Line.to(gateway) for _ in range(4)]
        await lines[1].send(HEAD)
        await lines[2].send(head_of(10**12))
        await lines[3].send(HEAD + b"x" * 70_000)
        assert [(await line.head())[9:12] for line in lines[2:]] == [b"403", b"431"]
        began = time.monotonic()
    assert time.monotonic() - began < 5
