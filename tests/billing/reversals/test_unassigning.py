"""A payment is taken back from where it did not belong: all is as before, its money is held, and it is placed anew."""

from datetime import date

import pytest
from billing.changes.rules import Author
from billing.held import suggesting
from billing.lines import service as lines
from billing.lines.service import Whom
from billing.payees.rules import LineReason
from billing.payments.errors import PaymentNotFound, PaymentNotPlaced
from billing.payments.rules import Outcome, UnmatchedReason
from billing.reversals import unassigning
from billing.schema import isp_credits, isp_wallet, ledger_transfers, pppoe_users

from tests.billing.concurrency import at_once
from tests.billing.desk import CUSTOMER_PHONE, ISP_1, ISP_2


def unassign(desk, trans_id="A1"):
    return unassigning.unassign(desk.engine, desk.policy, trans_id, "Asha", "it is the neighbour's")


def holdings(desk):
    """What a payment may change: wallets, credits, due dates and the days that they would have."""
    wallets = {row.isp_id: row.balance for row in desk.rows(isp_wallet) if row.balance}
    credits_ = {row.isp_id: (row.sms_credits, row.whatsapp_credits) for row in desk.rows(isp_credits)}
    dates = {row.id: (row.next_payment_date, row.due_day) for row in desk.rows(pppoe_users)}
    return wallets, {isp: held for isp, held in credits_.items() if any(held)}, dates


@pytest.mark.parametrize(
    ("reference", "amount"),
    [
        ("0949AQ", "1000"),
        ("0949AQ", "10"),
        ("ACC002", "7.50"),
        ("SMS001", "10.70"),
        ("WA002", "0.60"),
        ("77XY", "5000"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("how", ["paid there", "assigned there"])
def test_all_is_as_before_and_the_money_is_held(desk, reference, amount, how):
    desk.set_customer("0949AQ", next_payment_date=date(2099, 1, 31), due_day=None)
    desk.set_customer("77XY", next_payment_date=date(2099, 2, 28), due_day=31)
    before = holdings(desk)
    desk.pay("A1", reference if how == "paid there" else "NOBODY", amount)
    if how == "assigned there":
        desk.assign("A1", reference)
    assert holdings(desk) != before
    done = unassign(desk)
    assert holdings(desk) == before
    assert (done.receipt.outcome, done.receipt.reason) == (Outcome.UNMATCHED, UnmatchedReason.UNASSIGNED)
    assert done.notes
    desk.check_books()


def test_it_may_be_repeated_and_placed_anew_and_everyone_hears_of_it_again(desk, dispatcher):
    desk.pay("A1", "0949AQ")
    dispatcher.run()
    unassign(desk)
    assert unassign(desk).notes == ()
    desk.assign("A1", "77XY")
    dispatcher.run()
    assert (desk.wallet(1), desk.wallet(2)) == (0, 100_000)
    unassign(desk)
    desk.assign("A1", "0949AQ")
    dispatcher.run()
    told = dispatcher.told()
    assert told[CUSTOMER_PHONE] == ["customer_connected", "customer_connected"]
    assert told[ISP_1] == ["payment_notice", "system_error", "payment_notice"]
    assert told[ISP_2] == ["payment_notice", "system_error"]
    assert told["admins"] == ["payment_notice", "system_error", "payment_notice", "system_error", "payment_notice"]
    kinds = [row.kind for row in desk.rows(ledger_transfers)]
    assert kinds == ["payment", "unassignment", "assignment", "unassignment", "assignment"]
    desk.check_books()


def test_what_was_still_to_be_done_for_it_is_not_done(desk, dispatcher):
    desk.pay("A1", "0949AQ")
    unassign(desk)
    dispatcher.run()
    assert dispatcher.switched == []
    assert dispatcher.told() == {ISP_1: ["system_error"], "admins": ["system_error"]}


def test_a_date_that_moved_since_stays_and_that_is_said(desk):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "0949AQ")
    after = desk.customer("0949AQ").next_payment_date
    done = unassign(desk)
    assert desk.customer("0949AQ").next_payment_date == after
    assert any("the due date stays as it is" in note for note in done.notes)
    desk.check_books()


def test_a_pause_that_it_ended_goes_on(desk):
    lines.hold(desk.engine, desk.policy, Whom(account="0949AQ"), LineReason.PAUSED, Author("Asha", "away"))
    before = desk.customer("0949AQ")
    desk.pay("A1", "0949AQ")
    assert desk.customer("0949AQ").line_hold is None
    notes = unassigning.unassign(desk.engine, desk.policy, "A1", "Asha", "his neighbour's").notes
    after = desk.customer("0949AQ")
    assert f"the pause since {before.line_hold_since} goes on" in notes
    assert (after.line_hold, after.line_hold_since) == ("paused", before.line_hold_since)
    assert (after.next_payment_date, after.line_wanted) == (before.next_payment_date, "off")


def test_it_is_not_suggested_where_it_was_taken_back_from(desk):
    desk.pay("A1", "0949AQ")
    unassign(desk)
    assert suggesting.suggest(desk.engine, ["A1"]) == {"A1": []}


def test_nothing_is_taken_back_of_what_was_not_placed(desk):
    desk.pay("A1", "NOBODY")
    with pytest.raises(PaymentNotPlaced):
        unassign(desk)
    with pytest.raises(PaymentNotFound):
        unassign(desk, "OTHER1")


def test_ten_at_once_take_it_back_once(desk):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "0949AQ")
    answers = at_once([lambda: unassign(desk)] * 10)
    assert sum(bool(one.notes) for one in answers) == 1
    assert desk.wallet(1) == 100_000
    desk.check_books()
