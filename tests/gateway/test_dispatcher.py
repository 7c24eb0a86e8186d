import asyncio
from collections import Counter
from dataclasses import replace

import grpc
import pytest
from gateway.clients.channels import Clients
from gateway.dispatcher.access import plan_calls
from gateway.dispatcher.dispatcher import Dispatcher
from gateway_rig import PACE, all_done, dispatching, results, until
from hypothesis import given
from hypothesis import strategies as st
from rejesha.billing.v1 import task_service_pb2 as pb

pytestmark = pytest.mark.anyio


async def test_a_router_gets_one_call_for_all_its_customers(world):
    for number in range(150):
        world.billing.fake.add_task(access=(number % 2 + 1, f"user{number}", True))
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
        world.billing.fake.add_task(access=(router_id, f"user{router_id}", True))
    async with dispatching(world):
        await until(lambda: len(world.billing.fake.reports) == 2)
        assert [report.task_id for report in world.billing.fake.reports] in ([3, 4], [4, 3])
        world.billing.fake.add_task(access=(1, "latecomer", True))
        world.billing.fake.add_task(access=(2, "latecomer", True))
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
        world.billing.fake.add_task(access=(router_id, "user", True))
    async with dispatching(world, replace(PACE, max_tasks=2, max_routers_held=3)):
        await until(lambda: results(world)["ACCESS_OUTCOME_TIMED_OUT"] == 4)
        assert max(map(len, world.billing.fake.busy_router_ids)) <= 3
        world.router_control.fake.hangs = set()
        await until(all_done(world))


async def test_a_router_s_next_customers_do_not_wait_for_the_report_on_the_last_ones(world):
    world.billing.fake.reports_fail = 1_000_000
    world.billing.fake.add_task(access=(1, "first", True))
    async with dispatching(world, replace(PACE, lease=30)):
        await until(lambda: world.router_control.fake.lines.get((1, "first")))
        world.billing.fake.add_task(access=(1, "second", True))
        await until(lambda: world.router_control.fake.lines.get((1, "second")))
        assert not world.billing.fake.reports
        world.billing.fake.reports_fail = 0
        await until(all_done(world))


async def test_a_full_round_is_followed_by_the_next_without_a_pause(world):
    for number in range(45):
        world.billing.fake.add_task(messages=[(f"m{number}", "0712345678", "payment_notice")])
    # The first four rounds are full; the fifth brings the rest and could wait an hour for more.
    async with dispatching(world, replace(PACE, max_tasks=10, message_interval=3600)):
        await until(all_done(world))


async def test_an_idle_dispatcher_asks_again_and_again_and_finds_what_has_come(world):
    async with dispatching(world):
        await until(lambda: len(world.billing.fake.busy_router_ids) > 2)
        world.billing.fake.add_task(access=(1, "u1", True))
        world.billing.fake.add_task(messages=[("m1", "0712345678", "payment_notice")])
        await until(all_done(world))


async def test_a_freed_router_s_next_customers_do_not_wait_for_the_next_poll(world):
    for number in range(10):
        world.billing.fake.add_task(access=(1, f"u{number}", True))
    async with dispatching(world, replace(PACE, max_tasks=1, poll=1)):
        await until(all_done(world), seconds=5)


async def test_what_stood_in_the_way_is_reported_as_the_router_control_says_it(world):
    world.router_control.fake.dead = {1}
    world.billing.fake.add_task(access=(1, "u1", True))
    async with dispatching(world):
        await until(lambda: results(world)["ACCESS_OUTCOME_UNREACHABLE"] == 1)
        assert world.billing.fake.reports[0].detail == "no route to host"
        world.router_control.fake.dead = set()
        await until(all_done(world))


async def test_one_name_that_no_request_may_hold_does_not_stop_the_others(world):
    world.router_control.fake.refuses = "user7"
    for number in range(20):
        world.billing.fake.add_task(access=(1, f"user{number}", True))
    async with dispatching(world):
        await until(lambda: results(world)["ACCESS_OUTCOME_CHANGED"] == 19)
    refused = [report for report in world.billing.fake.reports if report.task_id == 8]
    assert {report.access.outcome for report in refused} == {pb.ACCESS_OUTCOME_ROUTER_ERROR}
    assert "INVALID_ACCESS_REQUEST" in refused[0].detail


