"""Customers from a CSV file: dry runs, every bad line named, good lines created beside them, repeats harmless."""

import pytest
from billing.accounts import service as accounts
from servicekit.rpc.errors import DatabaseUnavailable

from tests.cli.imports.spreadsheets import workbook

CUSTOMERS = """\ufeffAccount;Full Name;Package;Router;ISP;Phone;Next Payment Date;Status;Colour
0949AQ;Jane Wanjiku;1,000.00;Tower 1;demo networks;0712 345 678;2026-11-30;Active;red
0950AB;Otieno;Ksh 1500;1;1;+254112345678;;;
;Nobody;1000;;1;;;;
0951AC;Bad amount;1000.005;;1;;;;
0952AD;Bad router;1000;Hill;1;;;;
0953AE;Bad ISP;1000;;Nobody;;;;
0954AF;Bad phone;1000;;1;12345;;;
0955AG;Bad day;1000;;1;;30/11/2026;;
0956AH;Bad status;1000;;1;;;on;
09 49aq;Twice;1000;;1;;;;
0957AJ;Too short;1000
0958AK;Refused by billing;1000;;;;;;
"""


@pytest.fixture
def customers(tmp_path):
    path = tmp_path / "customers.csv"
    path.write_text(CUSTOMERS, encoding="utf-8")
    return path


def once(create):
    """The use case, for one call; then the database is away."""
    calls = []

    def call(*arguments, **options):
        calls.append(arguments)
        if len(calls) > 1:
            raise DatabaseUnavailable("the database did not answer")
        return create(*arguments, **options)

    return call


def test_a_dry_run_names_every_bad_line_and_changes_nothing(installation, billing, customers):
    ended = installation("customer", "import", customers, "--dry-run", "--json")
    assert ended.code == 1
    report = ended.document
    errors = {line["line"]: line["error"] for line in report["lines"] if line["result"] == "bad"}
    expected = {
        4: "the account is empty",
        5: "more than two decimals",
        6: "no router 'Hill'",
        7: "no ISP 'Nobody'",
        8: "no Kenyan mobile number",
        9: "year first",
        10: "none of active, inactive",
        11: "stands on line 2 already",
        12: "3 values under 9 columns",
        13: "there is no ISP named",
    }
    assert errors.keys() == expected.keys()
    assert all(why in errors[line] for line, why in expected.items())
    assert (report["created"], report["unchanged"], report["bad"]) == (2, 0, 10)
    assert report["ignored_columns"] == ["Colour"]
    assert billing.customers() == {}


def test_good_lines_are_created_beside_bad_ones_and_a_repeat_changes_nothing(installation, billing, customers):
    first = installation("customer", "import", customers)
    assert first.code == 1
    assert "2 added, 0 there already, 10 bad" in first.out
    assert "Bad amount" not in first.out  # the line's account names it
    assert "0951AC" in first.out
    jane = billing.customers()["0949AQ"]
    assert (jane.full_name, jane.package_cents, jane.router_id, jane.isp_id) == ("Jane Wanjiku", 100000, 1, 1)
    assert (jane.phone, jane.next_payment_date, jane.status) == ("0712345678", "2026-11-30", 1)
    before = billing.customers()
    again = installation("customer", "import", customers, "--json").document
    assert (again["created"], again["unchanged"]) == (0, 2)
    assert billing.customers() == before


def test_a_file_without_a_bad_line_exits_with_0(installation, tmp_path):
    (tmp_path / "good.csv").write_text("account,isp\n0949AQ,1\n")
    ended = installation("customer", "import", "good.csv", "--dry-run")
    assert ended.code == 0
    assert "1 would be added" in ended.out
    assert "nothing was changed" in ended.out


def test_an_import_that_breaks_off_says_how_far_it_came_and_can_be_repeated(
    installation, billing, tmp_path, monkeypatch
):
    lines = "".join(f"{number:04}AA,1\n" for number in range(1200))
    (tmp_path / "many.csv").write_text("account,isp\n" + lines)
    with monkeypatch.context() as patched:
        patched.setattr(accounts, "create_customers", once(accounts.create_customers))
        stopped = installation("customer", "import", "many.csv", "--json")
    assert (stopped.code, stopped.out, billing.count_customers()) == (1, "", 500)
    assert "DATABASE_UNAVAILABLE" in stopped.err
    assert "stopped after line 501" in stopped.err
    again = installation("customer", "import", "many.csv", "--json").document
    assert (again["created"], again["unchanged"], billing.count_customers()) == (700, 500, 1200)


def test_a_spreadsheet_s_file_makes_no_customer_of_its_errors(installation, billing, tmp_path):
    (tmp_path / "made.csv").write_text(
        "\ufeffsep=;\r\naccount;name;package;isp;phone;next_payment_date\r\n"
        "'0201AA;Jane;1000;1;254712345678.0;0000-00-00\r\n"
        '="0202AA";Otieno;1000;1;2.54713E+11;\r\n'
        "nan;Nobody;1000;1;;\r\n"
        "#N/A;Nobody;1000;1;;\r\n"
        "Total;;2000;1;;\r\n"
        "0203\u200bAA;Achieng;1000;1;2.54712345679E+11;2026-11-30 00:00:00\r\n"
    )
    report = installation("customer", "import", "made.csv", "--json").document
    errors = {line["line"]: line["error"] for line in report["lines"] if line["error"]}
    expected = {
        4: "phone: 2.54713E+11 was rounded",
        5: "the account is empty",
        6: "account_name: #N/A is a spreadsheet's error",
        7: "a spreadsheet's line of sums",
    }
    assert errors.keys() == expected.keys()
    assert all(why in errors[line] for line, why in expected.items())
    made = billing.customers()
    assert {one.account_name: (one.phone, one.next_payment_date) for one in made.values()} == {
        "0201AA": ("254712345678", ""),
        "0203AA": ("254712345679", "2026-11-30"),
    }


def test_customers_are_imported_from_a_workbook(installation, billing, tmp_path):
    rows = [["Account", "ISP", "Package"], ["0201AA", 1, 1000], ["0202AA", 1, 1500.5]]
    (tmp_path / "customers.xlsx").write_bytes(workbook(*rows))
    assert installation("customer", "import", "customers.xlsx").code == 0
    assert {one.account_name: one.package_cents for one in billing.customers().values()} == {
        "0201AA": 100_000,
        "0202AA": 150_050,
    }
