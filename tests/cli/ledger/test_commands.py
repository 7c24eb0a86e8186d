"""`rejesha ledger`: accounts, transfers, a statement that adds up, and a check that finds what does not."""

import csv
import io
import json

from tests.cli.serving import Billing


def paid(billing: Billing) -> None:
    billing.add_customers("0949AQ", package_cents=100_000)
    billing.pay("A1", "0949AQ", 100_000)
    billing.pay("A2", "SMS001", 1_070)
    billing.pay("A3", "NOBODY", 500)


def test_accounts_sum_to_nothing_and_transfers_are_found(installation, billing):
    paid(billing)
    accounts = json.loads(installation("ledger", "accounts", "--json").out)["accounts"]
    assert {one["name"]: one["balance"] for one in accounts} == {
        "held": "5.00", "paybill:600000": "-1015.70", "revenue:sms": "10.50", "wallet:1": "1000.20",
    }  # fmt: skip
    listed = list(csv.DictReader(io.StringIO(installation("ledger", "accounts", "--csv").out)))
    assert ("paybill:600000", "-1015.70") in [(one["name"], one["balance"]) for one in listed]
    assert installation("ledger", "transfers", "--csv").out.count("\n") == 5
    found = json.loads(installation("ledger", "transfers", "--account", "wallet:1", "--json").out)
    assert [(one["key"], one["amount"]) for one in found["transfers"]] == [("A1.1", "1000.00"), ("A2.2", "0.20")]
    assert "A3.1" in installation("ledger", "transfers", "--payment", "a3").out
    assert installation("ledger", "transfers", "--from", "1/1/26").code == 2


def test_a_statement_opens_adds_up_and_closes(installation, billing):
    paid(billing)
    told = installation("ledger", "statement", "1", "--from", "2026-01-01", "--csv").out
    lines = list(csv.DictReader(io.StringIO(told)))
    assert [(line["what"], line["trans_id"], line["in"], line["balance"]) for line in lines] == [
        ("opening", "", "", "0.00"),
        ("payment", "A1", "1000.00", "1000.00"),
        ("payment", "A2", "0.20", "1000.20"),
        ("closing", "", "", "1000.20"),
    ]
    later = json.loads(installation("ledger", "statement", "1", "--from", "2100-01-01", "--json").out)["lines"]
    assert [(line["what"], line["balance"]) for line in later] == [("opening", "1000.20"), ("closing", "1000.20")]
    assert "1,000.20" in installation("ledger", "statement", "1", "--from", "2026-01-01").out


def test_a_statement_has_what_was_taken_back_too_and_closes_with_what_the_wallet_holds(installation, billing):
    billing.add_customers("0949AQ", package_cents=100_000)
    by = ("--yes", "--by", "Asha", "--reason", "why")
    billing.pay("A1", "0949AQ", 100_000)
    billing.pay("A2", "ACC001", 5_000)
    assert installation("payment", "unassign", "A1", *by).code == 0
    assert installation("payment", "assign", "A1", "SMS001", "--by", "Asha").code == 0  # none of it is the wallet's
    assert installation("payment", "reverse", "A2", *by).code == 0
    assert installation("payment", "reverse", "A1", *by).code == 0
    billing.pay("A3", "ACC001", 70)
    with billing.engine.begin() as connection:  # as a migration makes those of a payment that has none
        moved = "create_time = '2026-01-02 00:00:00', id = (SELECT max(id) + 1 FROM ledger_transfers)"
        connection.exec_driver_sql(f"UPDATE ledger_transfers SET {moved} WHERE transfer_key = 'A2.1'")
    lines = installation("ledger", "statement", "Demo Networks", "--from", "2026-01-01", "--json").document["lines"]
    assert [(one["what"], one["trans_id"], one["in"], one["out"], one["balance"], one["actor"]) for one in lines] == [
        ("opening", None, None, None, "0.00", None),
        ("payment", "A2", "50.00", None, "50.00", None),
        ("payment", "A1", "1000.00", None, "1050.00", None),
        ("unassignment", "A1", None, "1000.00", "50.00", "Asha"),
        ("reversal", "A2", None, "50.00", "0.00", "Asha"),
        ("payment", "A3", "0.70", None, "0.70", None),
        ("closing", None, None, None, "0.70", None),
    ]
    later = installation("ledger", "statement", "1", "--from", "2026-01-03", "--json").document["lines"]
    assert [later[0]["balance"], later[-1]["balance"]] == ["50.00", "0.70"]
    first = installation("ledger", "statement", "1", "--from", "2026-01-01", "--until", "2026-01-03", "--json")
    assert [one["balance"] for one in first.document["lines"]] == ["0.00", "50.00", "50.00"]
    assert installation("ledger", "statement", "Nobody", "--from", "2026-01-01").code == 1


def test_a_check_says_that_the_books_are_right_or_what_is_wrong(installation, billing):
    paid(billing)
    told = installation("ledger", "check")
    assert (told.code, "The books are right" in told.out) == (0, True)
    with billing.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE isp_wallet SET balance = 7")
    told = installation("ledger", "check")
    assert (told.code, "the wallet of ISP 1 holds KES 0.07, and its transfers KES 1,000.20" in told.out) == (1, True)
    assert len(json.loads(installation("ledger", "check", "--json").out)["faults"]) == 1


def test_money_that_did_not_reach_us_is_listed_until_it_is_entered(installation, billing):
    for second, balance in ((0, 100_000), (1, 250_000), (2, 330_000), (3, 430_000), (4, 20_000)):
        time = f"2026030409000{second}"
        billing.pay(f"B{second}", "ACC001", 100_000, trans_time=time, org_account_balance_cents=balance)
    told = installation("ledger", "gaps", "--since", "2026-03-04")
    assert (told.code, "`rejesha payment record`" in told.err) == (1, True)
    gaps = installation("ledger", "gaps", "--since", "2026-03-04", "--json").document["gaps"]
    assert [(one["before_trans_id"], one["missing"], one["taken_out"]) for one in gaps] == [
        ("B1", "500.00", "0.00"), ("B2", "0.00", "200.00"), ("B4", "0.00", "5100.00"),
    ]  # fmt: skip
    assert gaps[0]["after_time"] == "2026-03-04T09:00:00.000+03:00"
    only = installation("ledger", "gaps", "--since", "2026-03-04", "--missing-only", "--csv", "--shortcode", "600000")
    assert [line["before_trans_id"] for line in csv.DictReader(io.StringIO(only.out))] == ["B1"]
    when = ("--time", "2026-03-04 09:00:01", "--shortcode", "600000", "--reason", "on the statement")
    assert installation("payment", "record", "LOST000001", "--amount", "500", "--account", "ACC001", *when).code == 0
    assert installation("ledger", "gaps", "--since", "2026-03-04", "--missing-only").code == 0
    assert installation("ledger", "gaps").code == 0  # nothing of the last day
