"""Every shilling moves by a transfer, once; the accounts sum to nothing; and what is wrong is found."""

from datetime import timedelta
from threading import Thread

import pytest
import sqlalchemy as sa
from billing.adoption import transfers as earlier
from billing.held import service as held
from billing.ledger import service
from billing.ledger.rules import Transfer, TransferKind
from billing.ledger.store import posting
from billing.ledger.store.reading import TransferFilter
from billing.reversals import service as reversals
from billing.schema import isp_wallet, ledger_transfers, paybill_payments
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.writes import together
from sqlalchemy.exc import IntegrityError

from servicekit import database, moments
from tests.billing.desk import SHORTCODE, Desk, payment
from tests.billing.opening import open_desk

PAYBILL = f"paybill:{SHORTCODE}"


def moved(desk):
    return [(row.transfer_key, row.from_account, row.to_account, row.amount) for row in desk.rows(ledger_transfers)]


@pytest.mark.parametrize(
    ("reference", "amount", "shares"),
    [
        ("0949AQ", "1000", [("wallet:1", 100_000)]),
        ("0949AQ", "10", [("wallet:1", 1_000)]),
        ("ACC002", "7.50", [("wallet:2", 750)]),
        ("SMS001", "10.70", [("revenue:sms", 1_050), ("wallet:1", 20)]),
        ("WA002", "0.60", [("revenue:whatsapp", 60)]),
        ("SMS001", "0.30", [("wallet:1", 30)]),
        ("NOBODY", "5", [("held", 500)]),
    ],
)
def test_a_payment_s_money_moves_from_the_paybill_to_whom_it_belongs(desk, reference, amount, shares):
    desk.pay("A1", reference, amount)
    assert moved(desk) == [(f"A1.{n}", PAYBILL, account, cents) for n, (account, cents) in enumerate(shares, 1)]
    desk.check_books()


def test_an_assignment_moves_what_was_held_and_says_who_did_it(desk):
    desk.pay("A1", "NOBODY", "10.70")
    desk.assign("A1", "SMS001")
    assert moved(desk)[1:] == [("A1.2", "held", "revenue:sms", 1_050), ("A1.3", "held", "wallet:1", 20)]
    assert [row.actor for row in desk.rows(ledger_transfers)] == ["", "Asha", "Asha"]
    desk.check_books()


def test_what_is_dismissed_leaves_what_is_held_and_may_be_assigned_after_all(desk):
    desk.pay("A1", "NOBODY", "10.70")
    held.dismiss(desk.engine, "A1", "Asha", "sent back")
    desk.check_books()
    desk.assign("A1", "ACC002")
    assert moved(desk)[1:] == [("A1.2", "held", "dismissed", 1_070), ("A1.3", "dismissed", "wallet:2", 1_070)]
    desk.check_books()


def test_a_wallet_that_is_missing_is_made_and_one_without_a_balance_holds_nothing(desk):
    desk.execute(sa.delete(isp_wallet).where(isp_wallet.c.isp_id == 1))
    desk.execute(sa.update(isp_wallet).where(isp_wallet.c.isp_id == 2).values(balance=None))
    desk.pay_batch(payment("A1", "ACC001", "1"), payment("B1", "ACC002", "2"), payment("A2", "ACC001", "3"))
    assert (desk.wallet(1), desk.wallet(2)) == (400, 200)
    desk.check_books()


def test_no_transfer_is_made_twice(desk):
    desk.pay("A1", "ACC001", "1")
    again = Transfer("A1", 1, TransferKind.PAYMENT, PAYBILL, "wallet:1", 100)

    def work(connection):
        now = moments.current_time(connection)
        with together(connection) as writes:
            posting.post(writes, [again], {1: 200}, now)

    with pytest.raises(IntegrityError):
        database.transact(desk.engine, work)
    assert desk.wallet(1) == 100


class RUNS:
    """Examples so far: each has TransIDs of its own."""

    count = 0


