"""How the dispatcher tells billing what became of its tasks."""

import asyncio
from dataclasses import replace

import pytest
from gateway_rig import PACE, all_done, dispatching, results, until

pytestmark = pytest.mark.anyio

# A call with reports may be held up as long as a test likes.
PATIENT = replace(PACE, lease=60, report_deadline=30)


async def test_a_report_that_fails_is_sent_again_and_the_router_is_not_asked_twice(world):
    world.billing.fake.add_task(access=(1, "u1"))
    world.billing.fake.reports_fail = 5  # more than the channel retries by itself
    async with dispatching(world):
        await until(all_done(world))
    assert world.billing.fake.reports_fail == 0
    assert len(world.router_control.fake.calls) == 1


async def test_reports_that_come_while_one_is_under_way_go_together(world):
    world.billing.fake.reports_may_end = asyncio.Event()
    for router_id in range(1, 21):
        world.billing.fake.add_task(access=(router_id, "u1"))
    async with dispatching(world, PATIENT) as dispatcher:
        await until(lambda: len(world.router_control.fake.lines) == 20)
        await until(lambda: not dispatcher._access._calls.under_way)  # their answers have come
        world.billing.fake.reports_may_end.set()
        await until(all_done(world))
    assert sum(world.billing.fake.report_sizes) == 20
    # The first, those that it held up, and perhaps some that were late for them.
    assert len(world.billing.fake.report_sizes) <= 3


async def test_a_report_on_a_line_does_not_wait_for_one_on_messages(world):
    world.billing.fake.reports_may_end = asyncio.Event()
    world.billing.fake.add_task(messages=[("m1", "0712345678", "payment_notice")])
    async with dispatching(world, PATIENT):
        await until(lambda: world.billing.fake.report_sizes)  # the one on messages is under way
        world.billing.fake.add_task(access=(1, "u1"))
        await until(lambda: len(world.billing.fake.report_sizes) == 2)
        world.billing.fake.reports_may_end.set()
        await until(all_done(world))


async def test_reports_that_billing_does_not_take_in_time_are_dropped_and_the_tasks_redone(world):
    pace = replace(PACE, lease=0.8, access_deadline=0.3, margin=0.1)
    world.billing.fake.reports_fail = 1_000_000
    for router_id in (1, 2):
        world.billing.fake.add_task(access=(router_id, "u1"))
    async with dispatching(world, pace):
        await until(lambda: len(world.router_control.fake.calls) == 4)
        world.billing.fake.reports_fail = 0
        await until(all_done(world))
    assert results(world) == {"ACCESS_OUTCOME_ALREADY_SO": 2}
