"""PaymentService through a real gRPC server: what it refuses, keeps and tells."""

import json

import pytest
from billing.schema import paybill_payments, payment_deliveries
from rejesha.billing.v1 import payment_service_pb2 as pb

from tests.billing.serving import outcome, payment, refused

INVALID = ("INVALID_ARGUMENT", "INVALID_PAYMENT")


@pytest.mark.parametrize(
    "bad",
    [
        {"trans_id": ""},
        {"trans_id": "  "},
        {"trans_id": "A-1"},
        {"trans_id": "A 1"},
        {"trans_id": "ÄÖÜ"},
        {"trans_id": "A1';--"},
        {"trans_id": "A" * 51},
        {"trans_id": "A1", "cents": 0},
        {"trans_id": "A1", "cents": -1},
        {"trans_id": "A1", "cents": 1_000_000_000_000},
        {"trans_id": "A1", "cents": 2**63 - 1},
    ],
)
def test_a_payment_that_breaks_the_contract_is_refused_and_nothing_of_its_batch_stored(client, desk, bad):
    assert refused(lambda: client.record(payment("GOOD1"), payment(**bad))) == INVALID
    assert desk.rows(paybill_payments) == []


@pytest.mark.parametrize("count", [0, 501])
def test_a_batch_has_1_to_500_payments(client, count):
    batch = [payment(f"A{n}") for n in range(count)]
    assert refused(lambda: client.record(*batch)) == ("INVALID_ARGUMENT", "BATCH_TOO_LARGE")


def test_a_batch_of_500_is_recorded_in_its_order(client, desk):
    batch = [payment(f"A{n}", "ACC001", n + 1) for n in range(500)]
    receipts = client.record(*batch)
    assert [receipt.trans_id for receipt in receipts] == [one.trans_id for one in batch]
    assert desk.wallet(1) == sum(one.amount_cents for one in batch)
    desk.check_books()


def test_a_transid_is_the_same_in_any_case_and_with_spaces_around(client, desk):
    client.record(payment("tke34a5qm8"))
    (receipt,) = client.record(payment(" TKE34a5QM8 "))
    assert (receipt.trans_id, receipt.repeated, outcome(receipt.outcome)) == ("TKE34A5QM8", True, "customer_paid")
    assert client.get(" tke34a5qm8\n").payment.trans_id == "TKE34A5QM8"
    assert desk.wallet(1) == 100_000


LONG = {
    "reference": "R" * 5000,
    "business_short_code": "6" * 5000,
    "transaction_type": "T" * 5000,
    "trans_time": "2" * 5000,
    "invoice_number": "I" * 5000,
    "third_party_trans_id": "P" * 5000,
    "msisdn": "f" * 5000,
    "first_name": "😀" * 5000,
    "source_address": "1" * 5000,
    "callback_body": b"\xff" * 100_000,
}


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE isps; --", "😀\u0000\t\r\n\\", '{"a": "%s %(b)s :c ?"}', "\u202e\ufeff"]
)
def test_any_text_in_any_field_is_kept_as_it_came(client, desk, text):
    texts = {name: text for name, value in LONG.items() if isinstance(value, str)}
    assert client.outcome(payment("A1", **texts, callback_body=text.encode())) == ["unmatched"]
    row = desk.payment("A1")
    assert (row.BillRefNumber, row.FirstName, row.MSISDN, row.TransTime) == (text,) * 4
    assert desk.one(payment_deliveries).callback_body == text.encode()
    entries = client.get("A1").timeline
    assert json.loads(entries[0].details_json)["reference"] == text
    desk.check_books()


def test_overlong_fields_are_cut_and_still_the_same_payment_when_they_come_again(client, desk):
    assert client.outcome(payment("A1", **LONG), payment("A1", **LONG)) == ["unmatched", "unmatched"]
    row = desk.payment("A1")
    assert (len(row.BillRefNumber), len(row.MSISDN), len(row.FirstName)) == (100, 100, 100)
    assert len(desk.one(payment_deliveries).callback_body) == 65_536


