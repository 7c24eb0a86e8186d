"""A payment that waited in a gateway is dated by the moment at which it came."""

from datetime import UTC, datetime, timedelta

import pytest
from billing.calendar import NAIROBI
from billing.payments.settlement import next_due
from billing.schema import ledger_transfers, payment_debug_log, payment_deliveries, user_transactions_in
from google.protobuf.timestamp_pb2 import Timestamp

from servicekit import moments
from tests.billing import serving
from tests.billing.desk import payment


def midnight_in_nairobi(desk) -> datetime:
    return datetime.combine(desk.today(), datetime.min.time(), NAIROBI)


def database_time(desk) -> datetime:
    with desk.engine.connect() as connection:
        return moments.current_time(connection)


def test_payments_of_two_days_in_one_batch_count_each_on_its_own_day(desk):
    """One spooled at 23:58 of a day and one of the next, drained together some minutes later."""
    midnight = midnight_in_nairobi(desk)
    before, after = midnight - timedelta(minutes=2), min(midnight + timedelta(minutes=3), database_time(desk))
    yesterday = desk.today() - timedelta(days=1)
    for account in ("0949AQ", "77XY"):
        desk.set_customer(account, next_payment_date=yesterday - timedelta(days=3))
    desk.pay_batch(payment("A1", "0949AQ", receive_time=before), payment("A2", "77XY", "500", receive_time=after))
    assert desk.customer("0949AQ").next_payment_date == next_due(None, None, yesterday)[0]
    assert desk.customer("77XY").next_payment_date == next_due(None, None, desk.today())[0]
    desk.check_books()


def test_what_came_is_dated_by_its_coming_and_what_followed_by_when_it_was_done(desk):
    begun = database_time(desk).replace(microsecond=0)  # the predecessor's columns hold whole seconds in MySQL
    came = begun - timedelta(hours=30)
    desk.pay("A1", "0949AQ", receive_time=came)
    desk.pay("A1", "0949AQ", "1", receive_time=came + timedelta(hours=1))
    assert desk.payment("A1").received_at == desk.one(user_transactions_in).received_at == came
    deliveries = [row.receive_time for row in desk.rows(payment_deliveries)]
    assert deliveries == [came, came + timedelta(hours=1)]
    first, *others = desk.rows(payment_debug_log)
    assert (first.category, first.created_at) == ("PAYMENT_RECEIVED", came)
    assert min(row.created_at for row in others) >= begun
    assert desk.one(ledger_transfers).create_time >= begun


@pytest.mark.parametrize(
    "stamp",
    [
        None,
        Timestamp(),
        Timestamp(seconds=1),
        Timestamp(seconds=-1),
        Timestamp(seconds=int(datetime(2019, 12, 31, tzinfo=UTC).timestamp())),
        Timestamp(seconds=int(datetime(2999, 1, 1, tzinfo=UTC).timestamp()), nanos=-1),
        Timestamp(seconds=2**62, nanos=2**31 - 1),
        Timestamp(seconds=-(2**63)),
    ],
    ids=str,
)
def test_a_time_that_cannot_be_is_taken_for_now(client, desk, stamp):
    begun = database_time(desk)
    assert client.outcome(serving.payment("A1", receive_time=stamp)) == ["customer_paid"]
    assert begun <= desk.one(payment_deliveries).receive_time <= database_time(desk)
    assert desk.customer("0949AQ").next_payment_date == next_due(None, None, desk.today())[0]


def test_a_time_is_taken_to_the_microsecond(client, desk):
    client.record(serving.payment("A1", receive_time=Timestamp(seconds=1_700_000_000, nanos=123_456_789)))
    assert desk.one(payment_deliveries).receive_time == datetime(2023, 11, 14, 22, 13, 20, 123456, UTC)
    assert desk.customer("0949AQ").next_payment_date.isoformat() == "2026-02-28"  # it was paid until 31 January
