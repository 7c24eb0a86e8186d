"""Payments as they are found: by account, phone, payer, ISP, amount and day."""

import csv
import io
from datetime import UTC, datetime

import pytest

EVENING = datetime(2026, 11, 23, 20, 59, 59, tzinfo=UTC)  # 23:59:59 in Nairobi
MIDNIGHT = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)


@pytest.fixture
def paid(billing):
    billing.add_isp("Pwani", pay_account_number="ACC002")
    billing.add_customers("0949AQ", package_cents=100_000)
    billing.pay("EVENING001", "0949AQ", receive_time=EVENING, msisdn="254712345678")
    billing.pay("MIDNIGHT01", "acc002", 50_000, receive_time=MIDNIGHT, first_name="PETER", msisdn="2547 ***** 679")
    billing.pay("HELD000001", "0949AX", 150_050, first_name='=HYPERLINK("x")')


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", ["HELD000001", "MIDNIGHT01", "EVENING001"]),
        ("--account 0949aq", ["EVENING001"]),
        ("--account 0949AX --outcome unmatched", ["HELD000001"]),
        ("--isp pwani", ["MIDNIGHT01"]),
        ("--customer 1", ["EVENING001"]),
        ("--phone 0712345678", ["EVENING001"]),
        ("--phone 0712345679", ["MIDNIGHT01"]),
        ("--payer pet", ["MIDNIGHT01"]),
        ("--amount 1000", ["EVENING001"]),
        ("--amount 1,000..1500.50", ["HELD000001", "EVENING001"]),
        ("--amount ..500", ["MIDNIGHT01"]),
        ("--until 2026-11-23", ["EVENING001"]),
        ("--since 2026-11-24 --until 2026-11-24", ["MIDNIGHT01"]),
    ],
)
def test_payments_are_found_by_all_that_is_given(installation, paid, options, found):
    listed = installation("payment", "list", *options.split(), "--json").document
    assert [one["trans_id"] for one in listed["payments"]] == found


def test_a_list_as_csv_has_the_keys_of_json_and_no_formula(installation, paid):
    (held, *_), keys = listed(installation("payment", "list", "--csv"))
    assert held["first_name"] == '\'=HYPERLINK("x")'
    assert (held["trans_id"], held["amount"], held["customer_id"]) == ("HELD000001", "1500.50", "0")
    assert list(installation("payment", "list", "--json").document["payments"][0]) == keys


@pytest.mark.parametrize(
    "noun", ["payment list", "payment unmatched", "customer list", "isp list", "router list", "message list",
             "message templates", "quarantine list"],
)  # fmt: skip
def test_every_list_is_there_as_csv_with_a_header_also_where_it_is_empty(installation, noun):
    ended = installation(*noun.split(), "--csv")
    assert (ended.code, ended.err) == (0, "")
    _, keys = listed(ended)
    assert len(keys) > 3


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_day_that_is_none_is_refused(installation, option):
    refused = installation("payment", "list", option, "31.11.2026")
    assert refused.code == 2
    assert "no day such as 2026-11-30" in refused.err


def listed(ended):
    """The rows, and the keys of the header."""
    rows = csv.DictReader(io.StringIO(ended.out))
    return list(rows), list(rows.fieldnames)
