"""All that happened to a customer is told in one order, page by page, each part of it by an index."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from billing.changes.rules import Author
from billing.events import store
from billing.events.rules import Place, Source
from billing.lines import service as lines
from billing.lines.service import Whom
from billing.payees.rules import LineReason
from billing.reversals import unassigning
from billing.schema import account_changes, paybill_payments, payment_debug_log, payment_deliveries
from rejesha.billing.v1 import account_service_pb2 as pb
from rejesha.billing.v1 import payment_service_pb2 as payment_pb

from tests.billing.serving import pages, payment, refused

JANE, ASHA = Whom(account="0949AQ"), Author("Asha", "away")
TABLES = paybill_payments, payment_deliveries, account_changes, payment_debug_log
NOON = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)


def told(event):
    """What happened, in a word."""
    kind = event.WhichOneof("event")
    return {
        "payment": event.payment.trans_id,
        "change": f"{event.change.change.field} {event.change.change.after}",
        "step": event.step.category,
    }[kind]


def listed(client, page_size=50, **asked):
    request = pb.ListCustomerEventsRequest(account_name="0949 aq", page_size=page_size, **asked)
    return pages(client.accounts.ListCustomerEvents, request, "events")


def test_payments_changes_and_routers_answers_are_told_newest_first(client, desk, dispatcher):
    client.record(payment("A1"), payment("B1", "77XY"))
    dispatcher.carry_out()
    lines.hold(desk.engine, desk.policy, JANE, LineReason.PAUSED, ASHA)
    dispatcher.carry_out()
    desk.pay("A2", "0949AQ", "400")
    events, _ = listed(client)
    assert [told(one) for one in events if not told(one).startswith("hold_since")] == [
        "A2", "DISCONNECTION_SUCCESS", "line off (paused)", "hold paused", "RECONNECTION_SUCCESS", "A1",
    ]  # fmt: skip
    paid = events[-1].payment
    assert (paid.amount_cents, paid.outcome) == (100_000, payment_pb.PAYMENT_OUTCOME_CUSTOMER_PAID)
    assert (paid.due_date_before, paid.due_date_after) == ("2026-01-31", str(desk.customer("0949AQ").next_payment_date))
    assert not events[0].payment.due_date_after
    change = next(one.change for one in events if told(one) == "hold paused")
    assert (change.actor, change.reason) == ("Asha", "away")


def test_a_payment_that_was_taken_back_stays_with_who_did_it_and_without_what_it_is_elsewhere(client, desk, dispatcher):
    before = str(desk.customer("0949AQ").next_payment_date)
    client.record(payment("A1"))
    dispatcher.carry_out()
    after = str(desk.customer("0949AQ").next_payment_date)
    unassigning.unassign(desk.engine, desk.policy, "A1", "Asha", "a neighbour's")
    events, _ = listed(client)
    assert [told(one) for one in events] == ["payment ", "PAYMENT_UNASSIGNED", "RECONNECTION_SUCCESS", "A1"]
    assert (events[0].change.change.before, events[0].change.actor) == ("A1", "Asha")
    assert events[0].change.reason == "a neighbour's"
    paid = events[-1].payment
    assert (paid.taken_back, paid.outcome) == (True, payment_pb.PAYMENT_OUTCOME_CUSTOMER_PAID)
    assert (paid.due_date_before, paid.due_date_after) == (before, after)
    desk.assign("A1", "WAIRIMU1")
    dispatcher.carry_out()
    assert [told(one) for one in listed(client)[0]] == [told(one) for one in events]
    assert listed(client)[0][-1].payment == paid
    asked = pb.ListCustomerEventsRequest(account_name="WAIRIMU1", page_size=50)
    elsewhere = pages(client.accounts.ListCustomerEvents, asked, "events")[0]
    assert not next(one for one in elsewhere if told(one) == "A1").payment.taken_back
    unassigning.unassign(desk.engine, desk.policy, "A1", "Asha", "theirs after all")
    desk.assign("A1", "0949AQ")
    assert [one.payment.taken_back for one in listed(client)[0] if told(one) == "A1"] == [False]
    assert listed(client, page_size=2)[0] == listed(client)[0]


def test_pages_and_a_span_tell_the_same_as_one_list(client, desk, dispatcher):
    for number in range(4):
        client.record(payment(f"A{number}"))
        dispatcher.carry_out()
        lines.extend(desk.engine, desk.policy, JANE, 1, ASHA)
    events, _ = listed(client)
    assert len(events) > 10
    assert [one.create_time.ToDatetime() for one in events] == sorted(
        (one.create_time.ToDatetime() for one in events), reverse=True
    )
    for size in (1, 3):
        some, sizes = listed(client, page_size=size)
        assert list(some) == list(events)
        assert max(sizes) == size
    middle = events[5].create_time
    assert listed(client, since=middle)[0] == [
        one for one in events if one.create_time.ToNanoseconds() >= middle.ToNanoseconds()
    ]
    assert refused(lambda: listed(client, page_token="12")) == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
    unknown = pb.ListCustomerEventsRequest(account_name="0000ZZ")
    assert refused(lambda: client.accounts.ListCustomerEvents(unknown)) == ("NOT_FOUND", "CUSTOMER_NOT_FOUND")


def rows(number):
    at = NOON + timedelta(seconds=number)
    customer_id = number % 500
    return {
        paybill_payments: {
            "TransID": f"T{number}", "TransAmount": 100, "customer_id": customer_id, "outcome": "customer_paid",
            "received_at": at,
        },
        payment_deliveries: {
            "trans_id": f"T{number}", "conflicting": False, "content": "", "callback_body": b"", "source_address": "",
            "receive_time": at,
        },
        account_changes: {
            "noun": "customer", "noun_id": customer_id, "field": "x", "old_value": "", "new_value": "", "actor": "A",
            "reason": "", "create_time": at,
        },
        payment_debug_log: {
            "transaction_id": f"T{number}" if number % 2 else f"LINE-{customer_id}-{number}",
            "category": "RECONNECTION_SUCCESS", "message": "", "details": "{}", "created_at": at, "create_time": at,
        },
    }  # fmt: skip


@pytest.mark.mysql
def test_no_query_reads_what_is_another_customer_s(mysql_engine):
    with mysql_engine.begin() as connection:
        for table in TABLES:
            connection.execute(sa.insert(table), [rows(number)[table] for number in range(5_000)])
    before = Place(NOON + timedelta(hours=1), Source.CHANGE, 4_000)
    queries = {
        "ix_paybill_payments_customer_id": store.payments_query(3, (), NOON, before, 50),
        "ix_account_changes_noun_noun_id": store.changes_query(3, NOON, before, 50),
        "ix_payment_debug_log_transaction_id": store.steps_query(
            3, ["T3", "T503", "T1003"], {"T4": NOON}, NOON, before, 50
        ),
    }
    with mysql_engine.begin() as connection:
        for table in TABLES:
            connection.exec_driver_sql(f"ANALYZE TABLE {table.name}").all()
        for index, query in queries.items():
            text = str(query.compile(mysql_engine, compile_kwargs={"literal_binds": True}))
            plan, *others = connection.exec_driver_sql(
                f"EXPLAIN FORMAT=TRADITIONAL {text}".replace("%", "%%")
            ).mappings()
            assert plan["key"] == index, plan
            assert plan["rows"] <= 20, plan
            assert {one["key"] for one in others} <= {"ix_payment_deliveries_trans_id"}, others
