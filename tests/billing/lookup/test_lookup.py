"""What operators read back: a payment with its timeline, lists, and what waits."""

import json
from datetime import UTC, timedelta

import pytest
import sqlalchemy as sa
from billing.lookup import service as lookup
from billing.schema import quarantine as quarantine_table
from billing.schema import tasks
from billing.tasks.rules import AccessOutcome
from rejesha.billing.v1 import account_service_pb2 as account_pb
from rejesha.billing.v1 import payment_service_pb2 as pb
from rejesha.billing.v1 import quarantine_service_pb2 as quarantine_pb
from rejesha.billing.v1 import task_service_pb2 as task_pb

from tests.billing.dispatching import failed, lines
from tests.billing.serving import outcome, pages, payment, refused


def test_a_payment_s_timeline_has_its_steps_tasks_and_deliveries(client, dispatcher):
    client.record(payment("A1", callback_body=b"first", source_address="192.0.2.1"))
    dispatcher.run()
    client.record(payment("A1", cents=5, callback_body=b"second"))
    found = client.get("a1")
    assert found.payment.amount_cents == 100_000
    assert outcome(found.payment.outcome) == "customer_paid"
    assert found.payment.receive_time.seconds > 1_700_000_000
    categories = [step.category for step in found.timeline]
    assert categories[0] == "PAYMENT_RECEIVED"
    assert categories[-2:] == ["RECONNECTION_SUCCESS", "PROCESSING_ERROR"]
    assert json.loads(found.timeline[0].details_json)["amount"] == "1,000.00"
    assert [(task.kind, task_pb.TaskState.Name(task.state)) for task in found.tasks] == [
        ("set_access", "TASK_STATE_DONE"),
        ("send_messages", "TASK_STATE_DONE"),
        ("send_messages", "TASK_STATE_OPEN"),
    ]
    assert found.tasks[0].access == task_pb.AccessWork(router_id=1, username="0949AQ", wanted="LINE_STATE_ON")
    assert found.tasks[1].messages.messages[0].template == "customer_connected"
    assert [(one.conflicting, one.callback_body) for one in found.deliveries] == [(False, b"first"), (True, b"second")]
    assert refused(lambda: client.get("A2")) == ("NOT_FOUND", "PAYMENT_NOT_FOUND")
    assert refused(lambda: client.get("Ω" * 5000)) == ("NOT_FOUND", "PAYMENT_NOT_FOUND")


def test_payments_are_listed_newest_first_page_by_page(client):
    client.record(*(payment(f"A{n}", "HELLO" if n % 2 else "ACC001") for n in range(7)))
    listed, sizes = pages(client.payments.ListPayments, pb.ListPaymentsRequest(page_size=3), "payments")
    assert [one.trans_id for one in listed] == [f"A{n}" for n in reversed(range(7))]
    assert sizes == [3, 3, 1]
    unmatched = pb.ListPaymentsRequest(outcome=pb.PAYMENT_OUTCOME_UNMATCHED)
    listed, sizes = pages(client.payments.ListPayments, unmatched, "payments")
    assert [one.trans_id for one in listed] == ["A5", "A3", "A1"]


@pytest.mark.parametrize("token", ["x", "-1", "1.5", "9" * 30, "٣", "' OR 1=1"])
def test_a_page_token_that_was_never_given_out_is_refused(client, token):
    reason = ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
    assert refused(lambda: client.payments.ListPayments(pb.ListPaymentsRequest(page_token=token))) == reason
    listing = account_pb.ListCustomersRequest(page_token=token)
    assert refused(lambda: client.accounts.ListCustomers(listing)) == reason