@pytest.mark.parametrize("balance", [2**63 - 1, -(2**63), 10**16, None, 0, -5])
def test_no_balance_that_mpesa_may_send_stops_a_payment(client, desk, balance):
    fields = {} if balance is None else {"org_account_balance_cents": balance}
    assert client.outcome(payment("A1", **fields)) == ["customer_paid"]
    stored = desk.payment("A1").OrgAccountBalance
    assert stored == (balance if balance in (None, 0, -5) else None)


def test_a_receipt_says_who_was_credited(client, desk):
    (paid, held, sms) = client.record(payment("A1"), payment("A2", "HELLO"), payment("A3", "SMS002"))
    assert (paid.isp_id, paid.customer_id, paid.repeated) == (1, desk.customer("0949AQ").id, False)
    assert (held.isp_id, held.unmatched_reason) == (0, pb.UNMATCHED_REASON_UNKNOWN_REFERENCE)
    assert (sms.isp_id, sms.customer_id) == (2, 0)


def test_validation_tells_what_would_become_of_a_payment_and_stores_nothing(client, desk):
    asked = [("0949aq", 100_000), ("0949aq", 5), ("sms001", 5), ("HELLO", 5), ("0001ZZ", 5), ("WA9", 5), ("", 5)]
    request = pb.ValidatePaymentsRequest(
        # Only amount, shortcode and reference are looked at.
        payments=[
            pb.Payment(bill_ref_number=reference, amount_cents=cents, business_short_code="600100")
            for reference, cents in [*asked, ("0949AQ", 0)]
        ]
        + [pb.Payment(bill_ref_number="0949AQ", amount_cents=5, business_short_code="1")]
    )
    verdicts = client.payments.ValidatePayments(request).verdicts
    reasons = [pb.UnmatchedReason.Name(one.unmatched_reason).removeprefix("UNMATCHED_REASON_") for one in verdicts]
    assert [outcome(one.outcome) for one in verdicts] == [
        "customer_paid", "customer_partial", "sms_credits", *["unmatched"] * 4, "customer_partial", "unmatched"
    ]  # fmt: skip
    assert reasons[3:7] == ["UNKNOWN_REFERENCE", "USER_NOT_FOUND", "ISP_NOT_FOUND", "UNKNOWN_REFERENCE"]
    assert reasons[8] == "UNKNOWN_SHORTCODE"
    assert desk.rows(paybill_payments) == []
    empty = pb.ValidatePaymentsRequest()
    assert refused(lambda: client.payments.ValidatePayments(empty)) == ("INVALID_ARGUMENT", "BATCH_TOO_LARGE")


def test_an_operator_s_assignment_and_its_refusals(client, desk):
    client.record(payment("A1", "HELLO"))

    def assign(trans_id="A1", reference="0949aq", by="Asha"):
        request = pb.AssignPaymentRequest(trans_id=trans_id, account_reference=reference, assigned_by=by)
        return client.payments.AssignPayment(request).receipt

    assert refused(lambda: assign(by=" ")) == INVALID
    assert refused(lambda: assign(by="x" * 101)) == INVALID
    assert refused(lambda: assign(reference="x" * 101)) == INVALID
    assert refused(lambda: assign("NONE")) == ("NOT_FOUND", "PAYMENT_NOT_FOUND")
    assert refused(lambda: assign(reference="NOBODY")) == ("FAILED_PRECONDITION", "ACCOUNT_NOT_FOUND")
    assert outcome(assign(" a1 ").outcome) == "customer_paid"
    assert refused(lambda: assign(reference="ACC001")) == ("FAILED_PRECONDITION", "PAYMENT_ALREADY_PLACED")
    assert client.get("A1").payment.assigned_reference == "0949aq"
    assert desk.wallet(1) == 100_000
