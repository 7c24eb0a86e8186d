"""Who is there already is changed to what a file says, on request; and what is on record is written as such a file."""

import pytest

from tests.cli import serving

FACTS = {"username": "{name}", "full_name": "Jane", "package_cents": 100_000, "router_id": 1, "phone": "0712345678"}


@pytest.fixture
def people(billing):
    billing.add_customers("0949AQ", **FACTS, next_payment_date="2026-11-30")
    billing.add_customers("0950AR", **FACTS | {"full_name": '=Otieno, "O\'"', "phone": "254712000002"})
    billing.add_customers("0777", isp_id=1)
    return billing


def lines(*more):
    return "\n".join(["id,account,name,package,router,isp,username,phone,paid until", *more])


def test_a_dry_run_shows_each_change_line_by_line_and_without_update_nothing_changes(installation, people, tmp_path):
    (tmp_path / "c.csv").write_text(
        lines(
            ",0949 aq,Jane W,1500,,,jane,,2026-12-31",
            ",0950AR,,,,,,,",
            ",0777,,,,,,,",
            ",0999ZZ,New,500,,1,,,2026-12-01",
            ",0777 ,Twice,,,,,,",
        )
    )
    before = people.customers()
    plain = installation("customer", "import", "c.csv", "--dry-run", "--json").document
    assert (plain["created"], plain["changed"], plain["bad"]) == (1, 0, 4)
    dry = installation("customer", "import", "c.csv", "--update", "--dry-run", "--json")
    told = {line["line"]: line for line in dry.document["lines"]}
    assert [(one["field"], one["before"], one["after"]) for one in told[2]["changes"]] == [
        ("full_name", "Jane", "Jane W"), ("username", "0949AQ", "jane"), ("package", "1000.00", "1500.00"),
    ]  # fmt: skip
    assert [told[n]["result"] for n in (2, 3, 4, 5, 6)] == ["changed", "unchanged", "unchanged", "created", "bad"]
    assert "Due dates that differ: 1" in dry.err
    assert people.customers() == before


def test_lines_are_changed_and_due_dates_only_with_a_reason(installation, people, tmp_path):
    (tmp_path / "c.csv").write_text(lines(",0949AQ,Jane W,1500,,,,,2026-12-31", ",0950AR,,,,,0949AQ,,"))
    done = installation("customer", "import", "c.csv", "--update", "--by", "Asha")
    assert done.code == 1, done.out
    assert "username: 0949AQ on this router is the line of 0949AQ" in done.out
    assert "1500.00" in done.out
    assert "1 changed" in done.out
    jane = people.customers()["0949AQ"]
    assert (jane.full_name, jane.package_cents, jane.next_payment_date, jane.phone) == (
        "Jane W", 150_000, "2026-11-30", "0712345678"
    )  # fmt: skip
    installation("customer", "import", "c.csv", "--update", "--reason", "list of December", "--by", "Asha")
    assert people.customers()["0949AQ"].next_payment_date == "2026-12-31"
    line, newest, *_ = installation("customer", "history", "0949AQ", "--json").document["changes"]
    assert (line["field"], line["after"]) == ("line", "on (paid)")  # which follows from it
    assert (newest["field"], newest["reason"], newest["actor"]) == ("next_payment_date", "list of December", "Asha")


def test_a_line_with_an_id_gives_its_customer_another_account(installation, people, tmp_path):
    (tmp_path / "c.csv").write_text(f"id,account\n{people.customers()['0950AR'].customer_id},0950AS\n")
    done = installation("customer", "import", "c.csv", "--update", "--json").document
    (line,) = done["lines"]
    assert line["changes"] == [{"field": "account_name", "before": "0950AR", "after": "0950AS"}]
    assert "0950AS" in people.customers()


def test_what_is_exported_is_there_already_and_makes_the_same_customers_elsewhere(
    installation, people, tmp_path, monkeypatch, migrated, tmp_path_factory
):
    with people.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE pppoe_users SET phone = 'N/A' WHERE account_name = '0777'")
    people.add_customers("CLOSED", isp_id=1)
    installation("customer", "close", "CLOSED", "--reason", "gone", "--yes")
    written = installation("customer", "import", "out.csv", "--export")
    assert (written.code, written.out) == (0, "out.csv: 3 lines written.\n")
    assert "Phones that are no mobile numbers are left out: 0777" in written.err
    body = (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    for kept in ('""0712345678""', '""2026-11-30""', '""0777""'):
        assert kept in body  # a spreadsheet leaves them as they are
    for option in ((), ("--update",)):
        again = installation("customer", "import", "out.csv", "--json", *option).document
        assert (again["unchanged"], again["changed"], again["bad"]) == ((3, 0, 0) if option else (2, 0, 1))
    assert installation("customer", "import", "out.csv", "--export").code == 1
    there = {name: one for name, one in people.customers().items() if not one.closed}
    there["0777"].phone = ""
    with serving.serve_billing(migrated["billing"], tmp_path_factory.mktemp("other")) as other:
        monkeypatch.setenv("REJESHA_BILLING_TARGET", other.target)
        assert installation("customer", "import", "out.csv").code == 0
        assert other.customers() == there