def test_what_waits_for_a_person_is_counted(client, desk):
    assert client.payments.CountWaiting(pb.CountWaitingRequest(count_lines=True)) == pb.CountWaitingResponse(
        untellable_customers=1  # 77XY
    )
    client.record(payment("A1", "HELLO"), payment("A2", "ACC001"), payment("A3", "NOBODY"), payment("A4"))
    callbacks = [quarantine_pb.QuarantinedCallback(idempotency_key=key, callback_body=b"{") for key in ("one", "two")]
    request = quarantine_pb.QuarantineCallbacksRequest(callbacks=callbacks)
    first, second = client.quarantine.QuarantineCallbacks(request).callback_ids
    client.quarantine.ResolveQuarantinedCallback(
        quarantine_pb.ResolveQuarantinedCallbackRequest(callback_id=first, note="junk")
    )
    counted = client.payments.CountWaiting(pb.CountWaitingRequest(count_lines=True))
    assert (counted.open_callbacks, counted.unmatched_payments, counted.paid_but_not_on) == (1, 2, 1)
    kept = desk.one(quarantine_table, id=second)
    assert counted.oldest_callback_time.ToDatetime(UTC) == kept.create_time
    assert counted.oldest_unmatched_time.ToDatetime(UTC) == desk.payment("A1").received_at
    assert counted.oldest_line_time.ToDatetime(UTC) == desk.one(tasks, kind="set_access").create_time
    cheap = client.payments.CountWaiting(pb.CountWaitingRequest())
    assert (cheap.open_callbacks, cheap.unmatched_payments, cheap.paid_but_not_on) == (1, 2, 0)
    assert not cheap.HasField("oldest_line_time")


def test_a_line_that_is_on_does_not_wait(client, dispatcher):
    client.record(payment("A4"))
    dispatcher.run()
    counted = client.payments.CountWaiting(pb.CountWaitingRequest(count_lines=True))
    assert (counted.paid_but_not_on, counted.HasField("oldest_line_time")) == (0, False)


def test_counts_tell_what_is_open_and_what_was_given_up(desk):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "77XY", "500")
    (line, _) = lines(desk)
    desk.report(failed(line, AccessOutcome.NO_SUCH_ROUTER))
    counts = lookup.count_tasks(desk.engine)
    assert (counts.open, counts.given_up) == ({"set_access": 1, "send_messages": 3}, 1)
    assert counts.given_up_since == desk.one(tasks, id=line.task_id).create_time
    desk.pass_time(timedelta(minutes=1))
    due = min(row.due_time for row in desk.rows(tasks, kind="set_access", state="open"))
    assert lookup.count_tasks(desk.engine).due_since["set_access"] == due
    expired = sa.update(tasks).where(tasks.c.state == "given_up")
    desk.execute(expired.values(expire_time=desk.one(tasks, id=line.task_id).create_time))
    assert lookup.count_tasks(desk.engine).given_up == 0  # its paid time is over: there is no point in it any more


def test_routers_with_customers_waiting_are_told_worst_first(client, desk, dispatcher):
    client.record(payment("A1"), payment("A2", "WAIRIMU1"), payment("B1", "77XY"))
    assert not client.payments.CountWaiting(pb.CountWaitingRequest(count_lines=True)).waiting_routers  # nobody tried
    dispatcher.script = {1: [AccessOutcome.UNREACHABLE], 2: [AccessOutcome.LOGIN_REFUSED]}
    dispatcher.carry_out()
    routers = client.payments.CountWaiting(pb.CountWaitingRequest(count_lines=True)).waiting_routers
    assert [(one.router_id, one.lines) for one in routers] == [(1, 2), (2, 1)]
    assert routers[1].last_error.startswith("login_refused")
    assert routers[1].oldest_line_time.ToDatetime(UTC) == desk.one(tasks, trans_id="B1", kind="set_access").create_time


def test_customers_to_whom_nothing_can_be_sent_are_counted(client, desk):
    for number, phone in enumerate([None, "", "N/A", "0712 000 009", "+254712000009", "0201234567", "0712000009/0722"]):
        desk.insert_customer(f"P{number}", phone=phone)
    counted = client.payments.CountWaiting(pb.CountWaitingRequest(count_lines=True))
    assert counted.untellable_customers == 5 + 1  # 77XY has none
