"""The load generator against a server that does as it is told: what it counts is what happened."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from benchmarks.load.generator import Generator
from benchmarks.load.plan import Answers, Load


@asynccontextmanager
async def server(answer: Callable[[int], tuple[int, float]]) -> AsyncIterator[tuple[int, list[dict]]]:
    """Answers the nth payment, counted from 0, with a status after some seconds."""
    taken: list[dict] = []

    async def serve(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                taken.append(json.loads(await reader.readexactly(length)))
                status, seconds = answer(len(taken) - 1)
                await asyncio.sleep(seconds)
                # In two pieces, as a network may deliver it.
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\n{" % status)
                await writer.drain()
                writer.write(b"}")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1], taken
    finally:
        running.close()


def run(answer: Callable[[int], tuple[int, float]], **plan) -> tuple[Answers, list[dict]]:
    async def once():
        async with server(answer) as (port, taken):
            load = Load(port=port, prefix="TEST", suffix="HW", accounts=10, warmup=0, **plan)
            return await Generator(load).run(), taken

    return asyncio.run(once())


def test_every_payment_has_its_own_trans_id_and_the_accounts_take_turns():
    answers, taken = run(lambda _: (200, 0), connections=4, seconds=30, most=50)
    assert answers.accepted == answers.sent == 50
    assert len({payment["TransID"] for payment in taken}) == 50
    assert {payment["BillRefNumber"] for payment in taken} == {f"{number:04d}HW" for number in range(10)}


def test_no_more_is_sent_than_asked_for_however_many_connections_there_are():
    answers, taken = run(lambda _: (200, 0), connections=16, seconds=5, most=10)
    assert answers.sent == answers.accepted == len(taken) == 10


def test_a_closed_loop_has_no_more_payments_under_way_than_connections():
    under_way = most = 0

    async def serve(reader, writer):
        nonlocal under_way, most
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
                under_way += 1
                most = max(most, under_way)
                await asyncio.sleep(0.005)
                under_way -= 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def once():
        running = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = running.sockets[0].getsockname()[1]
        load = Load(port=port, prefix="TEST", suffix="HW", accounts=10, connections=3, seconds=30, most=60)
        answers = await Generator(load).run()
        running.close()
        return answers

    assert asyncio.run(once()).accepted == 60
    assert most == 3


def test_an_open_loop_counts_a_stall_for_every_payment_that_it_delayed():
    # One connection and a stall of half a second: payments that were due meanwhile wait, and their time counts.
    answers, _ = run(lambda number: (200, 0.5 if number == 5 else 0), connections=1, seconds=1, rate=50)
    assert answers.accepted + sum(answers.failed.values()) == 50
    assert len([latency for latency in answers.latencies if latency > 100]) >= 10
    assert answers.latencies[-1] >= 450


def test_an_open_loop_counts_what_it_never_got_to_send():
    answers, taken = run(lambda _: (200, 0.4), connections=1, seconds=0.6, rate=100)
    assert len(taken) == answers.sent < 10
    assert answers.accepted + answers.failed["timeout"] == 60


def test_refusals_and_silence_are_failures_by_name():
    answers, _ = run(lambda number: (503, 0) if number % 2 else (200, 0), connections=1, seconds=30, most=20)
    assert (answers.accepted, dict(answers.failed)) == (10, {"503": 10})
    answers, _ = run(lambda _: (200, 60), connections=2, seconds=0.5, patience=0.5)
    assert answers.accepted == 0
    assert answers.failed["timeout"] == answers.sent >= 2
