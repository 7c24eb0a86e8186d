"""A payment's money went back to the payer: what it gave is taken back for good, and what cannot be is said."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from billing.changes.rules import Author, Noun
from billing.held import service as held
from billing.held import suggesting
from billing.ledger import service as ledger
from billing.payments.errors import PaymentAlreadyPlaced, PaymentNotFound, PaymentNotPlaced, ReversalDoesNotFit
from billing.payments.rules import Outcome
from billing.policies.service import Asked, change
from billing.reversals import service, unassigning
from billing.schema import isp_credits, ledger_transfers, paybill_payments, payment_debug_log
from billing.tasks.rules import AccessOutcome

from tests.billing.concurrency import at_once
from tests.billing.desk import CUSTOMER_PHONE, ISP_1
from tests.billing.opening import open_desk
from tests.billing.reversals.test_unassigning import holdings


def reverse(desk, trans_id="A1", notice=""):
    return service.reverse(desk.engine, desk.policy, trans_id, "Asha", "paid twice", notice)


def unassign(desk):
    unassigning.unassign(desk.engine, desk.policy, "A1", "Asha", "not theirs")


BEFORE = {
    "at once": lambda _: None,
    "taken back before": unassign,
    "placed anew": lambda desk: (unassign(desk), desk.assign("A1", "77XY")),
    "dismissed": lambda desk: (unassign(desk), held.dismiss(desk.engine, "A1", "Asha", "nobody's")),
}


PLACED = [("0949AQ", "1000"), ("0949AQ", "10"), ("ACC002", "7.50"), ("SMS001", "10.70")]


@pytest.mark.parametrize(
    ("reference", "amount", "how"), [*((*one, how) for one in PLACED for how in BEFORE), ("NOBODY", "5", "at once")]
)
def test_all_is_as_if_it_had_never_come(desk, reference, amount, how):
    desk.set_customer("0949AQ", next_payment_date=date(2099, 1, 31), due_day=None)
    before = holdings(desk)
    desk.pay("A1", reference, amount)
    BEFORE[how](desk)
    assert reverse(desk).receipt.outcome is Outcome.REVERSED
    assert holdings(desk) == before
    assert not any(ledger.list_accounts(desk.engine).values())
    desk.check_books()


@pytest.mark.parametrize(
    ("manages", "paid_for", "grace", "said"),
    [
        (False, False, 0, "a line that was switched on stays on: `rejesha access disable 1 0949AQ` switches it off"),
        (False, True, 0, ""),
        (True, False, 0, ""),
        (True, False, 3, "the line stays on in the grace: `rejesha line cut 0949AQ --reason WHY` switches it off"),
    ],
    ids=["nobody cuts it", "paid for before", "cut by itself", "in the grace"],
)
def test_what_is_to_be_done_about_the_line_is_said(sqlite_engine, manages, paid_for, grace, said):
    desk = open_desk(sqlite_engine)
    desk.policy = replace(desk.policy, manages_lines=manages)
    change(desk.engine, Asked(Noun.ISP, 1), {"grace_days": str(grace)}, (), Author("Asha"))
    desk.set_customer("0949AQ", next_payment_date=desk.today() + timedelta(days=5 if paid_for else -1))
    desk.pay("A1", "0949AQ")
    notes = reverse(desk).notes
    assert [note for note in notes if "line" in note] == ([said] if said else [])
    assert desk.customer("0949AQ").line_wanted == ("off" if manages and not grace else "on")


def test_it_is_final_and_may_be_repeated(desk, dispatcher):
    desk.pay("A1", "0949AQ")
    dispatcher.run()
    notes = reverse(desk).notes
    assert any("left the wallet, which holds KES 0.00 now" in note for note in notes)
    assert reverse(desk).notes == ()
    assert desk.pay("A1", "0949AQ").outcome is Outcome.REVERSED
    for attempt in (
        lambda: desk.assign("A1", "0949AQ"),
        lambda: held.dismiss(desk.engine, "A1", "Asha", "x"),
    ):
        with pytest.raises(PaymentAlreadyPlaced):
            attempt()
    with pytest.raises(PaymentNotPlaced):
        unassign(desk)
    assert not suggesting.suggest(desk.engine, ["A1"])["A1"]
    assert desk.retry("A1") == []
    dispatcher.run()
    told = dispatcher.told()
    assert told[CUSTOMER_PHONE] == ["customer_connected"]
    assert told[ISP_1] == told["admins"] == ["payment_notice", "system_error"]
    assert [row.kind for row in desk.rows(ledger_transfers)] == ["payment", "reversal"]
    (entry,) = desk.rows(payment_debug_log, category="PAYMENT_REVERSED")
    assert "Reversed by Asha: paid twice" in entry.message
    assert notes[0] in entry.details
    desk.check_books()


def test_what_is_spent_cannot_be_taken_back_and_is_said(desk):
    desk.pay("A1", "SMS001", "100.20")
    desk.execute(sa.update(isp_credits).values(sms_credits=50))
    notes = reverse(desk).notes
    assert any("200 sms credits were taken back; 150 of them are spent" in note for note in notes)
    assert desk.credits(1) == (-150, 0)
    desk.pay("A2", "ACC001", "10")
    unassigning.unassign(desk.engine, desk.policy, "A2", "Asha", "not theirs")
    desk.assign("A2", "ACC002")
    desk.execute(sa.text("UPDATE isp_wallet SET balance = 0 WHERE isp_id = 2"))
    assert any("which holds KES -10.00 now: the ISP owes that" in note for note in reverse(desk, "A2").notes)


def test_a_later_payment_s_date_stays_and_the_line_goes_on(desk):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "0949AQ")
    after = desk.customer("0949AQ").next_payment_date
    assert any("the due date stays as it is" in note for note in reverse(desk).notes)
    assert desk.customer("0949AQ").next_payment_date == after
    desk.check_books()


def test_nobody_is_reconnected_any_more_whose_paid_time_is_over(desk, dispatcher):
    desk.set_customer("0949AQ", next_payment_date=None)
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE] * 100
    desk.pay("A1", "0949AQ")
    dispatcher.carry_out()
    desk.set_customer("0949AQ", next_payment_date=desk.today() - timedelta(days=1))
    desk.pay("A2", "0949AQ")
    reverse(desk, "A2")
    assert not [row for row in desk.rows(paybill_payments) if row.outcome not in {"reversed", "customer_paid"}]
    assert "RECONNECTION_FAILED" in desk.timeline("A1")
    desk.make_due()
    assert not [task for task in desk.lease() if task.trans_id == "A1" and hasattr(task.work, "username")]


def test_a_notice_of_it_ends_with_it_if_it_is_about_that_money(desk):
    desk.pay("A1", "ACC001", "10")
    desk.pay("A2", "ACC001", "20")
    desk.pay("N1", "ACC001", "10", transaction_type="Pay Bill Reversal")
    desk.pay("N2", "ACC001", "10", transaction_type="Pay Bill Reversal")
    for trans_id, notice in (("A2", "N1"), ("A1", "A2"), ("N1", "N1")):
        with pytest.raises(ReversalDoesNotFit):
            reverse(desk, trans_id, notice)
    with pytest.raises(PaymentNotFound):
        reverse(desk, "A1", "N9")
    assert desk.wallet(1) == 3_000
    reverse(desk)
    assert reverse(desk, notice="N1").notes == ()
    assert reverse(desk, notice="N1").notes == ()
    assert desk.wallet(1) == 2_000
    outcomes = {row.TransID: row.outcome for row in desk.rows(paybill_payments)}
    assert outcomes == {"A1": "reversed", "A2": "service_payment", "N1": "reversed", "N2": "unmatched"}
    assert ledger.list_accounts(desk.engine)["held"] == 1_000
    desk.check_books()


def test_the_predecessor_s_payment_is_not_reversed(desk):
    desk.execute(sa.insert(paybill_payments).values(TransID="OLD1", TransAmount=100, BillRefNumber="0949AQ"))
    with pytest.raises(PaymentNotPlaced):
        reverse(desk, "OLD1")
    with pytest.raises(PaymentNotFound):
        reverse(desk, "OTHER1")


def test_ten_at_once_reverse_it_once(desk):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "0949AQ")
    answers = at_once([lambda: reverse(desk)] * 10)
    assert sum(bool(one.notes) for one in answers) == 1
    assert desk.wallet(1) == 100_000
    desk.check_books()
