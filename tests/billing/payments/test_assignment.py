"""A held payment is placed afterwards: once, and with all that a direct payment does."""

import pytest
import sqlalchemy as sa
from billing.held.service import dismiss
from billing.payees.rules import Line
from billing.payments.rules import Outcome
from billing.schema import (
    credit_transactions,
    isps,
    ledger_transfers,
    paybill_payments,
    payment_debug_log,
    pppoe_users,
    tasks,
)
from billing.tasks.rules import AccessOutcome, Report
from servicekit.rpc.errors import ServiceError

from tests.billing.concurrency import at_once
from tests.billing.desk import CONNECTED, CREDITS, CUSTOMER_PHONE, PARTIAL, SERVICE

# reference -> the outcome, who is told, ISP 1's wallet, its SMS and WhatsApp credits
ASSIGNMENTS = {
    "0949aq": (Outcome.CUSTOMER_PAID, CONNECTED, 100_000, (0, 0)),
    "12BC": (
        Outcome.CUSTOMER_PARTIAL,
        PARTIAL | {CUSTOMER_PHONE: [], "0712000002": ["customer_partial"]},
        100_000,
        (0, 0),
    ),
    " sms 001": (Outcome.SMS_CREDITS, CREDITS, 0, (2000, 0)),
    "wa001": (Outcome.WHATSAPP_CREDITS, CREDITS, 0, (0, 5000)),
    "Acc001": (Outcome.SERVICE_PAYMENT, SERVICE, 100_000, (0, 0)),
}


@pytest.mark.parametrize("reference", ASSIGNMENTS)
@pytest.mark.parametrize("fields", [{"reference": "HELLO"}, {"reference": "0949AQ", "business_short_code": "1"}])
def test_an_assigned_payment_does_all_that_a_direct_one_does(desk, dispatcher, reference, fields):
    outcome, told, wallet, bought = ASSIGNMENTS[reference]
    assert desk.pay("A1", **fields).outcome is Outcome.UNMATCHED
    dispatcher.run()
    dispatcher.inbox.clear()
    receipt = desk.assign("A1", reference)
    assert (receipt.outcome, receipt.isp_id, receipt.repeated) == (outcome, 1, False)
    assert (desk.wallet(1), desk.credits(1)) == (wallet, bought)
    dispatcher.run()
    assert dispatcher.told() == {phone: templates for phone, templates in told.items() if templates}
    stored = desk.payment("A1")
    assert (stored.outcome, stored.unmatched_reason, stored.BillRefNumber) == (outcome, None, fields["reference"])
    assert desk.assign("A1", reference.upper()).repeated  # again: the first receipt, nothing else
    assert desk.pay("A1", **fields).outcome is outcome  # M-Pesa again: as it stands now
    assert (desk.wallet(1), desk.credits(1)) == (wallet, bought)
    desk.check_books()


def test_an_assigned_customer_is_switched_and_the_log_says_who_did_it(desk, dispatcher):
    desk.pay("A1", "O949AQ")
    desk.assign("A1", "0949AQ")
    dispatcher.run()
    assert dispatcher.switched == [(1, "0949AQ")]
    details = [row.details for row in desk.rows(payment_debug_log, category="CUSTOMER_PAYMENT_START")]
    assert "Asha" in details[0]


@pytest.mark.parametrize(
    ("placed", "elsewhere", "reason"),
    [
        ("0949AQ", "77XY", "PAYMENT_ALREADY_PLACED"),
        ("0949AQ", "0949AQ", "PAYMENT_ALREADY_PLACED"),
        ("HELLO", "NOBODY", "ACCOUNT_NOT_FOUND"),
        ("HELLO", "", "ACCOUNT_NOT_FOUND"),
        ("HELLO", "SMS999", "ACCOUNT_NOT_FOUND"),
    ],
)
def test_an_assignment_that_cannot_be_changes_nothing(desk, placed, elsewhere, reason):
    desk.pay("A1", placed)
    before = (
        desk.wallet(1),
        desk.wallet(2),
        desk.rows(paybill_payments),
        desk.rows(tasks),
        desk.rows(payment_debug_log),
    )
    with pytest.raises(ServiceError) as refused:
        desk.assign("A1", elsewhere)
    assert refused.value.reason == reason
    assert before == (
        desk.wallet(1), desk.wallet(2), desk.rows(paybill_payments), desk.rows(tasks), desk.rows(payment_debug_log)
    )  # fmt: skip
    desk.check_books()


