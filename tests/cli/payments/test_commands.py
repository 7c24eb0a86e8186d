"""Payments as the operator sees and steers them."""

import getpass
import json
import re
from datetime import UTC, datetime

import pytest
from werkzeug import Request, Response

CODE = "QGH7SK61SU"
RECEIVED = datetime(2026, 11, 23, 5, 0, 1, 250_000, tzinfo=UTC)  # 08:00:01.250 in Nairobi


def test_payments_are_listed_by_outcome(installation, billing):
    billing.add_customers("0949AQ", package_cents=100_000)
    billing.pay("QGH7SK61SV", "0000ZZ", 2000)
    billing.pay(CODE, "0949AQ", receive_time=RECEIVED)
    everything = installation("payment", "list", "--json").document["payments"]
    assert [(one["trans_id"], one["outcome"], one["amount"]) for one in everything] == [
        (CODE, "customer_paid", "1000.00"),
        ("QGH7SK61SV", "unmatched", "20.00"),
    ]
    assert everything[0]["receive_time"] == "2026-11-23T08:00:01.250+03:00"
    paid = installation("payment", "list", "--outcome", "Customer_Paid")
    assert CODE in paid.out
    assert "2026-11-23 08:00:01" in paid.out
    assert "QGH7SK61SV" not in paid.out
    unmatched = installation("payment", "unmatched")
    assert "user not found" in unmatched.out
    assert CODE not in unmatched.out
    assert "rejesha payment assign" in unmatched.err


def test_an_outcome_that_there_is_not_lists_those_that_there_are(installation):
    refused = installation("payment", "list", "--outcome", "lost")
    assert refused.code == 2
    assert "'lost' is none of customer_paid" in refused.err


def test_a_payment_is_assigned_under_the_operator_s_name(installation, billing):
    billing.add_customers("0949AQ", package_cents=100_000)
    billing.pay(CODE, "NOBODY")
    assigned = installation("payment", "assign", CODE.lower(), "0949AQ", "--by", "Amina", "--json").document
    assert (assigned["trans_id"], assigned["outcome"]) == (CODE, "customer_paid")
    assert "Amina" in str(billing.get(CODE))
    billing.pay("QGH7SK61SV", "NOBODY")
    assert "is placed on 0949AQ: customer paid" in installation("payment", "assign", "QGH7SK61SV", "0949AQ").out
    assert getpass.getuser() in str(billing.get("QGH7SK61SV"))  # whoever sits at this machine


def test_an_assignment_that_leads_nowhere_is_refused(installation, billing):
    billing.pay(CODE, "NOBODY")
    refused = installation("payment", "assign", CODE, "0000ZZ", "--by", "Amina")
    assert (refused.code, refused.out) == (1, "")
    assert "0000ZZ" in refused.err
    assert "(ACCOUNT_NOT_FOUND)" in refused.err


def test_given_up_work_is_tried_again(installation, billing):
    billing.add_customers("0949AQ", package_cents=100_000, username="u1", router_id=1)
    billing.pay(CODE, "0949AQ")
    billing.fail_lines()
    assert installation("payment", "retry", CODE).out == f"{CODE}: 1 task is tried again.\n"
    assert installation("payment", "retry", CODE, "--json").document == {"trans_id": CODE, "task_ids": []}
    assert "nothing to retry" in installation("payment", "retry", CODE).out
    assert "PAYMENT_NOT_FOUND" in installation("payment", "retry", "NOSUCH").err


def accept(request: Request) -> Response:
    sample = json.loads(request.data)
    answer = {"success": True, "transactionId": sample["TransID"], "processingResult": {"outcome": "customer_paid"}}
    return Response(json.dumps(answer), content_type="application/json")


def test_a_sample_payment_is_sent_as_m_pesa_sends_one(installation, httpserver):
    httpserver.expect_request("/callbackprocess", method="POST").respond_with_handler(accept)
    ended = installation("payment", "send-sample")
    assert ended.code == 0
    assert re.fullmatch(r"[A-Z0-9]{10} is accepted: customer paid\.\n", ended.out)
    installation("payment", "send-sample", "--account", "SMS001", "--amount", "1,000.50", "--trans-id", "sample1")
    first, second = (json.loads(request.data) for request, _ in httpserver.log)
    assert (first["BillRefNumber"], first["TransAmount"], first["TransID"]) == ("0949AQ", "1000.00", ended.out[:10])
    assert (second["BillRefNumber"], second["TransAmount"], second["TransID"]) == ("SMS001", "1000.50", "SAMPLE1")
    assert re.fullmatch(r"\d{14}", first["TransTime"])


def test_a_sample_goes_to_our_own_shortcode_and_through_the_secret_path(installation, httpserver, monkeypatch):
    monkeypatch.setenv("REJESHA_CALLBACK_SECRET", "from-the-environment")
    monkeypatch.setenv("REJESHA_SHORTCODES", "123456,654321")
    for secret in ("from-the-environment", "from-the-option"):
        httpserver.expect_request(f"/callbackprocess/{secret}", method="POST").respond_with_handler(accept)
    assert installation("payment", "send-sample", "--json").document["success"] is True
    assert installation("payment", "send-sample", "--secret", "from-the-option").code == 0
    assert json.loads(httpserver.log[0][0].data)["BusinessShortCode"] == "123456"


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (400, {"success": False, "error": "TransAmount: not a number"}, "TransAmount: not a number (HTTP 400)"),
        (403, {"success": False, "error": "Forbidden"}, "REJESHA_CALLBACK_SECRET"),
        (503, {"success": False, "error": "could not be stored"}, "could not be stored"),
    ],
)
def test_a_sample_that_is_not_taken_says_why(installation, httpserver, status, answer, why):
    httpserver.expect_request("/callbackprocess").respond_with_json(answer, status=status)
    ended = installation("payment", "send-sample")
    assert (ended.code, ended.out) == (1, "")
    assert why in ended.err