async def test_the_newest_of_contradicting_wishes_is_what_the_router_holds(world):
    for enabled in (True, False, True, True, False):
        world.billing.fake.add_task(access=(1, "u1", enabled))
    async with dispatching(world):
        await until(all_done(world))
    assert world.router_control.fake.lines == {(1, "u1"): False}
    assert world.router_control.fake.max_at_once[1] == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30))
def test_planned_calls_hold_each_task_once_and_end_in_the_newest_wish(wishes):
    tasks = [
        pb.Task(task_id=number, access=pb.AccessWork(username=user, enabled=enabled))
        for number, (user, enabled) in enumerate(wishes)
    ]
    calls = plan_calls(tasks[::-1])
    held = {}
    for call in calls:
        in_call = {}
        for task in call:
            assert in_call.setdefault(task.access.username, task.access.enabled) == task.access.enabled
        held.update(in_call)
    assert sorted(task.task_id for call in calls for task in call) == list(range(len(tasks)))
    assert held == dict(wishes)


async def test_a_report_under_an_old_epoch_is_refused_and_work_goes_on(world):
    world.router_control.fake.delay = 0.3
    world.billing.fake.add_task(access=(1, "u1", True))
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
    world.billing.fake.add_task(access=(1, "u1", True))
    clients = Clients.connect(world.targets)
    crashing = Dispatcher(clients, "crashing", asyncio.Event(), pace)
    running = asyncio.create_task(crashing.run())
    await until(lambda: world.router_control.fake.calls)
    # Gone without a word: no report, no release.
    doomed = [running, *(carried for loop in (crashing._access, crashing._messages) for carried in loop._under_way)]
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


async def test_messages_of_many_tasks_go_in_one_call_with_what_notify_needs(world):
    for number in range(30):
        world.billing.fake.add_task(
            messages=[(f"{number}-a", "254700000126", "customer_connected"), (f"{number}-b", "254700000127", "admin")]
        )
    async with dispatching(world):
        await until(all_done(world))
    assert world.notify.fake.call_sizes == [60]
    message = world.notify.fake.messages["3-a"]
    assert (message.phone, message.template.name, message.template.facts["name"], message.subject) == (
        "254700000126",
        "customer_connected",
        "Asha",
        "TASKTEST01",
    )
    assert message.expire_time == world.billing.fake.tasks[4].task.expire_time


async def test_one_bad_message_does_not_hold_up_the_others(world):
    world.notify.fake.refuses = "m5"
    for number in range(8):
        world.billing.fake.add_task(messages=[(f"m{number}", "254700000126", "admin")])
    async with dispatching(world):
        await until(lambda: len(world.notify.fake.messages) == 7)
        await until(lambda: any(not report.messages.accepted for report in world.billing.fake.reports))
    assert not world.billing.fake.tasks[6].done


@pytest.mark.parametrize("service", ["notify", "router_control"])
async def test_a_service_that_is_down_gets_its_work_when_it_is_back_and_the_other_is_not_held_up(world, service):
    world.billing.fake.add_task(access=(1, "u1", True))
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


async def test_billing_away_for_a_while_is_waited_for(world):
    async with dispatching(world):
        world.billing.fake.fail_with = grpc.StatusCode.UNAVAILABLE
        await asyncio.sleep(0.3)
        world.billing.fake.add_task(access=(1, "u1", True))
        world.billing.fake.fail_with = None
        await until(all_done(world))


async def test_a_graceful_stop_reports_what_is_under_way_and_gives_back_what_is_not(world):
    world.router_control.fake.delay = 0.5
    for router_id in (1, 2, 3):
        world.billing.fake.add_task(access=(router_id, "u1", True))
    async with dispatching(world, replace(PACE, max_routers_at_once=1)):
        await until(lambda: world.router_control.fake.calls)
    kinds = Counter(report.WhichOneof("result") for report in world.billing.fake.reports)
    assert kinds == {"access": 1, "release": 2}
    assert len(world.router_control.fake.calls) == 1