def test_an_assigned_payment_cannot_go_to_another_account(desk):
    desk.pay("A1", "HELLO")
    desk.assign("A1", "0949AQ")
    with pytest.raises(ServiceError) as refused:
        desk.assign("A1", "ACC002")
    assert refused.value.reason == "PAYMENT_ALREADY_PLACED"
    assert (desk.wallet(1), desk.wallet(2)) == (100_000, 0)


def test_an_unknown_payment_cannot_be_assigned(desk):
    with pytest.raises(ServiceError) as refused:
        desk.assign("A1", "0949AQ")
    assert refused.value.reason == "PAYMENT_NOT_FOUND"


@pytest.mark.parametrize("references", [["0949AQ"], ["0949AQ", "ACC002"]], ids=["to one account", "to two accounts"])
def test_ten_assignments_at_once_place_a_payment_once(desk, references):
    desk.pay("A1", "HELLO")
    answers = at_once([lambda n=n: desk.assign("A1", references[n % len(references)]) for n in range(10)])
    receipts = [answer for answer in answers if not isinstance(answer, Exception)]
    assert sum(not receipt.repeated for receipt in receipts) == 1
    assert len(receipts) == 10 // len(references)
    assert desk.wallet(1) + desk.wallet(2) == 100_000
    desk.check_books()


def test_an_assignment_and_a_second_delivery_at_once_end_in_one_placement(desk):
    desk.pay("A1", "HELLO")
    at_once([lambda: desk.assign("A1", "ACC001"), *[lambda: desk.pay("A1", "HELLO")] * 5])
    assert desk.wallet(1) == 100_000
    assert [row.kind for row in desk.rows(ledger_transfers)] == ["payment", "assignment"]
    desk.check_books()


def test_a_payment_of_a_later_record_finds_the_customer_s_line_as_it_is_then(desk):
    desk.set_customer("0949AQ", router_id=2, username="moved")
    desk.pay("A1", "0949AQ")
    (line,) = desk.lease()
    assert line.work == Line(2, "moved")
    assert desk.report(Report(line.task_id, line.fencing_token, access=AccessOutcome.CHANGED)) == []


def test_credits_keep_the_predecessor_s_record_of_the_purchase(desk):
    desk.pay("A1", "SMS001", "10.70")
    row = desk.one(credit_transactions)
    assert (row.transaction_type, row.credit_type, row.amount) == ("purchase", "sms", 21)
    assert (row.unit_price, row.total_amount, row.reference, row.isp_id) == (50, 1050, "A1", 1)
    assert [(row.to_account, row.amount) for row in desk.rows(ledger_transfers)] == [
        ("revenue:sms", 1050), ("wallet:1", 20)
    ]  # fmt: skip


def held(desk, reference, **fields):
    assert desk.pay("A1", reference, **fields).outcome is Outcome.UNMATCHED
    return desk.payment("A1").unmatched_reason


def refusal(desk, reference="", **target):
    with pytest.raises(ServiceError) as refused:
        desk.assign("A1", reference, **target)
    desk.check_books()
    return refused.value.reason, str(refused.value)


def test_one_of_two_customers_with_the_same_account_is_named_by_id(desk, dispatcher):
    first = desk.customer("0949AQ").id
    desk.insert_customer("0949 aq", isp_id=2, full_name="The Twin", router_id=2, username="twin")
    twin = desk.customer("0949 aq").id
    assert held(desk, "0949AQ") == "ambiguous_reference"
    reason, sentence = refusal(desk, "0949AQ")
    assert reason == "ACCOUNT_AMBIGUOUS"
    assert f"{first} (" in sentence
    assert f"{twin} (The Twin, ISP 2)" in sentence
    receipt = desk.assign("A1", customer_id=twin)
    assert (receipt.outcome, receipt.customer_id, receipt.isp_id) == (Outcome.CUSTOMER_PAID, twin, 2)
    assert desk.assign("A1", customer_id=twin).repeated
    with pytest.raises(ServiceError) as other:
        desk.assign("A1", customer_id=first)
    assert other.value.reason == "PAYMENT_ALREADY_PLACED"
    assert desk.payment("A1").assigned_reference == "0949 aq"
    dispatcher.run()
    assert dispatcher.switched == [(2, "twin")]
    assert (desk.wallet(1), desk.wallet(2)) == (0, 100_000)
    desk.check_books()


