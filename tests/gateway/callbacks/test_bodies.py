"""What stands between the socket and a handler: bodies in pieces, late or broken off, odd heads, other methods."""

import asyncio
import json

import pytest
import structlog
from gateway.callbacks import routes, validation
from gateway.callbacks.rules import Sources
from gateway.connections import Connection
from gateway_rig import Line, callback, counted, head_of, run_gateway, until

pytestmark = pytest.mark.anyio

SECRET = "a-live-secret-0123456789"
BODY = json.dumps(callback()).encode()


@pytest.fixture
async def line(gateway):
    line = await Line.to(gateway)
    yield line
    line.drop()


async def test_a_body_that_comes_in_pieces_is_put_together(gateway, world, monkeypatch):
    pieces = counted(monkeypatch, Connection, "on_body")
    line = await Line.to(gateway)
    await line.send(head_of(len(BODY)))
    for number, start in enumerate(range(0, len(BODY), 50), 1):
        await line.send(BODY[start : start + 50])
        await until(lambda number=number: len(pieces) == number)
    assert (await line.answer())[0] == 200
    assert world.billing.fake.payments["SAMPLE0001"].callback_body == BODY


async def test_a_body_without_a_length_is_put_together(line, world):
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:100], BODY[100:]))
    await line.send(b"POST /callbackprocess HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
    await line.send(chunks + b"0\r\n\r\n")
    assert (await line.answer())[0] == 200
    assert world.billing.fake.payments["SAMPLE0001"].callback_body == BODY


async def test_one_connection_carries_callbacks_one_after_another_and_all_at_once(line):
    await line.send(head_of(len(BODY)) + BODY)
    assert (await line.answer())[1]["processingResult"]["repeated"] is False
    await line.send((head_of(len(BODY)) + BODY) * 3)
    assert [(await line.answer())[1]["processingResult"]["repeated"] for _ in range(3)] == [True] * 3


@pytest.mark.parametrize("arrives", [b"", BODY[:100]])
async def test_a_body_that_does_not_arrive_in_time_is_answered_408(line, world, monkeypatch, arrives):
    monkeypatch.setattr(routes, "_READ_SECONDS", 0.2)
    await line.send(head_of(len(BODY)) + arrives)
    status, told = await line.answer()
    assert (status, told["error"]) == (408, "body: did not arrive in time")
    assert not world.billing.fake.kept


@pytest.mark.parametrize("arrives", [b"", BODY[:100]])
async def test_a_sender_that_breaks_off_leaves_no_trace(gateway, world, arrives):
    with structlog.testing.capture_logs() as events:
        line = await Line.to(gateway)
        await line.send(head_of(len(BODY), more=b"Expect: 100-continue\r\n"))
        assert b"100 continue" in await line.head()  # its handler waits for the body
        await line.send(arrives)
        await line.hang_up()
        assert (await gateway.post("/callbackprocess", json=callback("OTHERS0001"))).status_code == 200
    assert list(world.billing.fake.payments) == ["OTHERS0001"]
    assert not world.billing.fake.kept
    assert "request_failed" not in [event["event"] for event in events]


async def test_a_sender_that_does_not_wait_for_its_answer_has_paid_all_the_same(gateway, world):
    world.billing.fake.delay = 0.2
    line = await Line.to(gateway)
    await line.send(head_of(len(BODY)) + BODY)
    await until(lambda: world.billing.fake.records_at_once)
    await line.hang_up()
    await until(lambda: "SAMPLE0001" in world.billing.fake.payments)
    assert (await gateway.post("/callbackprocess", json=callback())).json()["processingResult"]["repeated"] is True


async def test_a_body_of_many_megabytes_is_answered_before_all_of_it_is_read(line, world):
    await line.send(head_of(1_000_000_000))
    sending = asyncio.create_task(line.send(b"x" * 16_000_000))
    assert (await line.answer())[0] == 413
    sending.cancel()
    assert world.billing.fake.kept[1].truncated


async def test_a_sender_that_asks_first_is_told_to_go_on(line):
    await line.send(head_of(len(BODY), more=b"Expect: 100-continue\r\n"))
    assert b"100 continue" in await line.head()
    await line.send(BODY)
    assert (await line.answer())[0] == 200


async def test_a_very_long_header_and_many_of_them_do_no_harm(line):
    long = b"X-Long: " + b"x" * 30_000 + b"\r\n"
    forwarded = b"X-Forwarded-For: " + b", ".join([b"192.0.2.1"] * 2_000) + b"\r\n"
    await line.send(head_of(len(BODY), more=long + forwarded + b"X-Many: 1\r\n" * 50) + BODY)
    assert (await line.answer())[0] == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/callbackprocess", f"/callbackprocess/{SECRET}", "/c2b/validation"])
async def test_callbacks_are_only_posted(gateway, world, method, path):
    answer = await gateway.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert not world.billing.fake.kept


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/callbackprocess/{SECRET}?from=m-pesa", 200),
        (f"/callbackprocess/{SECRET.replace('-', '%2D')}", 200),
        (f"/callbackprocess/{SECRET}/", 200),
        (f"/callbackprocess/{SECRET}/?from=m-pesa", 200),
        (f"/callbackprocess/{SECRET}/{SECRET}", 200),
        ("/callbackprocess", 403),
        ("/callbackprocess/", 403),
        (f"/{SECRET}", 404),
    ],
)
async def test_the_secret_opens_and_nothing_else_does(world, path, status):
    async with run_gateway(world.plan(sources=Sources(secrets=[SECRET]))) as gateway:
        answer = await gateway.post(path, json=callback())
    assert answer.status_code == status
    assert len(world.billing.fake.payments) == (status == 200)


@pytest.mark.parametrize(
    ("path", "code", "stored"),
    [("/callbackprocess/", 0, 1), ("/c2b/confirmation/", 0, 1), ("/c2b/validation/", "0", 0)],
)
async def test_an_address_registered_with_a_slash_at_its_end_is_the_same_address(gateway, world, path, code, stored):
    answer = await gateway.post(path, json=callback())
    assert (answer.status_code, answer.json()["ResultCode"]) == (200, code)
    assert len(world.billing.fake.payments) == stored


async def test_after_an_unforeseen_error_the_same_connection_serves_on(gateway, line, monkeypatch):
    def stumble(*_arguments):
        raise RuntimeError("stumbled")

    with structlog.testing.capture_logs() as events, monkeypatch.context() as broken:
        broken.setattr(validation, "parse_callback", stumble)
        await line.send(head_of(len(BODY), "/c2b/validation") + BODY)
        status, told = await line.answer()
    assert (status, told["error"], told["success"]) == (500, "Internal error", False)
    assert [event["route"] for event in events if event["event"] == "request_failed"] == ["/c2b/validation"]
    await line.send(head_of(len(BODY)) + BODY)
    assert (await line.answer())[0] == 200
