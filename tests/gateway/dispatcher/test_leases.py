"""How tasks are leased, and what becomes of leases when somebody is away or goes."""

import asyncio
from collections import Counter
from dataclasses import replace

import grpc
import pytest
from gateway.clients.channels import Clients
from gateway.dispatcher.service import Dispatcher
from gateway_rig import PACE, all_done, dispatching, until

pytestmark = pytest.mark.anyio


async def test_a_full_round_is_followed_by_the_next_without_a_pause(world):
    for number in range(45):
        world.billing.fake.add_task(messages=[(f"m{number}", "0712345678", "payment_notice")])
    # The first four rounds are full; the fifth brings the rest and could wait an hour for more.
    async with dispatching(world, replace(PACE, max_tasks=10, message_interval=3600)):
        await until(all_done(world))


async def test_an_idle_dispatcher_asks_again_and_again_and_finds_what_has_come(world):
    async with dispatching(world):
        await until(lambda: len(world.billing.fake.busy_router_ids) > 2)
        world.billing.fake.add_task(access=(1, "u1"))
        world.billing.fake.add_task(messages=[("m1", "0712345678", "payment_notice")])
        await until(all_done(world))


async def test_a_report_under_an_old_epoch_is_refused_and_work_goes_on(world):
    world.router_control.fake.delay = 0.3
    world.billing.fake.add_task(access=(1, "u1"))
    async with dispatching(world):
        await until(lambda: world.router_control.fake.calls)
        held = world.billing.fake.tasks[1]
        held.fencing_token += 1  # someone else leases it meanwhile
        held.due = 0
        await until(all_done(world))
    assert world.billing.fake.stale == [1]
    assert held.done.fencing_token == held.fencing_token


async def test_after_a_crash_in_the_middle_the_lease_runs_out_and_another_does_it(world):
    pace = replace(PACE, lease=1.0, access_deadline=0.4, message_deadline=0.4)
    world.router_control.fake.hangs = {1}
    world.billing.fake.add_task(access=(1, "u1"))
    clients = Clients.connect(world.targets)
    crashing = Dispatcher(clients, "crashing", asyncio.Event(), pace)
    running = asyncio.create_task(crashing.run())
    await until(lambda: world.router_control.fake.calls)
    # Gone without a word: no report, no release.
    doomed = [
        running,
        *(carried for loop in (crashing._access, crashing._messages) for carried in loop._calls.under_way),
    ]
    for task in doomed:
        task.cancel()
    await asyncio.wait(doomed)
    await clients.close()
    world.router_control.fake.hangs = set()
    async with dispatching(world, pace):
        assert not world.billing.fake.reports
        await until(all_done(world))
    assert world.billing.fake.tasks[1].fencing_token == 2
    assert world.router_control.fake.lines == {(1, "u1"): True}


@pytest.mark.parametrize("service", ["notify", "router_control"])
async def test_a_service_that_is_down_gets_its_work_when_it_is_back_and_the_other_is_not_held_up(world, service):
    world.billing.fake.add_task(access=(1, "u1"))
    world.billing.fake.add_task(messages=[("m1", "254700000126", "admin")])
    down, other = (2, 1) if service == "notify" else (1, 2)
    await getattr(world, service).down()
    async with dispatching(world):
        await until(lambda: world.billing.fake.tasks[other].done)
        await until(lambda: any(report.task_id == down for report in world.billing.fake.reports))
        reports = [report for report in world.billing.fake.reports if report.task_id == down]
        assert all(report.HasField("release") for report in reports)
        assert "UNAVAILABLE" in reports[0].detail
        await getattr(world, service).up()
        await until(all_done(world))


async def test_billing_away_is_asked_ever_more_seldom_and_its_work_done_when_it_is_back(world):
    async with dispatching(world):
        await until(lambda: world.billing.fake.busy_router_ids)
        world.billing.fake.fail_with, world.billing.fake.leases_refused = grpc.StatusCode.UNAVAILABLE, []
        await until(lambda: len(world.billing.fake.leases_refused) >= 24)
        refused = world.billing.fake.leases_refused
        # Two kinds of tasks, each asked for three times by the channel: the fourth pause of each has begun.
        assert refused[-1] - refused[0] > 0.5 * (0.05 + 0.1 + 0.2)
        world.billing.fake.add_task(access=(1, "u1"))
        world.billing.fake.fail_with = None
        await until(all_done(world))
    assert len(world.router_control.fake.calls) == 1


async def test_a_graceful_stop_reports_what_is_under_way_and_gives_back_what_is_not(world):
    world.router_control.fake.delay = 0.5
    for router_id in (1, 2, 3):
        world.billing.fake.add_task(access=(router_id, "u1"))
    async with dispatching(world, replace(PACE, max_routers_at_once=1)):
        await until(lambda: world.router_control.fake.calls)
    kinds = Counter(report.WhichOneof("result") for report in world.billing.fake.reports)
    assert kinds == {"access": 1, "release": 2}
    assert len(world.router_control.fake.calls) == 1


async def test_while_payments_pour_in_fewer_tasks_are_asked_for_and_more_seldom(world):
    limits = replace(PACE, access_interval=0.3, max_tasks_when_busy=3)
    world.billing.fake.busy = True
    for number in range(20):
        world.billing.fake.add_task(access=(1, f"u{number}"))
    async with dispatching(world, limits):
        await until(lambda: world.billing.fake.max_tasks)
        began = asyncio.get_running_loop().time()
        for number in range(20, 26):
            world.billing.fake.add_task(access=(2, f"u{number}"))
        await until(all_done(world))
        assert world.billing.fake.max_tasks[:3] == [limits.max_tasks, 3, 3]
        assert asyncio.get_running_loop().time() - began > 0.5
        world.billing.fake.busy = False
        await until(lambda: world.billing.fake.max_tasks[-1] == limits.max_tasks)


async def test_messages_that_stood_back_go_as_soon_as_payments_come_in_more_slowly(world):
    limits = replace(PACE, busy_message_interval=3600)
    world.billing.fake.busy = True
    async with dispatching(world, limits):
        await until(lambda: world.billing.fake.message_leases)
        world.billing.fake.add_task(messages=[("m1", "0712345678", "payment_notice")])
        asked = len(world.billing.fake.max_tasks)
        await until(lambda: len(world.billing.fake.max_tasks) > asked + 2)
        assert not world.notify.fake.messages
        world.billing.fake.busy = False
        await until(all_done(world))


async def test_while_many_lines_are_due_messages_stand_back_and_go_when_the_lines_are_switched(world):
    limits = replace(PACE, max_tasks=2, lines_first=3600, busy_message_interval=3600)
    world.router_control.fake.delay = 0.1
    for number in range(20):
        world.billing.fake.add_task(access=(1, f"u{number}"))
    async with dispatching(world, limits):
        await until(lambda: world.router_control.fake.calls)
        for number in range(20):
            world.billing.fake.add_task(messages=[(f"m{number}", "0712345678", "payment_notice")])
        await until(lambda: len(world.router_control.fake.lines) == 20)
        # One round may have begun before.
        assert len(world.notify.fake.messages) <= limits.max_tasks
        await until(all_done(world))
