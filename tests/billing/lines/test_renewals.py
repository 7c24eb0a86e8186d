"""Who has credit when the paid time is over is renewed from it, and not cut; whatever is paid, the books are right."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import orjson
import pytest
import sqlalchemy as sa
from billing.changes.rules import Author
from billing.ledger import service as ledger
from billing.lines import service, sweeping
from billing.lines.service import Whom
from billing.payees.rules import LineReason
from billing.reversals import service as reversals
from billing.schema import account_changes, ledger_transfers, line_policies, reminders, tasks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.billing.clock import moved_clock
from tests.billing.concurrency import at_once
from tests.billing.desk import CUSTOMER_PHONE
from tests.billing.lines.conftest import sweep
from tests.billing.model import month_later
from tests.billing.opening import open_desk

JANE, LINE = Whom(account="0949AQ"), (1, "0949AQ")
ASHA = Author("Asha", "as asked")
PACKAGE = 100_000


def decide(desk, **fields):
    rows = [{"noun": "isp", "noun_id": 1, "field": name, "value": value} for name, value in fields.items()]
    desk.execute(sa.insert(line_policies), rows)


def credit(desk):
    return service.get(desk.engine, JANE).credit_cents


def due(desk):
    return desk.customer("0949AQ").next_payment_date


def pass_due_date(desk, clock):
    """It is noon on the day after the due date."""
    clock.forward(days=(due(desk) - desk.today()).days + 1)


@pytest.fixture
def kept(managing, dispatcher):
    """0949AQ has paid for a month, is on, and has KES 2,500 of credit."""
    decide(managing, overpayments="credit", part_payments="credit")
    managing.pay("A1", "0949AQ", "3500")
    dispatcher.carry_out()
    return managing


def test_months_are_paid_from_credit_one_after_the_other_and_then_the_line_is_cut(kept, dispatcher, clock):
    day = due(kept).day
    for left in (150_000, 50_000):
        before = due(kept)
        pass_due_date(kept, clock)
        sweep(kept)
        sweep(kept)
        dispatcher.carry_out()
        assert (due(kept), credit(kept)) == (month_later(before, day), left)
        assert dispatcher.facts("customer_renewed")["credit"] == f"{left // 100:,}.00"
    assert kept.wallet(1) == 300_000
    assert dispatcher.held == {LINE: "on"}
    keys = [row.transfer_key for row in kept.rows(ledger_transfers, kind="renewal")]
    customer_id = kept.customer("0949AQ").id
    assert keys == [f"RENEWAL-{customer_id}.2", f"RENEWAL-{customer_id}.3"]
    changed = kept.rows(account_changes, field="next_payment_date", noun_id=customer_id, actor="sweep")
    assert [row.new_value for row in changed][-1] == str(due(kept))
    pass_due_date(kept, clock)
    sweep(kept)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "off"}
    assert dispatcher.facts("customer_switched_off")["amount"] == "500.00"
    told = [one for one in dispatcher.told()[CUSTOMER_PHONE] if one != "customer_connected"]
    assert told == ["customer_renewed", "customer_renewed", "customer_switched_off"]
    kept.check_books()


def test_who_is_renewed_at_midnight_is_told_in_the_morning(kept, dispatcher, clock):
    pass_due_date(kept, clock)
    clock.forward(hours=-12)
    sweep(kept)
    dispatcher.carry_out()
    assert credit(kept) == 150_000
    assert dispatcher.told()[CUSTOMER_PHONE] == ["customer_connected"]
    clock.forward(hours=7)
    dispatcher.carry_out()
    assert dispatcher.told()[CUSTOMER_PHONE] == ["customer_connected", "customer_renewed"]


def test_after_a_standstill_it_counts_from_the_due_date_and_from_today_if_that_month_is_over_too(kept, clock):
    before, day = due(kept), due(kept).day
    pass_due_date(kept, clock)
    clock.forward(days=5)
    sweep(kept)
    assert due(kept) == month_later(before, day)
    clock.forward(days=100)
    sweep(kept)
    assert due(kept) == month_later(kept.today(), kept.today().day)
    assert credit(kept) == 50_000


def test_who_was_cut_by_staff_is_renewed_when_the_line_is_restored_and_from_that_day_on(kept, dispatcher, clock):
    service.hold(kept.engine, kept.policy, JANE, LineReason.BY_STAFF, ASHA)
    clock.forward(days=50)
    sweep(kept)
    assert credit(kept) == 250_000
    restored = service.release(kept.engine, kept.policy, JANE, ASHA)
    assert restored.credit_cents == 150_000
    assert due(kept) == month_later(kept.today(), kept.today().day)
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}


def test_many_who_sweep_at_once_renew_once(kept, clock):
    pass_due_date(kept, clock)
    answers = at_once([lambda: sweep(kept)] * 6)
    assert not [one for one in answers if isinstance(one, Exception)]
    assert (credit(kept), kept.wallet(1)) == (150_000, 200_000)
    assert len(kept.rows(ledger_transfers, kind="renewal")) == 1
    kept.check_books()


def test_a_payment_that_is_taken_back_renews_nothing_with_its_own_credit(kept, dispatcher):
    notes = reversals.reverse(kept.engine, kept.policy, "A1", "Asha", "why").notes
    assert "KES 2,500.00 left the customer's credit, which is KES 0.00 now" in notes
    assert set(ledger.list_accounts(kept.engine).values()) == {0}
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "off"}


def test_what_was_renewed_with_money_that_is_taken_back_is_owed(kept, clock):
    pass_due_date(kept, clock)
    sweep(kept)
    notes = reversals.reverse(kept.engine, kept.policy, "A1", "Asha", "why").notes
    assert (credit(kept), kept.wallet(1)) == (-PACKAGE, PACKAGE)
    assert any("the customer owes it" in one for one in notes)
    assert any(one.startswith("the due date stays as it is") for one in notes)
    kept.check_books()


def test_where_somebody_else_is_in_charge_nothing_is_renewed_and_the_reminder_asks_for_all(kept, clock):
    kept.policy = replace(kept.policy, manages_lines=False)
    decide(kept, reminder_days="0,1")
    pass_due_date(kept, clock)
    sweep(kept)
    assert credit(kept) == 250_000
    (told,) = [orjson.loads(row.payload) for row in kept.rows(tasks, trans_id="")]
    assert (told["event"], told["facts"]["amount"]) == ("overdue", "1,000.00")


def test_nobody_is_reminded_whose_credit_pays_for_the_next_month(kept, clock):
    decide(kept, reminder_days="0,1")
    reminded = []
    for _ in range(3):
        clock.forward(days=(due(kept) - kept.today()).days)
        sweep(kept)
        reminded.append(sum(row.state == "open" and "reminder" in row.payload for row in kept.rows(tasks, trans_id="")))
        clock.forward(days=1)
        sweep(kept)
    assert reminded == [0, 0, 1]
    assert kept.rows(reminders)


def test_a_page_of_a_sweep_reads_credits_once(managing, monkeypatch):
    monkeypatch.setattr(sweeping, "BATCH", 20)
    yesterday = managing.today() - timedelta(days=1)
    managing.insert_customers(*({"account_name": f"C{n}", "next_payment_date": yesterday} for n in range(18)))
    said = []

    def hear(*heard):
        said.append(heard[2])

    sa.event.listen(managing.engine, "before_cursor_execute", hear)
    try:
        sweeping.sweep(managing.engine, managing.policy)
    finally:
        sa.event.remove(managing.engine, "before_cursor_execute", hear)
    assert sum("ledger_transfers" in one for one in said) == 1
    assert len([row for row in managing.rows(account_changes) if row.new_value == "off (unpaid)"]) >= 18


def test_a_customer_of_no_isp_is_cut(kept, dispatcher, clock):
    kept.set_customer("0949AQ", isp_id=None)
    pass_due_date(kept, clock)
    sweep(kept)
    dispatcher.carry_out()
    assert (credit(kept), dispatcher.held) == (250_000, {LINE: "off"})


# --- any payments, any decisions --------------------------------------------------------------------------------

PAYMENTS = st.sampled_from([30_000, 50_000, 99_999, 100_000, 170_000, 200_000, 340_000])
STEPS = st.lists(st.tuples(st.sampled_from(["pay", "pass"]), PAYMENTS, st.integers(1, 45)), min_size=3, max_size=15)
EXAMPLE = count()


class Books:
    """What must be, written from the rules: cents by account, and the due date."""

    def __init__(self, over, part, start):
        self.over, self.part = over, part
        self.due, self.day = start, start.day
        self.wallet = self.credit = self.months = 0

    def pay(self, cents, today):
        given, kept = 0, 0
        if cents < PACKAGE:
            if self.credit + cents >= PACKAGE:
                given, kept = 1, cents - PACKAGE
            elif self.part == "credit":
                kept = cents
        else:
            given = cents // PACKAGE if self.over == "months" else 1
            if self.over == "credit" or (self.over == "months" and self.part == "credit"):
                kept = cents - given * PACKAGE
        self.wallet += cents - kept
        self.credit += kept
        for _ in range(given):
            self._move(max(self.due, today))

    def sweep(self, today):
        if self.due < today and self.credit >= PACKAGE:
            self.wallet, self.credit = self.wallet + PACKAGE, self.credit - PACKAGE
            self._move(self.due if month_later(self.due, self.day) >= today else today)

    def _move(self, start):
        self.day = self.day if start == self.due else start.day
        self.due = month_later(start, self.day)
        self.months += 1


@pytest.mark.parametrize("database", ["sqlite", pytest.param("mysql", marks=pytest.mark.mysql)])
def test_whatever_is_paid_when_money_and_months_are_what_was_decided(request, database):
    desk = open_desk(request.getfixturevalue(f"{database}_engine"))
    desk.policy = replace(desk.policy, manages_lines=True)

    @settings(max_examples=25 if database == "sqlite" else 8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        over=st.sampled_from(["wallet", "months", "credit"]), part=st.sampled_from(["wallet", "credit"]), steps=STEPS
    )
    def run(over, part, steps):
        example, start = next(EXAMPLE), desk.today()
        account = f"C{example}"
        desk.insert_customer(account, next_payment_date=start, due_day=None, router_id=1, username=account)
        desk.execute(sa.delete(line_policies))
        decide(desk, overpayments=over, part_payments=part)
        books, wallet_before = Books(over, part, start), _of_ledger(desk, "wallet:1")
        name = f"credit:{desk.customer(account).id}"
        for number, (deed, cents, days) in enumerate(steps):
            if deed == "pay":
                desk.pay(f"E{example}N{number}", account, f"{cents // 100}.{cents % 100:02}")
                books.pay(cents, desk.today())
            else:
                clock.forward(days=days)
                sweep(desk)
                books.sweep(desk.today())
            there = (_of_ledger(desk, "wallet:1") - wallet_before, _of_ledger(desk, name), desk.customer(account))
            assert (there[0], there[1], there[2].next_payment_date) == (books.wallet, books.credit, books.due)
        if (over, part) in {("months", "credit"), ("credit", "credit")}:
            assert books.wallet == books.months * PACKAGE
        desk.set_customer(account, closed_at=clock.now)
        desk.check_books()

    with moved_clock(desk.engine) as clock:
        clock.now = clock.now.replace(hour=9, minute=0, second=0)
        run()


def _of_ledger(desk, name):
    return ledger.list_accounts(desk.engine, name)[name]
