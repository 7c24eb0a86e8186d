"""How messages are handed to notify."""

import pytest
from gateway.clients.message_tasks import Message, MessageTask
from gateway.dispatcher.messages import MessageWorker
from gateway_rig import PACE, all_done, dispatching, until
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.anyio


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


@given(st.lists(st.integers(min_value=1, max_value=1000), max_size=50))
def test_a_task_s_messages_stay_together_and_a_call_holds_no_more_than_notify_takes(sizes):
    tasks = [
        MessageTask(number, 1, 0.0, "T", None, [Message("", "", "", {})] * size) for number, size in enumerate(sizes)
    ]
    calls = MessageWorker(None, PACE).split(tasks)
    assert [task for call in calls for task in call] == tasks
    assert all(sum(len(task.messages) for task in call) <= 1000 for call in calls)
