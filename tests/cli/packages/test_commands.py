"""`rejesha package` and `rejesha customer package`: sold, given at once or at the renewal, cancelled, imported."""

from datetime import UTC, datetime, timedelta

import pytest
from billing import calendar


@pytest.fixture
def shop(installation, billing):
    """An ISP that sells two packages, and a customer with twenty days of KES 1,000 a month left."""
    due = (calendar.today(datetime.now(UTC)) + timedelta(days=20)).isoformat()
    billing.add_customers("0949AQ", package_cents=100_000, next_payment_date=due)
    for name, *words in (
        ("week", "--price", 300, "--period", "7 days", "--profile", "5M"),
        ("double", "--price", 2000),
    ):
        assert installation("package", "add", name, "--isp", "Demo Networks", *words, "--by", "Asha").code == 0
    return installation


def test_packages_are_sold_changed_closed_and_kept_in_the_isp_s_history(shop):
    assert (
        "double is sold: KES 2000.00 for 1 month" in shop("package", "add", "double", "--isp", 1, "--price", 2000).out
    )
    assert "price" in shop("package", "update", "double", "--isp", 1, "--price", 2500, "--dry-run").out
    changed = shop("package", "update", "double", "--isp", 1, "--price", 2500, "--reason", "dearer", "--json").document
    assert changed["changes"] == [{"field": "package.price", "before": "double: 2000.00", "after": "double: 2500.00"}]
    assert shop("package", "close", "week", "--isp", 1).code == 0
    listed = shop("package", "list", "--isp", 1, "--json").document["packages"]
    assert [(one["name"], one["price"], one["period"], one["profile"], one["closed"]) for one in listed] == [
        ("double", "2500.00", "1 month", "", False), ("week", "300.00", "7 days", "5M", True)
    ]  # fmt: skip
    assert "dearer" in shop("isp", "history", 1).out
    assert "7 days" in shop("package", "show", "week", "--isp", 1).out
    assert "sells no package called week" in shop("customer", "package", "0949AQ", "week", "--at-once").err


def test_a_customer_changes_at_once_or_at_the_renewal_and_is_told_of_everywhere(shop):
    words = ("customer", "package", " 0949 aq", "double", "--at-once", "--reason", "faster")
    dry = shop(*words, "--dry-run")
    assert "Days left: 20; of the new package they are 10." in dry.out
    assert shop("customer", "show", "0949AQ", "--json").document["package_name"] == ""
    assert "Days left: 20" in shop(*words).out
    told = shop("customer", "package", "0949AQ", "week", "--at-renewal")
    assert "Payments count by it from now on; the line has it from" in told.out
    assert "comes on" in shop("customer", "package", "0949AQ", "double", "--at-once").err
    shown = shop("customer", "show", "0949AQ", "--json").document
    assert (shown["package_name"], shown["period"], shown["line_package"]) == ("week", "7 days", "double")
    assert "week, 7 days; the line has it from" in " ".join(shop("customer", "show", "0949AQ").out.split())
    assert "Package: week" in shop("line", "show", "0949AQ").out
    assert "faster" in shop("customer", "timeline", "0949AQ").out
    assert shop("customer", "package", "0949AQ", "--cancel", "--reason", "no").code == 0
    assert shop("customer", "show", "0949AQ", "--json").document["package_name"] == "double"
    assert "has the package that is paid for" in shop("customer", "package", "0949AQ", "--cancel", "--reason", "no").err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("customer", "package", "0949AQ", "week"), 2, "--at-once or --at-renewal"),
        (("customer", "package", "0949AQ", "--at-once"), 2, "--at-once or --at-renewal"),
        (("customer", "package", "0949AQ", "week", "--cancel"), 2, "--at-once or --at-renewal"),
        (("customer", "package", "0949AQ", "--cancel"), 2, "--cancel needs --reason"),
        (("customer", "package", "NOBODY", "week", "--at-once"), 1, "no customer NOBODY"),
        (("package", "add", "week", "--isp", "1", "--price", "400"), 1, "ISP 1 has a package week"),
        (("package", "add", "x", "--isp", "1", "--price", "1", "--period", "soon"), 1, "period: 'soon' is no period"),
        (
            ("package", "add", "x", "--isp", "1", "--price", "1", "--profile", "a b"),
            1,
            "profile: 'a b' is not the name",
        ),
        (("package", "update", "none", "--isp", "1", "--price", "1"), 1, "ISP 1 has no package none"),
        (("package", "update", "week", "--isp", "1"), 2, "say what is to be changed"),
        (("package", "show", "none", "--isp", "1"), 1, "there is no package 'none'"),
    ],
)
def test_what_cannot_be_is_refused(shop, words, code, said):
    told = shop(*words)
    assert (told.code, said in told.err) == (code, True), told.err


def test_files_name_packages_and_what_is_exported_is_imported_again(shop, tmp_path):
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text("account,name,isp,package,package_name\nA1,Ann,1,,week\nA2,Ben,1,250,week\nA3,Cy,1,,gold\n")
    assert "ISP 1 sells no package called gold" in shop("customer", "import", file).out
    customers = {one["account_name"]: one for one in shop("customer", "list", "--json").document["customers"]}
    shown = {name: (one["package"], one["package_name"], one["period"]) for name, one in customers.items()}
    assert shown == {
        "0949AQ": ("1000.00", "", "1 month"), "A1": ("300.00", "week", "7 days"), "A2": ("250.00", "week", "7 days")
    }  # fmt: skip
    file.write_text("account,isp,package_name\n0949AQ,1,double\nA2,1,week\n")
    assert shop("customer", "import", file, "--update").code == 0
    assert shop("customer", "show", "A2", "--json").document["package"] == "250.00"
    shown = shop("customer", "show", "0949AQ", "--json").document
    assert (shown["package"], shown["line_package"]) == ("2000.00", "double")
    assert shop("customer", "import", out, "--export").code == 0
    again = shop("customer", "import", out, "--update", "--json").document
    assert {one["result"] for one in again["lines"]} == {"unchanged"}
    assert shop("customer", "update", "A2", "--package-name", "").code == 0
    shown = shop("customer", "show", "A2", "--json").document
    assert (shown["package"], shown["package_name"], shown["period"]) == ("250.00", "", "1 month")
