"""Money that M-Pesa's balances tell of and no callback did is found; what was taken out is told as that."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import sqlalchemy as sa
from billing.calendar import NAIROBI
from billing.gaps import rules, service, store
from billing.gaps.rules import Point
from billing.schema import paybill_payments
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.billing.desk import SHORTCODE

DAY = datetime(2026, 3, 4, 9, 0, tzinfo=NAIROBI)


def written(seconds):
    return f"{DAY + timedelta(seconds=seconds):%Y%m%d%H%M%S}"


def come(desk, trans_id, seconds, cents, balance, **fields):
    """A callback, when M-Pesa made the payment."""
    moment = DAY + timedelta(seconds=seconds)
    given_ = {"trans_time": written(seconds), "receive_time": moment.astimezone(UTC)} | fields
    desk.pay(trans_id, "ACC001", f"{cents // 100}.{cents % 100:02}", org_account_balance_cents=balance, **given_)


def found(desk, *, since=DAY, shortcode="", missing_only=False, skipped=0, limit=50):
    some = service.list_gaps(desk.engine, since, shortcode, skipped, limit, missing_only=missing_only)
    return [(one.after.trans_id, one.before.trans_id, one.cents) for one in some]


def test_what_did_not_come_is_told_and_what_was_taken_out_is_not_taken_for_it(desk):
    come(desk, "A1", 0, 1_000, 51_000)
    come(desk, "A2", 10, 500, 51_500)
    come(desk, "A3", 20, 500, 54_000)  # KES 20.00 before it never came
    come(desk, "A4", 30, 100, 14_100)  # KES 400.00 were taken out
    assert found(desk) == [("A2", "A3", 2_000), ("A3", "A4", -40_000)]
    assert found(desk, missing_only=True) == [("A2", "A3", 2_000)]
    assert found(desk, skipped=1, limit=1) == [("A3", "A4", -40_000)]
    assert found(desk, since=DAY + timedelta(seconds=15)) == [("A3", "A4", -40_000)]
    come(desk, "LATE", 15, 2_000, None)  # as it is entered by hand
    assert found(desk, missing_only=True) == []


def test_the_order_in_which_they_came_does_not_matter_nor_that_of_one_second(desk):
    come(desk, "A3", 2, 300, 1_600, receive_time=DAY + timedelta(hours=9))
    come(desk, "A1", 0, 100, 1_100)
    come(desk, "B2", 1, 100, 1_300)
    come(desk, "B1", 1, 100, 1_200)
    assert found(desk) == []


def test_each_shortcode_has_a_balance_of_its_own(desk):
    desk.policy = desk.policy.__class__(desk.policy.admin_phones, frozenset())
    for number, code in enumerate(("600100", "600200", "600100", "600200")):
        come(desk, f"A{number}", number, 100, 1_000 + 100 * (number // 2), business_short_code=code)
    assert found(desk) == []
    come(desk, "A9", 9, 100, 1_500, business_short_code="600200")
    assert found(desk) == [("A3", "A9", 300)]
    assert found(desk, shortcode="600100") == []


def test_what_is_no_payment_or_too_young_is_left_out(desk):
    come(desk, "A1", 0, 100, 1_000)
    come(desk, "R1", 5, 100, 900, transaction_type="Pay Bill Reversal")
    come(desk, "A2", 6, 100, 1_000)
    come(desk, "BAD1", 7, 100, 9_000, trans_time="yesterday 3:00")
    assert found(desk) == [("A1", "A2", -100)]
    now = datetime.now(NAIROBI)
    for number in (1, 2):
        come(desk, f"N{number}", 0, 100, 7_000 * number, trans_time=f"{now:%Y%m%d%H%M%S}", receive_time=now)
    assert found(desk, since=None) == []


class Paybill:
    """What happens at M-Pesa: withdrawals, and payments, of which some never come here, or come without a balance."""

    def __init__(self, deeds, *, withdrawals):
        self.balance, self.lost, self.points = 100_000, 0, []
        self.points.append(Point(SHORTCODE, "0", "FIRST", 1, self.balance))
        second = 1
        for deed, cents, step in deeds:
            second += step
            if deed == "withdraw":
                self.balance -= min(cents, self.balance) if withdrawals else 0
                continue
            self.balance += cents
            if deed == "lost":
                self.lost += cents
            else:
                told = None if deed == "silent" else self.balance
                self.points.append(Point(SHORTCODE, f"{second:09}", f"T{len(self.points)}", cents, told))
        self.points.append(Point(SHORTCODE, "9" * 9, "LAST", 1, self.balance + 1))


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["pay", "pay", "pay", "silent", "lost", "withdraw"]), st.integers(1, 900), st.integers(0, 1)
    ),
    max_size=14,
)


def gaps_of(paybill, seed):
    """Whatever the order within a second."""
    shuffled = sorted(paybill.points, key=lambda one: (one.time, Random(f"{seed}{one.trans_id}").random()))
    return [one.cents for one in rules.find(shuffled)]


@settings(max_examples=400, deadline=None)
@given(deeds=DEEDS, seed=st.integers(0, 9))
def test_without_withdrawals_all_that_is_lost_is_found_and_nothing_else(deeds, seed):
    paybill = Paybill(deeds, withdrawals=False)
    cents = gaps_of(paybill, seed)
    if "silent" not in {deed for deed, _, _ in deeds}:
        assert all(one > 0 for one in cents)
    assert sum(cents) == paybill.lost


@settings(max_examples=400, deadline=None)
@given(deeds=DEEDS.map(lambda deeds: [one for one in deeds if one[0] != "lost"]), seed=st.integers(0, 9))
def test_where_nothing_is_lost_nothing_is_told_to_be(deeds, seed):
    assert not [one for one in gaps_of(Paybill(deeds, withdrawals=True), seed) if one > 0]


@pytest.mark.mysql
def test_older_payments_are_not_read(mysql_engine):
    rows = [
        {
            "TransID": f"T{number}",
            "TransactionType": "Pay Bill",
            "TransTime": written(number * 10),
            "TransAmount": 100,
            "BusinessShortCode": SHORTCODE,
            "OrgAccountBalance": 100 * number,
            "outcome": "customer_paid",
            "received_at": (DAY + timedelta(seconds=number * 10)).astimezone(UTC),
        }
        for number in range(5_000)
    ]
    with mysql_engine.begin() as connection:
        connection.execute(sa.insert(paybill_payments), rows)
    start = DAY + timedelta(seconds=47_500)
    with mysql_engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE TABLE paybill_payments").all()
        query = store.query(start.astimezone(UTC), f"{start:%Y%m%d%H%M%S}", "9", "")
        text = str(query.compile(mysql_engine, compile_kwargs={"literal_binds": True}))
        (plan,) = connection.exec_driver_sql(f"EXPLAIN FORMAT=TRADITIONAL {text}".replace("%", "%%")).mappings()
        assert plan["key"] == "ix_paybill_payments_received_at", plan
        assert plan["rows"] <= 300, plan
        assert sum(1 for _ in store.read(connection, start.astimezone(UTC), written(0), "9", "")) == 250
