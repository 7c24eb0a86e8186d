"""`rejesha payment record`: payments that M-Pesa delivered to nobody."""

import pytest
from rejesha.billing.v1 import payment_service_pb2 as pb

from tests.cli.serving import SHORTCODE

CODE = "QGH7SK61SU"
TYPED = ("payment", "record", CODE.lower(), "--amount", "1,000", "--account", "0949AQ", "--time", "2026-10-01 08:00:01")
WHY = ("--reason", "the statement of October")


@pytest.fixture(autouse=True)
def _customer(billing):
    billing.add_customers("0949AQ", package_cents=100_000)


def test_a_payment_is_typed_in_once(installation, billing):
    assert "Missing option '--reason'" in installation(*TYPED).err
    dry = installation(*TYPED, *WHY, "--dry-run")
    assert dry.out == f"{CODE} would be recorded: customer paid.\n"
    assert "PAYMENT_NOT_FOUND" in installation("payment", "retry", CODE).err
    done = installation(*TYPED, *WHY, "--by", "Amina")
    assert (done.code, done.out) == (0, f"{CODE} is recorded: customer paid.\n")
    assert installation(*TYPED, *WHY).out == f"{CODE} was there already: customer paid.\n"
    stored = billing.get(CODE)
    assert "entered by hand by Amina: the statement of October" in stored.timeline[0].message
    assert (stored.payment.trans_time, stored.payment.amount_cents) == ("20261001080001", 100_000)
    other = installation(*TYPED[:4], "900", *TYPED[5:], *WHY)
    assert (other.code, "is there already with another amount" in other.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("payment", "record"), "TRANSID and --file"),
        (("payment", "record", "A1", "--amount", "1"), "the time '' is not such as"),
        (("payment", "record", "A1", "--time", "2026-10-01 08:00"), "the amount"),
        (("payment", "record", "A1", "--time", "2026-10-01 08:00", "--amount", "0"), "the amount is nothing"),
        (("payment", "record", "A-1", "--time", "2026-10-01 08:00", "--amount", "1"), "no M-Pesa code"),
    ],
)
def test_what_is_typed_wrongly_is_named(installation, words, fault):
    ended = installation(*words, *WHY)
    assert (ended.code, fault in ended.err) == (2, True), ended.err


def test_a_statement_is_recorded_line_by_line(installation, billing, tmp_path):
    billing.pay("QGH7SK61SV", "0949AQ")
    (tmp_path / "statement.csv").write_text(
        "Receipt No.,Completion Time,Details,Paid In,A/C No.\n"
        "QGH7SK61SU,2026-10-01 08:00:01,Pay Bill from 2547xx,1000.00,0949AQ\n"
        "QGH7SK61SV,2026-10-01 08:00:02,,1000.00,0949AQ\n"
        "QGH7SK61SW,01/10/2026,,1000.00,0949AQ\n"
        "QGH7SK61SX,2026-10-01 08:00:02,,900.00,0949AQ\n"
        "QGH7SK61SX,2026-10-01 08:00:02,,900.00,0949AQ\n"
        "QGH7SK61SY,2099-10-01 08:00:02,,900.00,0949AQ\n"
        "QGH7SK61SZ,2026-10-01 08:00:02,,900.00,NOBODY\n"
    )
    words = ("payment", "record", "--file", "statement.csv", "--shortcode", SHORTCODE, *WHY, "--json")
    dry = installation(*words, "--dry-run").document
    assert (dry["created"], dry["unchanged"], dry["bad"]) == (3, 1, 3)
    done = installation(*words)
    assert (done.code, done.document["created"]) == (1, 3)
    faults = {one["line"]: one["error"] for one in done.document["lines"] if one["error"]}
    assert set(faults) == {4, 6, 7}
    assert "not between 2020 and now" in faults[7]
    assert billing.get("QGH7SK61SZ").payment.outcome == pb.PAYMENT_OUTCOME_UNMATCHED
    again = installation(*words).document
    assert (again["created"], again["unchanged"], again["bad"]) == (0, 4, 3)
