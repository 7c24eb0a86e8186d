"""Messages to staff cost no more than so many an hour, whatever a stranger pays; a digest tells the rest."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from billing.notices import service as digests
from billing.quarantine import service as quarantine
from billing.quarantine.errors import QuarantineFull
from billing.quarantine.rules import NewCallback
from billing.schema import notice_tallies, payment_debug_log, tasks
from billing.schema import quarantine as quarantine_table
from servicekit.rpc.errors import RowLocked

from tests.billing import serving
from tests.billing.concurrency import at_once
from tests.billing.desk import ADMINS, CUSTOMER_PHONE, ISP_1, ISP_2, payment

LIMIT = 3
AN_HOUR = timedelta(hours=1)


def clock(hour: datetime) -> str:
    """What the clock shows in Nairobi."""
    return f"{(hour + timedelta(hours=3)):%H:%M}"


@pytest.fixture
def hours(monkeypatch) -> list[datetime]:
    """The hour that it is, to be changed; it is not over while a test runs."""
    hours = [datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + AN_HOUR]
    monkeypatch.setattr(digests, "hour_of", lambda _now: hours[-1])
    return hours


@pytest.fixture
def desk(desk, hours):
    desk.policy = replace(desk.policy, staff_messages_per_hour=LIMIT, receipts_per_hour=2, part_payments_per_hour=1)
    return desk


def pay_strangely(desk, prefix: str, count: int) -> None:
    """A shilling each for nobody."""
    desk.pay_batch(*(payment(f"{prefix}{number}", "HELLO", "1") for number in range(count)))


def test_a_stranger_s_shillings_cost_so_many_messages_and_then_one_digest(desk, dispatcher, hours):
    for number in range(5):
        pay_strangely(desk, f"A{number}X", 2)
        dispatcher.carry_out()
    assert dispatcher.told() == {"admins": ["unmatched_payment"] * LIMIT}
    dispatcher.run()
    assert dispatcher.told() == {"admins": ["unmatched_payment"] * LIMIT + ["unmatched_digest"]}
    facts = dispatcher.facts("unmatched_digest")
    assert facts == {"count": "7", "amount": "7.00", "since": clock(hours[0]), "until": clock(hours[0] + AN_HOUR)}
    left = {row.transaction_id for row in desk.rows(payment_debug_log, category="LEFT_TO_DIGEST")}
    singly = {message.facts["trans_id"] for message in dispatcher.inbox.values() if "trans_id" in message.facts}
    assert left | singly == {f"A{number}X{other}" for number in range(5) for other in range(2)}
    assert len(left) == 7
    desk.check_books()


def test_a_digest_is_told_at_the_end_of_its_hour_and_not_before(desk, dispatcher, hours):
    pay_strangely(desk, "A", 5)
    dispatcher.carry_out()
    (digest,) = desk.rows(tasks, state="open")
    assert digest.due_time == hours[0] + AN_HOUR


def test_the_next_hour_begins_anew_and_has_a_digest_of_its_own(desk, dispatcher, hours):
    for number in range(2):
        hours.append(hours[0] + number * AN_HOUR)
        pay_strangely(desk, f"A{number}X", 4 + number)
        dispatcher.carry_out()
    assert dispatcher.told()["admins"].count("unmatched_payment") == 2 * LIMIT
    dispatcher.run()
    told = [message.facts for message in dispatcher.inbox.values() if message.template == "unmatched_digest"]
    began = clock(hours[0]), clock(hours[0] + AN_HOUR)
    assert sorted((facts["count"], facts["since"]) for facts in told) == [("1", began[0])] * 2 + [("2", began[1])] * 2
    assert len(desk.rows(notice_tallies)) == 1


def test_it_holds_for_many_processes_together(desk, dispatcher):
    pay_strangely(desk, "A", 80)
    leases = at_once([lambda n=n: desk.lease(10, owner=f"dispatcher {n}") for n in range(8)])
    leased = [task for lease in leases for task in lease] + desk.lease(1000)
    assert len(leased) == LIMIT
    desk.pass_time(timedelta(minutes=1))  # those leases are over, and the same messages are handed out again
    dispatcher.run()
    assert dispatcher.told() == {"admins": ["unmatched_payment"] * LIMIT + ["unmatched_digest"]}
    assert dispatcher.facts("unmatched_digest")["count"] == str(80 - LIMIT)


def test_a_count_that_another_transaction_holds_holds_up_no_other_message(desk):
    pay_strangely(desk, "A", 1)
    desk.lease()
    pay_strangely(desk, "B", 1)
    desk.pay("C1", "ACC001")
    counted = sa.select(notice_tallies).where(notice_tallies.c.topic == "unmatched").with_for_update()
    if desk.engine.dialect.name != "sqlite":
        with desk.engine.begin() as other:
            other.execute(counted).all()
            assert [task.trans_id for task in desk.lease()] == ["C1"]
            assert desk.lease() == []
    assert "B0" in {task.trans_id for task in desk.lease()}
    assert desk.one(notice_tallies, topic="unmatched").sent == 2


def test_each_kind_and_each_isp_is_counted_apart(desk, dispatcher):
    pay_strangely(desk, "A", LIMIT)
    desk.pay_batch(*(payment(f"B{number}", "ACC001", "10") for number in range(5)), payment("C1", "ACC002", "20"))
    dispatcher.run()
    told = dispatcher.told()
    assert told["admins"].count("unmatched_payment") == LIMIT
    assert sorted(told[ISP_1]) == ["receipt_digest"] + ["service_payment"] * LIMIT
    assert told[ISP_2] == ["service_payment"]
    digests_told = {m.phone: m.facts for m in dispatcher.inbox.values() if m.template == "receipt_digest"}
    assert {phone: (facts["count"], facts["amount"]) for phone, facts in digests_told.items()} == {
        ISP_1: ("2", "20.00"),
        ADMINS[0]: ("3", "40.00"),  # of six the admins get three
        ADMINS[1]: ("3", "40.00"),
    }


def test_receipts_of_packages_have_a_limit_of_their_own_and_every_customer_is_told(desk, dispatcher):
    desk.pay_batch(*(payment(f"A{number}", "0949AQ") for number in range(6)))
    dispatcher.run()
    told = dispatcher.told()
    assert told.pop(CUSTOMER_PHONE) == ["customer_connected"] * 6
    assert told == dict.fromkeys((ISP_1, "admins"), ["payment_notice"] * 2 + ["receipt_digest"])


def test_shillings_for_somebody_else_s_account_do_not_flood_its_owner(desk, dispatcher):
    desk.pay_batch(*(payment(f"A{number}", "0949AQ", "1") for number in range(20)))
    desk.pay_batch(*(payment(f"B{number}", "0949AQ") for number in range(2)))
    dispatcher.run()
    assert sorted(dispatcher.told()[CUSTOMER_PHONE]) == [
        "customer_connected", "customer_connected", "customer_partial", "customer_partial_digest",
    ]  # fmt: skip
    assert dispatcher.facts("customer_partial_digest")["amount"] == "19.00"
    # Nor the ISP, and what it hears of whole packages is not the less for it.
    assert sorted(dispatcher.told()[ISP_1]) == ["payment_notice"] * (LIMIT + 2) + ["receipt_digest"]


def test_the_limits_are_settings(desk, serve, monkeypatch):
    limits = {"STAFF_MESSAGES": 1, "RECEIPTS": 2, "PART_PAYMENTS": 3}
    for name, limit in limits.items():
        monkeypatch.setenv(f"REJESHA_{name}_PER_HOUR", str(limit))
    client = serve(desk.engine)
    for reference, cents in (("HELLO", 100), ("ACC001", 100), ("0949AQ", 100), ("12BC", 150_050)):
        client.record(*(serving.payment(f"{reference}X{number}", reference, cents) for number in range(5)))
    sent = Counter(one.template for task in client.lease().tasks for one in task.messages.messages)
    assert (sent["unmatched_payment"], sent["customer_partial"]) == (2, 3)  # there are two admins
    assert (sent["service_payment"], sent["payment_notice"]) == (3, 3 * (1 + 2))  # one part payment, two packages


def test_without_a_limit_all_are_told_one_by_one(desk, dispatcher):
    desk.policy = replace(desk.policy, staff_messages_per_hour=0, receipts_per_hour=0, part_payments_per_hour=0)
    pay_strangely(desk, "A", 40)
    desk.pay_batch(*(payment(f"B{number}", "0949AQ", "1") for number in range(10)))
    dispatcher.run()
    assert sorted(dispatcher.told()["admins"]) == ["payment_notice"] * 10 + ["unmatched_payment"] * 40
    assert desk.rows(notice_tallies) == []


def test_a_message_that_notify_does_not_take_is_neither_counted_twice_nor_left_out_later(desk, dispatcher):
    dispatcher.notify_is_up = False
    pay_strangely(desk, "A", LIMIT)
    for _ in range(3):
        dispatcher.carry_out()
        desk.make_due()
    dispatcher.notify_is_up = True
    dispatcher.run()
    assert dispatcher.told() == {"admins": ["unmatched_payment"] * LIMIT}


# --- callbacks that cannot be read --------------------------------------------------------------------------------


def junk(count):
    return [NewCallback(uuid4().hex, b"%%%", "body: not JSON") for _ in range(count)]


def keep(desk, count: int = 1) -> None:
    quarantine.keep(desk.engine, desk.policy, junk(count))


def test_callbacks_that_cannot_be_read_are_told_soon_and_then_each_ten_minutes_at_most(desk, dispatcher):
    for _ in range(3):
        keep(desk)
    (digest,) = desk.rows(tasks)
    assert desk.next_due_in_of([digest]) <= digests.COLLECTED
    desk.pass_time(digests.COLLECTED)
    dispatcher.carry_out()
    assert dispatcher.told() == {"admins": ["unreadable_digest"]}
    assert dispatcher.facts("unreadable_digest")["count"] == "3"
    for _ in range(4):
        keep(desk, 2)
        dispatcher.carry_out()
    (digest,) = desk.rows(tasks, state="open")
    assert timedelta(minutes=9) < desk.next_due_in_of([digest]) <= digests.BETWEEN
    dispatcher.run()
    assert dispatcher.told() == {"admins": ["unreadable_digest"] * 2}
    assert dispatcher.facts("unreadable_digest")["count"] == "8"


def test_many_gateways_at_once_have_one_message_sent(desk, dispatcher):
    def keep_five():
        """Who has waited a second for the others is told so, and asks again."""
        while True:
            with suppress(RowLocked):
                return keep(desk, 5)

    assert at_once([keep_five] * 16) == [None] * 16
    dispatcher.run()
    assert dispatcher.told() == {"admins": ["unreadable_digest"]}
    assert dispatcher.facts("unreadable_digest")["count"] == "80"


def test_a_callback_and_the_word_of_it_are_kept_together_or_not_at_all(desk, monkeypatch):
    monkeypatch.setattr(quarantine, "MAX_OPEN", 2)
    keep(desk, 2)
    with pytest.raises(QuarantineFull):
        keep(desk)
    assert len(desk.rows(quarantine_table)) == desk.one(notice_tallies).held_back == 2
