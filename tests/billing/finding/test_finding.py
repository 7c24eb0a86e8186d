"""Payments and customers are found by whatever an operator knows of them, each by an index."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from billing.finding import store as finding
from billing.finding.rules import PaymentFilter, spellings
from billing.payments.rules import Outcome
from billing.schema import paybill_payments
from rejesha.billing.v1 import account_service_pb2 as account_pb
from rejesha.billing.v1 import payment_service_pb2 as pb

from tests.billing.serving import pages, payment, refused

NUMBER = "254712345678"
NOON = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)


def listed(client, **asked):
    found, _ = pages(client.payments.ListPayments, pb.ListPaymentsRequest(page_size=2, **asked), "payments")
    return [one.trans_id for one in found]


def test_payments_are_found_by_the_account_they_were_placed_on_or_typed_for(client, desk):
    client.record(payment("A1"), payment("A2", " 0949 aq"), payment("B1", "77XY"), payment("SMS1", "sms001", 5_000))
    client.record(payment("ACC1", "ACC001"), payment("HELD1", "0949AX"), payment("HELD2", "hello"))
    desk.execute(
        sa.insert(paybill_payments).values(TransID="OLD1", BillRefNumber="0949aq", TransAmount=100, received_at=NOON)
    )
    assert listed(client, account_reference="0949 aq") == ["OLD1", "A2", "A1"]
    desk.assign("HELD1", "0949AQ")
    assert listed(client, account_reference="0949AQ") == ["OLD1", "HELD1", "A2", "A1"]
    assert listed(client, account_reference="0949AX") == []  # placed: it is of the account that it was placed on
    assert listed(client, account_reference="SMS001") == ["SMS1"]
    assert listed(client, account_reference="acc001") == ["ACC1"]
    assert listed(client, account_reference="HELLO", outcome=pb.PAYMENT_OUTCOME_UNMATCHED) == ["HELD2"]
    customer = desk.customer("0949AQ").id
    assert listed(client, customer_id=customer) == ["HELD1", "A2", "A1"]
    assert listed(client, isp_id=2) == ["B1"]


def test_all_twins_of_an_ambiguous_account_are_found_with_their_payments(client, desk):
    client.record(payment("A1"))
    desk.insert_customer("0949aq ", phone=None)
    client.record(payment("HELD1"))
    twins = account_pb.ListCustomersRequest(account_name="0949AQ")
    assert [one.account_name for one in client.accounts.ListCustomers(twins).customers] == ["0949AQ", "0949aq "]
    assert listed(client, account_reference="0949AQ") == ["HELD1", "A1"]


def test_a_payer_s_number_is_found_however_it_and_m_pesa_spell_it(client):
    whole, hashed = NUMBER, hashlib.sha256(NUMBER.encode()).hexdigest()
    for number, msisdn in enumerate(
        (whole, hashed, "2547 ***** 678", "25471****678", "254712345679", "2547 ***** 679")
    ):
        client.record(payment(f"A{number}", msisdn=msisdn))
    for written in ("0712345678", "+254 712 345 678", "712345678"):
        assert listed(client, phone=written) == ["A3", "A2", "A1", "A0"]
    assert refused(lambda: listed(client, phone="12345")) == ("INVALID_ARGUMENT", "INVALID_FILTER")


def test_payments_are_found_by_payer_amount_and_span_together(client):
    for number in range(6):
        paid = payment(f"A{number}", cents=10_000 * number + 100, first_name=("JANE W", "JOHN", "100%")[number % 3])
        paid.receive_time.FromDatetime(NOON + timedelta(hours=number))
        client.record(paid)
    assert listed(client, payer="jane") == ["A3", "A0"]
    assert listed(client, payer="1__%") == []
    assert listed(client, min_amount_cents=10_100, max_amount_cents=30_100) == ["A3", "A2", "A1"]
    asked = pb.ListPaymentsRequest(payer="J")
    asked.received_from.FromDatetime(NOON + timedelta(hours=1))
    asked.received_before.FromDatetime(NOON + timedelta(hours=4))
    assert [one.trans_id for one in client.payments.ListPayments(asked).payments] == ["A3", "A1"]
    asked.received_from.FromDatetime(NOON + timedelta(days=1))
    asked.received_before.FromDatetime(NOON + timedelta(days=2))
    assert not client.payments.ListPayments(asked).payments


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0949 aq", ["0949AQ"]),
        ("WAIRIMU", ["WAIRIMU1"]),  # the username
        ("wairimu1", ["WAIRIMU1"]),
        ("+254 712 000 003", ["WAIRIMU1"]),
        ("customer 1", ["12BC"]),  # a part of the name
        ("%", []),
    ],
)
def test_customers_are_found_by_what_is_on_record_of_them(client, text, found):
    answer = client.accounts.ListCustomers(account_pb.ListCustomersRequest(matching=text))
    assert [one.account_name for one in answer.customers] == found


FILTERS = {
    "ix_paybill_payments_customer_id": PaymentFilter(customer_id=3, payer="J"),
    "ix_paybill_payments_isp_id": PaymentFilter(isp_id=7),
    "ix_paybill_payments_outcome": PaymentFilter(outcome=Outcome.UNMATCHED),
    "ix_paybill_payments_msisdn": PaymentFilter(msisdns=spellings(NUMBER)),
    "PRIMARY": PaymentFilter(since=NOON + timedelta(minutes=5), until=NOON + timedelta(minutes=9)),
}


@pytest.mark.mysql
def test_no_filter_reads_payments_that_it_does_not_want(mysql_engine):
    rows = [
        {
            "id": number + 1,  # whatever was there before
            "TransID": f"T{number}",
            "TransAmount": 100,
            "MSISDN": f"2547{number:08}",
            "FirstName": "JANE",
            "customer_id": number % 500,
            "isp_id": number % 50,
            "outcome": "customer_paid" if number % 30 else "unmatched",
            "received_at": NOON + timedelta(seconds=number),
        }
        for number in range(5_000)
    ]
    with mysql_engine.begin() as connection:
        connection.execute(sa.insert(paybill_payments), rows)
    with mysql_engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE TABLE paybill_payments").all()
        for index, wanted in FILTERS.items():
            query = finding.query(connection, wanted, 4_000, 50)
            text = str(query.compile(mysql_engine, compile_kwargs={"literal_binds": True}))
            (plan,) = connection.exec_driver_sql(f"EXPLAIN FORMAT=TRADITIONAL {text}".replace("%", "%%")).mappings()
            assert plan["key"] == index, plan
            assert plan["rows"] <= 250, plan
            # What is few enough is sorted.
            assert "filesort" not in (plan["Extra"] or "") or plan["rows"] <= 20, plan