PAYMENTS = st.lists(
    st.tuples(st.sampled_from(["0949AQ", "ACC002", "SMS001", "WA001", "NOBODY"]), st.integers(1, 100_000)), max_size=6
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paid=PAYMENTS, assigned=st.sampled_from(["12BC", "WA002", ""]))
def test_payments_from_before_the_ledger_get_the_transfers_that_they_would_have_had(sqlite_engine, paid, assigned):
    """And only those that have none: payments of an earlier release may come while the services are replaced."""
    desk = open_desk(sqlite_engine) if RUNS.count == 0 else Desk(sqlite_engine)
    RUNS.count += 1
    for n, (reference, cents) in enumerate(paid):
        trans_id = f"R{RUNS.count}N{n}"
        desk.pay(trans_id, reference, f"{cents // 100}.{cents % 100:02}")
        if reference == "NOBODY" and assigned:
            desk.assign(trans_id, assigned)
    before = moved(desk)
    desk.execute(sa.delete(ledger_transfers).where(ledger_transfers.c.trans_id != f"R{RUNS.count}N1"))
    for _ in range(2):
        with desk.engine.begin() as connection:
            earlier.of_payments(connection)
        assert sorted(moved(desk)) == sorted(before)
    desk.check_books()


def test_a_ledger_begins_with_what_wallets_hold_beyond_their_payments(desk):
    desk.pay("A1", "ACC001", "1")
    desk.execute(sa.delete(ledger_transfers))
    desk.execute(sa.update(isp_wallet).where(isp_wallet.c.isp_id == 1).values(balance=900))
    desk.execute(sa.update(isp_wallet).where(isp_wallet.c.isp_id == 2).values(balance=-50))
    with desk.engine.begin() as connection:
        earlier.open_wallets(connection)
    assert sorted(moved(desk)) == [
        ("A1.1", PAYBILL, "wallet:1", 100),
        ("opening.1", "opening", "wallet:1", 800),
        ("opening.2", "wallet:2", "opening", 50),
    ]
    desk.check_books()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (sa.update(isp_wallet).where(isp_wallet.c.isp_id == 1).values(balance=7), "the wallet of ISP 1 holds KES 0.07"),
        (
            sa.delete(ledger_transfers).where(ledger_transfers.c.transfer_key == "A2.1"),
            "unmatched payments are KES 3.00",
        ),
        (
            sa.delete(ledger_transfers).where(ledger_transfers.c.transfer_key == "A1.1"),
            "or have another amount: A1",
        ),
        (
            sa.update(paybill_payments).where(paybill_payments.c.TransID == "A3").values(outcome="service_payment"),
            "reversed payments are KES 0.00, and KES 5.00 went back",
        ),
        (
            sa.update(paybill_payments).where(paybill_payments.c.TransID == "A2").values(TransAmount=400),
            "or have another amount: A2",
        ),
    ],
)
def test_a_check_finds_what_does_not_agree(desk, damage, found):
    desk.pay("A1", "ACC001", "1")
    desk.pay("A2", "NOBODY", "3")
    desk.pay("A3", "ACC001", "5")
    reversals.reverse(desk.engine, desk.policy, "A3", "Asha", "paid twice")
    assert service.check(desk.engine) == []
    desk.execute(damage)
    assert found in " ".join(service.check(desk.engine))


@pytest.mark.mysql
def test_a_check_beside_payments_finds_nothing_wrong(mysql_engine):
    desk = open_desk(mysql_engine)
    paying = Thread(target=lambda: [desk.pay(f"A{n}", "ACC001" if n % 2 else "NOBODY", "1") for n in range(60)])
    paying.start()
    checks = [service.check(desk.engine)]
    while paying.is_alive():
        checks.append(service.check(desk.engine))
    assert len(checks) > 2
    assert not any(checks)


def test_transfers_are_found_by_account_payment_and_time_page_by_page(desk):
    for n in range(5):
        desk.pay(f"A{n}", "ACC001" if n % 2 else "NOBODY", "1")
    third = desk.one(ledger_transfers, transfer_key="A2.1").create_time

    def keys(after=0, limit=50, **asked):
        page = service.list_transfers(desk.engine, TransferFilter(**asked), after, limit)
        return [one.transfer.key for one in page.transfers], page.opening_cents

    assert keys(account="held") == (["A0.1", "A2.1", "A4.1"], 0)
    assert keys(trans_id="A1") == (["A1.1"], 0)
    assert keys(account="held", start=third) == (["A2.1", "A4.1"], 100)
    assert keys(account=PAYBILL, start=third, end=third + timedelta(microseconds=1))[1] == -200
    assert keys(end=third) == (["A0.1", "A1.1"], 0)
    first = service.list_transfers(desk.engine, TransferFilter(), 0, 2).transfers
    assert keys(after=first[-1].transfer_id, limit=2) == (["A2.1", "A3.1"], 0)
