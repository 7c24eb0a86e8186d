"""Each held payment can be placed, by the very words that `payment unmatched` prints about it."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from rejesha.billing.v1 import payment_service_pb2 as pb
from rejesha_cli.payments.rules import Timeline, judge
from rejesha_cli.records import value_numbers

from tests.cli.payments.test_timeline import document
from tests.cli.serving import Billing

CODE = "QGH7SK61SU"


def of_isps(billing, **columns):
    _update(billing, "isps", columns, "id = 2")


def of_customer(billing, account, **columns):
    _update(billing, "pppoe_users", columns, f"account_name = '{account}'")


def _update(billing, table, columns, which):
    settings = ", ".join(f"{name} = ?" for name in columns)
    with billing.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {table} SET {settings} WHERE {which}", tuple(columns.values()))


def twins(billing):
    billing.add_customers("0949AQ", "0950AR", package_cents=100_000)
    of_customer(billing, "0950AR", account_name="0949 aq")


def two_isps(billing):
    billing.add_isp("Pwani Fibre", sms_account="SMS002")
    of_isps(billing, smsaccount="SMS001")


def homeless(billing):
    billing.add_customers("0949AQ", package_cents=100_000)
    of_customer(billing, "0949AQ", isp_id=None)


def priceless(billing):
    billing.add_customers("0949AQ")


def with_package(billing):
    billing.add_customers("0949AQ", package_cents=100_000)


def paid_before(billing):
    with_package(billing)
    billing.pay("ORIGINAL01", "0949AQ")


def take_back(billing):
    billing.payments.UnassignPayment(
        pb.UnassignPaymentRequest(trans_id=CODE, unassigned_by="Asha", reason="not theirs")
    )


def closed(billing):
    billing.add_customers("0949AQ", package_cents=100_000)
    of_customer(billing, "0949AQ", closed_at="2026-11-01 00:00:00")


def fill(**words):
    """What an operator types for the words in capitals."""
    return words


@dataclass(frozen=True)
class Case:
    """A held payment: `arrange` puts on record what it needs. `fills`: what the operator fills in, of each command that
    is printed; None: it fails, as it only tells what to fill in next, or is not for this payment.
    """

    reason: str
    typed: str
    fills: list[dict[str, str] | None]
    arrange: Callable[[Billing], None] = lambda _: None
    fields: dict[str, str] = field(default_factory=dict)


PLACED = fill(ACCOUNT="77XY")
CASES = {
    "no shape": Case("unknown_reference", "HELLO", [PLACED]),
    "nothing typed": Case("unknown_reference", " ", [PLACED]),
    "a shell's words": Case("unknown_reference", "$(reboot); 'x", [PLACED]),
    "a till": Case("unknown_reference", "", [PLACED], fields={"transaction_type": "Customer Merchant Payment"}),
    "nobody's": Case("user_not_found", "0001ZZ", [PLACED]),
    "no ISP's": Case("isp_not_found", "SMS999", [fill(ACCOUNT="SMS001"), None]),
    "a customer's without ISP": Case("isp_not_found", "0949AQ", [None, fill(ISP="1")], homeless),
    "two customers'": Case("ambiguous_reference", "0949AQ", [None, fill(ID="2"), None], twins),
    "two ISPs'": Case("ambiguous_reference", "sms 001", [None, None, fill(ISP="Pwani Fibre")], two_isps),
    "another's shortcode": Case("unknown_shortcode", "HELLO", [fill()]),
    "no package": Case("package_not_set", "0949AQ", [fill(KES="1000")], priceless),
    "a closed customer's": Case("account_closed", "0949AQ", [fill(), fill(ISP="1"), fill(), None], closed),
    "taken back": Case("unassigned", "0949AQ", [PLACED], with_package),
    "a reversal": Case(
        "reversal", "0949AQ", [fill(TRANSID="ORIGINAL01"), None], paid_before, {"transaction_type": "Reversal"}
    ),
    "no reversal after all": Case("reversal", "0949AQ", [None, PLACED], fields={"transaction_type": "Reversal"}),
}


# What happens between the payment and the printed command.
MEANWHILE = {
    "unassigned": take_back,
    # in the sandbox, as which these tests run, every shortcode is ours
    "unknown_shortcode": lambda billing: _update(
        billing, "paybill_payments", {"unmatched_reason": "unknown_shortcode", "BillRefNumber": "77XY"}, "1 = 1"
    ),
}


def test_no_reason_is_left_out():
    assert {case.reason for case in CASES.values()} == set(value_numbers(pb.UnmatchedReason.DESCRIPTOR))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_advice_that_is_printed_works_for_each_reason(installation, billing, case):
    billing.add_customers("77XY", package_cents=100_000)
    case.arrange(billing)
    billing.pay(CODE, case.typed, **case.fields)
    MEANWHILE.get(case.reason, lambda _: None)(billing)
    assert billing.get(CODE).payment.unmatched_reason == value_numbers(pb.UnmatchedReason.DESCRIPTOR)[case.reason]
    printed = installation("payment", "unmatched").err
    assert judge(Timeline.read(document(billing.get(CODE)))).advice in printed
    commands = [shlex.split(one)[1:] for one in re.findall("`(rejesha .*?)`", printed)]
    commands = [one for one in commands if "--suggested" not in one]  # see below
    assert len(commands) == len(case.fills) + 1, printed
    for words, filled in zip(commands, case.fills, strict=False):
        ended = installation(*((filled or {}).get(word, word) for word in words))
        assert (ended.code != 0) == (filled is None), ended
    assert billing.get(CODE).payment.outcome not in {pb.PAYMENT_OUTCOME_UNMATCHED, pb.PAYMENT_OUTCOME_DISMISSED}
    assert commands[-1] == ["payment", "dismiss", "TRANSID", "--reason", "WHY"]


def test_a_held_payment_is_dismissed_with_a_reason_and_can_still_be_placed(installation, billing):
    billing.add_customers("77XY", package_cents=100_000)
    billing.pay(CODE, "HELLO")
    assert "Missing option '--reason'" in installation("payment", "dismiss", CODE).err
    dismissed = installation("payment", "dismiss", CODE.lower(), "--reason", "sent back", "--by", "Amina")
    assert (dismissed.code, dismissed.out) == (0, f"{CODE} is dismissed: nobody is credited.\n")
    assert installation("payment", "unmatched", "--json").document["payments"] == []
    (listed,) = installation("payment", "list", "--outcome", "dismissed", "--json").document["payments"]
    assert listed["trans_id"] == CODE
    assert "Closed by Amina, nobody credited: sent back" in str(billing.get(CODE).timeline)
    assert installation("payment", "assign", CODE, "77XY", "--json").document["outcome"] == "customer_paid"
    refused = installation("payment", "dismiss", CODE, "--reason", "too late")
    assert (refused.code, "PAYMENT_ALREADY_PLACED" in refused.err) == (1, True)


def test_a_held_payment_is_placed_where_it_is_suggested(installation, billing):
    billing.add_customers("0949AQ", package_cents=100_000, full_name="Jane")
    billing.pay(CODE, "O949AQ")
    billing.pay("QGH7SK61SV", "HELLO")
    listed = installation("payment", "unmatched")
    why = "it looks like what was typed; KES 1,000.00 is the package, and no other's of these"
    assert f"0949AQ (Jane): {why}" in " ".join(listed.out.split())
    assert "`rejesha payment assign TRANSID --suggested`" in listed.err
    found = {
        one["trans_id"]: one["suggestions"]
        for one in installation("payment", "unmatched", "--json").document["payments"]
    }
    assert [(one["account_reference"], one["name"]) for one in found[CODE]] == [("0949AQ", "Jane")]
    assert found["QGH7SK61SV"] == []
    assert installation("payment", "assign", CODE, "--suggested", stdin="n\n").code == 1
    assert billing.get(CODE).payment.outcome == pb.PAYMENT_OUTCOME_UNMATCHED
    placed = installation("payment", "assign", CODE, "--suggested", stdin="y\n")
    assert f"{CODE} to 0949AQ (Jane): {why}?" in placed.err
    assert placed.out == f"{CODE} is placed on 0949AQ (Jane): {why}: customer paid.\n"
    nobody = installation("payment", "assign", "QGH7SK61SV", "--suggested", "--yes")
    assert (nobody.code, "nothing speaks for any account" in nobody.err) == (1, True)


def test_of_two_that_are_as_likely_none_is_taken_unasked(installation, billing):
    billing.add_customers("0949AQ", "0949AR", package_cents=100_000)
    billing.pay(CODE, "0949AP")
    refused = installation("payment", "assign", CODE, "--suggested", "--yes")
    assert (refused.code, refused.err.count("one letter differs")) == (1, 2)
    assert "name one" in refused.err


def test_a_payment_is_reversed_for_good_with_its_notice(installation, billing):
    billing.add_customers("0949AQ", package_cents=100_000)
    billing.pay(CODE, "0949AQ")
    billing.pay("NOTICE0001", "0949AQ", transaction_type="Pay Bill Reversal")
    assert installation("payment", "reverse", CODE, "--reason", "paid twice", stdin="n\n").code == 1
    assert billing.get(CODE).payment.outcome == pb.PAYMENT_OUTCOME_CUSTOMER_PAID
    words = ("payment", "reverse", CODE, "--notice", "notice0001", "--reason", "paid twice", "--by", "Amina")
    done = installation(*words, stdin="y\n")
    assert f"{CODE} is reversed." in done.out
    assert "KES 1,000.00 left the wallet, which holds KES 0.00 now" in done.out
    assert installation("payment", "unmatched", "--json").document["payments"] == []
    assert judge(Timeline.read(document(billing.get(CODE)))).sentence.startswith("Its money went back")
    assert "Reversed by Amina: paid twice" in str(billing.get(CODE).timeline)
    assert installation(*words, "--yes", "--json").document["notes"] == []
    refused = installation("payment", "assign", CODE, "0949AQ")
    assert (refused.code, "PAYMENT_ALREADY_PLACED" in refused.err) == (1, True)
    other = installation("payment", "reverse", CODE, "--notice", CODE, "--reason", "x", "--yes")
    assert (other.code, "name the payment that it is about" in other.err) == (1, True)


def test_a_payment_is_taken_back_from_where_it_does_not_belong(installation, billing):
    billing.add_customers("0949AQ", "77XY", package_cents=100_000)
    billing.pay(CODE, "0949AQ")
    assert installation("payment", "unassign", CODE, "--reason", "not theirs", stdin="n\n").code == 1
    assert billing.get(CODE).payment.outcome == pb.PAYMENT_OUTCOME_CUSTOMER_PAID
    taken = installation("payment", "unassign", CODE, "--reason", "not theirs", "--by", "Amina", stdin="y\n")
    assert "KES 1,000.00 left the wallet, which holds KES 0.00 now" in taken.out
    assert "the due date is none again" in taken.out
    assert "Taken back by Amina: not theirs" in str(billing.get(CODE).timeline)
    assert installation("payment", "assign", CODE, "77XY", "--json").document["outcome"] == "customer_paid"
    refused = installation("payment", "unassign", "NOBODYS001", "--reason", "x", "--yes")
    assert (refused.code, "PAYMENT_NOT_FOUND" in refused.err or "no payment" in refused.err) == (1, True)
