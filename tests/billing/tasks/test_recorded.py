"""A reconnection is carried out with the router and username that are on record then, not with those of its payment."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from billing.schema import payment_debug_log, tasks
from billing.tasks.rules import AccessOutcome

from tests.billing.dispatching import lines


def wait_for_router(desk, dispatcher):
    """A payment whose router is away."""
    desk.pay("A1", "0949AQ")
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE]
    dispatcher.carry_out()
    assert dispatcher.switched == []


@pytest.mark.parametrize("now", [{"router_id": 2}, {"username": "jane"}, {"router_id": 2, "username": "jane"}])
def test_who_was_moved_while_the_reconnection_waits_is_reconnected_there(desk, dispatcher, now):
    """Written straight into the table, as the predecessor's screens do."""
    wait_for_router(desk, dispatcher)
    desk.set_customer("0949AQ", **now)
    desk.make_due()
    dispatcher.carry_out()
    router_id, username = now.get("router_id", 1), now.get("username", "0949AQ")
    assert dispatcher.switched == [(router_id, username)]
    asked = [row.message for row in desk.rows(payment_debug_log, transaction_id="A1", category="MIKROTIK_ATTEMPT")]
    assert asked == [
        "Asking router 1 to enable 0949AQ",
        f"Asking router {router_id} to enable {username}, as it is on record now",
    ]
    assert dispatcher.facts("reconnection_done")["router"] == f"Tower {router_id}"


def test_who_was_moved_while_no_dispatcher_was_there_is_asked_for_once_there(desk, dispatcher):
    desk.pay("A1", "0949AQ")
    earlier = desk.one(tasks, kind="set_access").create_time - timedelta(minutes=1)
    desk.execute(sa.update(tasks).values(create_time=earlier))
    desk.set_customer("0949AQ", router_id=2, username="jane")
    dispatcher.carry_out()
    assert dispatcher.switched == [(2, "jane")]
    assert desk.timeline("A1").count("MIKROTIK_ATTEMPT") == 1


def test_a_line_that_is_on_a_busy_router_now_waits_for_it(desk, dispatcher):
    wait_for_router(desk, dispatcher)
    desk.set_customer("0949AQ", router_id=2)
    desk.make_due()
    assert lines(desk, busy=frozenset({2})) == []
    (leased,) = lines(desk)
    assert leased.work.router_id == 2


def test_a_customer_without_a_line_waits_for_one(desk, dispatcher):
    wait_for_router(desk, dispatcher)
    desk.set_customer("0949AQ", username=None)
    desk.make_due()
    dispatcher.carry_out()
    task = desk.one(tasks, kind="set_access")
    assert (task.state, task.last_error) == ("open", "no router or username on record")
    desk.set_customer("0949AQ", username="jane")
    dispatcher.run()
    assert dispatcher.switched == [(1, "jane")]
