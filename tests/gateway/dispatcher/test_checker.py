"""Routers that are due are compared one after the other, and none while something more urgent would wait for it."""

import asyncio
from dataclasses import replace

from gateway.clients.drift import Claimed, Compared
from gateway.dispatcher.checker import Checker
from gateway.dispatcher.limits import DispatchLimits
from servicekit.rpc.errors import Unavailable

LIMITS = replace(DispatchLimits(), check_poll=0.01, check_pause=0.001)


class Drift:
    """Each router is due twice, and has two pages; router 2 fails, router 3 cannot be read."""

    def __init__(self):
        self.due = [1, 2, 3, 4] * 2
        self.read = []
        self.reported = []

    async def claim(self, interval):
        assert interval == LIMITS.check_interval
        return Claimed(self.due.pop(0), ("unpaid",)) if self.due else None

    async def compare(self, router, after):
        assert router.address_lists == ("unpaid",)
        self.read.append((router.router_id, after))
        await asyncio.sleep(0)
        if router.router_id == 2:
            raise Unavailable("away")
        if router.router_id == 3:
            return Compared(fault="unreachable")
        return Compared(1, "" if after else "m", lines=10)

    async def report(self, router_id, whole):
        self.reported.append((router_id, whole.lines, whole.drifts, whole.fault))


def run(drift, until, calm=True, busy=()):
    """Run a checker until `until(drift)`; `calm` and `busy` are as at the beginning."""

    async def work():
        stopping, is_calm, routers = asyncio.Event(), asyncio.Event(), set(busy)
        if calm:
            is_calm.set()
        checker = Checker(drift, LIMITS, stopping, is_calm, lambda: routers)
        running = asyncio.create_task(checker.run())
        async with asyncio.timeout(10):
            while not until(drift, is_calm, routers):  # noqa: ASYNC110  # as in the other tests of loops
                await asyncio.sleep(0.001)
        stopping.set()
        await running

    asyncio.run(work())


def test_every_router_that_is_due_is_read_to_its_end_and_told_whatever_becomes_of_another():
    drift = Drift()
    run(drift, lambda drift, *_: len(drift.reported) >= 6)
    assert drift.reported == [(1, 20, 2, ""), (3, 0, 0, "unreachable"), (4, 20, 2, "")] * 2
    assert drift.read[:6] == [(1, ""), (1, "m"), (2, ""), (3, ""), (4, ""), (4, "m")]
    assert drift.read[6:12] == drift.read[:6]


def test_a_router_whose_lines_are_being_switched_waits_and_so_does_the_rest_behind_it():
    drift, seen = Drift(), []

    def until(drift, _calm, busy):
        seen.append(list(drift.read))
        if len(seen) == 50:
            busy.clear()
        return len(drift.read) >= 2

    run(drift, until, busy={1})
    assert seen[49] == []
    assert drift.read[:2] == [(1, ""), (1, "m")]


def test_nothing_is_read_while_payments_come_in_fast():
    drift, seen = Drift(), []

    def until(drift, calm, _busy):
        seen.append(list(drift.read))
        if len(seen) == 50:
            calm.set()
        return len(drift.read) >= 1

    run(drift, until, calm=False)
    assert seen[49] == []


def test_it_ends_at_once_when_it_is_to_stop():
    drift = Drift()
    run(drift, lambda drift, *_: True, busy={1})
    assert drift.read == []
