"""How lines are switched on: by router, side by side."""

from dataclasses import replace

import pytest
from gateway_rig import PACE, all_done, dispatching, results, until
from rejesha.billing.v1 import task_service_pb2 as pb

pytestmark = pytest.mark.anyio


async def test_a_router_gets_one_call_for_all_its_customers(world):
    for number in range(150):
        world.billing.fake.add_task(access=(number % 2 + 1, f"user{number}"))
    async with dispatching(world):
        await until(all_done(world))
    calls = world.router_control.fake.calls
    assert sorted((call.router_id, len(call.changes)) for call in calls) == [(1, 75), (2, 75)]
    assert results(world) == {"ACCESS_OUTCOME_CHANGED": 150}
    assert all(world.router_control.fake.lines[number % 2 + 1, f"user{number}"] for number in range(150))
    assert {report.access.router_name for report in world.billing.fake.reports} == {"router-1", "router-2"}


async def test_a_dead_router_does_not_delay_another_and_gets_no_second_call_meanwhile(world):
    world.router_control.fake.hangs = {1}
    for router_id in (1, 1, 2, 3):
        world.billing.fake.add_task(access=(router_id, f"user{router_id}"))
    async with dispatching(world):
        await until(lambda: len(world.billing.fake.reports) == 2)
        assert [report.task_id for report in world.billing.fake.reports] in ([3, 4], [4, 3])
        world.billing.fake.add_task(access=(1, "latecomer"))
        world.billing.fake.add_task(access=(2, "latecomer"))
        await until(lambda: len(world.billing.fake.reports) == 3)
        assert world.router_control.fake.at_once[1] == 1
        assert world.billing.fake.busy_router_ids[-1] == [1]
        asked = len(world.billing.fake.busy_router_ids)
        await until(lambda: results(world)["ACCESS_OUTCOME_TIMED_OUT"] == 2)
        # The latecomer is due all the while: billing must not be asked for it over and over.
        assert len(world.billing.fake.busy_router_ids) - asked < 30
        world.router_control.fake.hangs = set()
        await until(all_done(world))
    assert world.router_control.fake.max_at_once[1] == 1


async def test_no_more_is_leased_while_as_many_routers_are_busy_as_a_lease_may_name(world):
    world.router_control.fake.hangs = set(range(1, 11))
    for router_id in range(1, 11):
        world.billing.fake.add_task(access=(router_id, "user"))
    async with dispatching(world, replace(PACE, max_tasks=2, max_routers_held=3)):
        await until(lambda: results(world)["ACCESS_OUTCOME_TIMED_OUT"] == 4)
        assert max(map(len, world.billing.fake.busy_router_ids)) <= 3
        world.router_control.fake.hangs = set()
        await until(all_done(world))


async def test_a_router_s_next_customers_do_not_wait_for_the_report_on_the_last_ones(world):
    world.billing.fake.reports_fail = 1_000_000
    world.billing.fake.add_task(access=(1, "first"))
    async with dispatching(world, replace(PACE, lease=30)):
        await until(lambda: world.router_control.fake.lines.get((1, "first")))
        world.billing.fake.add_task(access=(1, "second"))
        await until(lambda: world.router_control.fake.lines.get((1, "second")))
        assert not world.billing.fake.reports
        world.billing.fake.reports_fail = 0
        await until(all_done(world))


async def test_a_freed_router_s_next_customers_do_not_wait_for_the_next_poll(world):
    for number in range(10):
        world.billing.fake.add_task(access=(1, f"u{number}"))
    async with dispatching(world, replace(PACE, max_tasks=1, poll=1)):
        await until(all_done(world), seconds=5)


async def test_what_stood_in_the_way_is_reported_as_the_router_control_says_it(world):
    world.router_control.fake.dead = {1}
    world.billing.fake.add_task(access=(1, "u1"))
    async with dispatching(world):
        await until(lambda: results(world)["ACCESS_OUTCOME_UNREACHABLE"] == 1)
        assert world.billing.fake.reports[0].detail == "no route to host"
        world.router_control.fake.dead = set()
        await until(all_done(world))


async def test_one_name_that_no_request_may_hold_does_not_stop_the_others(world):
    world.router_control.fake.refuses = "user7"
    for number in range(20):
        world.billing.fake.add_task(access=(1, f"user{number}"))
    async with dispatching(world):
        await until(lambda: results(world)["ACCESS_OUTCOME_CHANGED"] == 19)
    refused = [report for report in world.billing.fake.reports if report.task_id == 8]
    assert {report.access.outcome for report in refused} == {pb.ACCESS_OUTCOME_ROUTER_ERROR}
    assert "INVALID_ACCESS_REQUEST" in refused[0].detail


async def test_a_user_with_several_tasks_is_asked_for_once_and_all_are_reported(world):
    for _ in range(3):
        world.billing.fake.add_task(access=(1, "u1"))
    async with dispatching(world):
        await until(all_done(world))
    assert [len(call.changes) for call in world.router_control.fake.calls] == [1]
    assert results(world) == {"ACCESS_OUTCOME_CHANGED": 3}
