"""Each held payment can be placed, by the very words that `payment unmatched` prints about it."""

import re
import shlex

import pytest
from rejesha.billing.v1 import payment_service_pb2 as pb
from rejesha_cli.payments.rules import Timeline, judge
from rejesha_cli.records import value_numbers

from tests.cli.payments.test_timeline import document

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


def fill(**words):
    """What an operator types for the words in capitals."""
    return words


# reason, what is on record, what was typed, and what the operator fills in, of each command that is printed
CASES = {
    "unknown_reference": ("unknown_reference", None, "HELLO", [fill(ACCOUNT="77XY")]),
    "unknown_reference, nothing typed": ("unknown_reference", None, " ", [fill(ACCOUNT="77XY")]),
    "unknown_reference, a shell's words": ("unknown_reference", None, "$(reboot); 'x", [fill(ACCOUNT="77XY")]),
    "user_not_found": ("user_not_found", None, "0001ZZ", [fill(ACCOUNT="77XY")]),
    "isp_not_found, of an ISP": ("isp_not_found", None, "SMS999", [fill(ACCOUNT="SMS001"), None]),
    "isp_not_found, of a customer": ("isp_not_found", homeless, "0949AQ", [None, fill(ISP="1")]),
    "ambiguous_reference, of customers": ("ambiguous_reference", twins, "0949AQ", [None, fill(ID="2"), None]),
    "ambiguous_reference, of ISPs": ("ambiguous_reference", two_isps, "sms 001", [None, None, fill(ISP="Pwani Fibre")]),
    "unknown_shortcode": ("unknown_shortcode", None, "HELLO", [fill()]),
    "package_not_set": ("package_not_set", priceless, "0949AQ", [fill()]),
}  # fmt: skip
# What happens between the payment and the printed command.
MEANWHILE = {
    # no command of payments can mend it
    "package_not_set": lambda billing: of_customer(billing, "0949AQ", amount=100_000),
    # in the sandbox, as which these tests run, every shortcode is ours
    "unknown_shortcode": lambda billing: _update(
        billing, "paybill_payments", {"unmatched_reason": "unknown_shortcode", "BillRefNumber": "77XY"}, "1 = 1"
    ),
}


def test_no_reason_is_left_out():
    assert {reason for reason, *_ in CASES.values()} == set(value_numbers(pb.UnmatchedReason.DESCRIPTOR))


@pytest.mark.parametrize("case", CASES)
def test_the_advice_that_is_printed_places_a_held_payment(installation, billing, case):
    reason, arrange, typed, fills = CASES[case]
    billing.add_customers("77XY", package_cents=100_000)
    if arrange:
        arrange(billing)
    billing.pay(CODE, typed)
    MEANWHILE.get(reason, lambda _: None)(billing)
    assert billing.get(CODE).payment.unmatched_reason == value_numbers(pb.UnmatchedReason.DESCRIPTOR)[reason]
    printed = installation("payment", "unmatched").err
    assert judge(Timeline.read(document(billing.get(CODE)))).advice in printed
    commands = [shlex.split(one)[1:] for one in re.findall("`(rejesha .*?)`", printed)]
    assert len(commands) == len(fills), printed
    for words, filled in zip(commands, fills, strict=True):
        ended = installation(*((filled or {}).get(word, word) for word in words))
        if filled is None:  # it only tells what to fill in next, or is not for this payment
            assert ended.code in {1, 2}
        else:
            assert (ended.code, ended.err.count("`rejesha payment show")) == (0, 1), ended
    assert billing.get(CODE).payment.outcome != pb.PAYMENT_OUTCOME_UNMATCHED