def test_of_two_isps_with_the_same_account_one_is_named(desk):
    desk.execute(sa.update(isps).where(isps.c.id == 2).values(smsaccount="sms 001"))
    assert held(desk, "SMS001") == "ambiguous_reference"
    reason, sentence = refusal(desk, "SMS001")
    assert reason == "ACCOUNT_AMBIGUOUS"
    assert "1 (Demo Networks), 2 (Pwani Fibre)" in sentence
    assert refusal(desk, "SMS001", isp_id=3)[0] == "ACCOUNT_NOT_FOUND"
    assert desk.assign("A1", "SMS001", isp_id=2).outcome is Outcome.SMS_CREDITS
    assert desk.assign("A1", "SMS001", isp_id=2).repeated
    assert (desk.credits(1), desk.credits(2)) == ((0, 0), (2000, 0))
    desk.check_books()


@pytest.mark.parametrize("on_record", [None, 77], ids=["none", "one that is not on record"])
@pytest.mark.parametrize("by_id", [True, False], ids=["by id", "by account"])
def test_a_customer_without_isp_pays_into_the_wallet_of_the_isp_that_is_named(desk, dispatcher, on_record, by_id):
    desk.insert_customer("5555ZZ", isp_id=on_record, router_id=1, username="u5")
    customer_id = desk.customer("5555ZZ").id
    assert held(desk, "5555ZZ") == "isp_not_found"
    target = {"customer_id": customer_id} if by_id else {"reference": "5555zz"}
    assert refusal(desk, **target)[0] == "CUSTOMER_WITHOUT_ISP"
    receipt = desk.assign("A1", **target, isp_id=2)
    assert (receipt.outcome, receipt.customer_id, receipt.isp_id) == (Outcome.CUSTOMER_PAID, customer_id, 2)
    assert desk.wallet(2) == 100_000
    dispatcher.run()
    assert dispatcher.switched == [(1, "u5")]
    desk.check_books()


def test_a_customer_s_money_does_not_go_to_another_isp(desk):
    assert held(desk, "HELLO") == "unknown_reference"
    assert refusal(desk, customer_id=desk.customer("77XY").id, isp_id=1)[0] == "ACCOUNT_NOT_FOUND"
    assert refusal(desk, "77XY", isp_id=1)[0] == "ACCOUNT_NOT_FOUND"
    assert refusal(desk, customer_id=4711)[0] == "ACCOUNT_NOT_FOUND"


def test_a_customer_without_account_is_paid_by_id(desk):
    desk.insert_customer(None, full_name="Nameless")
    customer_id = desk.one(pppoe_users, full_name="Nameless").id
    assert held(desk, "HELLO")
    assert desk.assign("A1", customer_id=customer_id).outcome is Outcome.CUSTOMER_PAID
    assert desk.assign("A1", customer_id=customer_id).repeated
    assert desk.payment("A1").assigned_reference == f"customer {customer_id}"


def test_a_package_that_is_not_set_is_named_until_it_is(desk):
    desk.insert_customer("5555ZZ", amount=None)
    assert held(desk, "5555ZZ") == "package_not_set"
    for target in ({"reference": "5555ZZ"}, {"customer_id": desk.customer("5555ZZ").id}):
        assert refusal(desk, **target)[0] == "PACKAGE_NOT_SET"
    desk.set_customer("5555ZZ", amount=100_000)
    assert desk.assign("A1", "5555ZZ").outcome is Outcome.CUSTOMER_PAID


def test_a_dismissed_payment_credits_nobody_until_it_is_placed_after_all(desk, dispatcher):
    assert held(desk, "HELLO")
    receipt = dismiss(desk.engine, "A1", "Asha", "sent back")
    assert (receipt.outcome, receipt.reason, receipt.repeated) == (Outcome.DISMISSED, None, False)
    assert dismiss(desk.engine, "A1", "Asha", "again").repeated
    assert desk.timeline("A1").count("PAYMENT_DISMISSED") == 1
    assert desk.pay("A1", "HELLO").outcome is Outcome.DISMISSED  # M-Pesa again: as it stands now
    desk.check_books()
    assert desk.assign("A1", "0949AQ").outcome is Outcome.CUSTOMER_PAID
    for trans_id, reason in (("A1", "PAYMENT_ALREADY_PLACED"), ("A2", "PAYMENT_NOT_FOUND")):
        with pytest.raises(ServiceError) as refused:
            dismiss(desk.engine, trans_id, "Asha", "too late")
        assert refused.value.reason == reason
    desk.check_books()
