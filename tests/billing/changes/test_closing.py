"""Accounts of customers and ISPs are closed and opened again over gRPC: what becomes of their payments and lines."""

from billing.schema import account_changes, tasks
from billing.tasks.rules import AccessOutcome
from rejesha.billing.v1 import account_service_pb2 as pb

from tests.billing.changes.changing import change, change_isp, get
from tests.billing.desk import UNMATCHED
from tests.billing.serving import payment


def test_payments_for_a_closed_account_are_held_and_can_be_placed_when_it_is_opened_again(client, desk, dispatcher):
    assert change(client, "0949AQ", "moved away", closed=True).changes[0].after == "yes"
    assert get(client, "0949AQ").close_time.seconds > 0
    desk.pay("A1", "0949aq")
    assert (desk.payment("A1").outcome, desk.payment("A1").unmatched_reason) == ("unmatched", "account_closed")
    dispatcher.run()
    assert (dispatcher.told(), dispatcher.switched) == (UNMATCHED, [])
    taken = client.create_customers(pb.Customer(account_name="0949AQ", isp_id=1, package_cents=5))[0]
    assert taken.error == f"account_name: 0949AQ is taken by customer {desk.customer('0949AQ').id}, who is closed"
    assert change(client, "0949AQ", closed=False).error == ""
    assert desk.assign("A1", "0949AQ").outcome == "customer_paid"
    desk.check_books()


def test_a_closed_twin_is_out_of_the_way_and_cannot_come_back(client, desk):
    desk.insert_customer("0949AQ", username="other", router_id=1)
    twin = desk.rows(account_changes.metadata.tables["pppoe_users"], username="other")[0].id
    assert change(client, customer_id=twin, reason="doubled", closed=True).error == ""
    assert client.outcome(payment("A1")) == ["customer_paid"]
    assert "is taken by customer" in change(client, customer_id=twin, closed=False).error
    assert get(client, "0949AQ").username == "0949AQ"
    assert change(client, customer_id=twin, username="0949AQ").error == ""  # it has no line while it is closed
    result = change(client, "0949AQ", full_name="Jane")
    assert not result.line_shared


def test_a_closed_customer_is_not_reconnected_any_more_but_switched_off(client, desk, dispatcher):
    desk.pay("A1", "0949AQ")
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE]
    dispatcher.carry_out()
    change(client, "0949AQ", "moved away", closed=True)
    dispatcher.run()
    task = desk.one(tasks, kind="set_access", trans_id="A1")
    assert (task.state, task.last_error) == ("expired", "the account was closed")
    assert dispatcher.held == {(1, "0949AQ"): "off"}
    assert desk.retry("A1") == []
    paid = client.accounts.ListCustomers(pb.ListCustomersRequest(paid_but_not_on=True)).customers
    assert [one.account_name for one in paid] == []
    assert desk.timeline("A1")[-1] == "RECONNECTION_FAILED"


def test_who_has_no_line_any_more_waits_for_no_router_and_is_asked_for_with_the_next_line(client, desk, dispatcher):
    desk.pay("A1", "0949AQ")
    dispatcher.carry_out()
    change(client, "0949AQ", "moved away", closed=True)
    assert [one.line_wanted for one in desk.rows(tasks, kind="set_access", state="open")] == ["off"]
    change(client, "0949AQ", "the router is gone", router_id=0)
    assert desk.rows(tasks, kind="set_access", state="open") == []
    change(client, "0949AQ", "back elsewhere", router_id=2, closed=False)
    dispatcher.carry_out()
    assert dispatcher.held == {(1, "0949AQ"): "on", (2, "0949AQ"): "on"}


def test_while_an_isp_is_closed_its_payments_are_held_and_its_lines_left_alone(client, desk, dispatcher):
    desk.pay("A1", "0949AQ")
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE]
    dispatcher.carry_out()
    change_isp(client, 1, "left us", closed=True)
    assert client.outcome(payment("A2"), payment("A3", "SMS001"), payment("A4", "77XY")) == [
        "unmatched", "unmatched", "customer_paid"
    ]  # fmt: skip
    assert {desk.payment(one).unmatched_reason for one in ("A2", "A3")} == {"account_closed"}
    dispatcher.run()
    assert dispatcher.switched == [(2, "xy77")]
    change_isp(client, 1, closed=False)
    assert client.outcome(payment("A5", "SMS001")) == ["sms_credits"]
    assert desk.retry("A1")
    dispatcher.run()
    assert (1, "0949AQ") in dispatcher.switched
    desk.check_books()
