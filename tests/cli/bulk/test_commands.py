"""`rejesha bulk`: seen first, applied with the token of what was seen, undone in one go; refused in words."""

import csv
import io

import pytest

TODAY = "2031-01-10"


@pytest.fixture
def dated(billing):
    """Three customers on router 1 who are due one day, and one who is not."""
    billing.add_customers(
        "B1", "B2", "B3", router_id=1, username="{name}", package_cents=100_000, next_payment_date=TODAY
    )
    billing.add_customers("B4", router_id=2, username="{name}", package_cents=50_000, next_payment_date=TODAY)
    return billing


def preview(installation, *words):
    return installation("bulk", "preview", *words, "--json").document["preview"]


def due(billing):
    return [one.next_payment_date for _, one in sorted(billing.customers().items())]


def test_days_are_previewed_applied_shown_and_undone(installation, dated):
    told = installation("bulk", "preview", "--isp", "Demo Networks", "--package", "1000", "--extend", "2")
    assert "Customers: 3; their packages together: KES 3,000.00." in told.out
    seen = preview(installation, "--isp", "1", "--package", "1000", "--paid", "--extend", "2")
    assert [one["after"] for one in seen["sample"]] == ["2031-01-12"] * 3
    assert due(dated) == [TODAY] * 4
    made = installation("bulk", "apply", seen["token"], "--reason", "tower down", "--by", "Asha")
    assert (made.code, "Customers: 3 changed." in made.out) == (0, True)
    assert due(dated) == ["2031-01-12"] * 3 + [TODAY]
    bulk_id = str(
        installation("bulk", "apply", seen["token"], "--reason", "again", "--json").document["bulk"]["bulk_id"]
    )
    assert due(dated) == ["2031-01-12"] * 3 + [TODAY]
    assert "is applied: 2 days more, by Asha: tower down" in installation("bulk", "show", bulk_id).out
    assert "3 put back" in installation("bulk", "undo", bulk_id, "--reason", "wrong one").out
    assert due(dated) == [TODAY] * 4
    again = installation("bulk", "apply", seen["token"], "--reason", "again")
    assert (again.code, "preview again" in again.err) == (1, True)


def test_a_price_is_changed_and_who_was_changed_since_is_named(installation, dated):
    seen = preview(installation, "--isp", "1", "--package", "1000", "--price", "1,200")
    assert (seen["sample"][0]["before"], seen["sample"][0]["after"]) == ("1000.00", "1200.00")
    made = installation("bulk", "apply", seen["token"], "--reason", "new year", "--json").document["bulk"]
    installation("customer", "update", "B2", "--package", "900", "--reason", "agreed")
    undone = installation("bulk", "undo", str(made["bulk_id"]), "--reason", "not yet")
    assert "2 put back, 1 not put back" in undone.out
    assert "package was changed since" in undone.out
    assert {name: one.package_cents for name, one in dated.customers().items()} == {
        "B1": 100_000, "B2": 90_000, "B3": 100_000, "B4": 50_000,
    }  # fmt: skip


def test_a_message_is_previewed_with_its_cost_and_withdrawn(installation, dated):
    dated.add_customers("B5", router_id=1, username="{name}", phone="0712000001", package_cents=100_000)
    words = ("--router", "1", "--message", "Dear {name}, the tower is down.")
    told = installation("bulk", "preview", *words).out
    assert "SMS: 1, for KES 0.50 of credits" in told
    assert "Left out: 3: there is no phone number on record." in told
    seen = preview(installation, *words)
    assert [one["after"] for one in seen["sample"]] == ["Dear B5, the tower is down."]
    assert (seen["sms_count"], seen["cost"]) == (1, "0.50")
    made = installation("bulk", "apply", seen["token"], "--reason", "outage", "--json").document["bulk"]
    assert (made["done"], made["plan"]["message"]) == (1, "Dear {name}, the tower is down.")
    assert "1 put back" in installation("bulk", "undo", str(made["bulk_id"]), "--reason", "it is up").out


def test_lines_are_cut_for_many_and_all_bulks_are_listed(installation, dated):
    seen = preview(installation, "--router", "1", "--suspend")
    assert [one["after"] for one in seen["sample"]] == ["by_staff"] * 3
    installation("bulk", "apply", seen["token"], "--reason", "tower sold", "--by", "Asha")
    assert "off (by_staff)" in installation("line", "show", "B1").out
    token = preview(installation, "--isp", "1", "--package", "1000", "--extend", "2")["token"]
    installation("bulk", "apply", token, "--reason", "outage")
    rows = list(csv.DictReader(io.StringIO(installation("bulk", "list", "--csv").out)))
    assert [(row["what"], row["whom"], row["customers"], row["state"]) for row in rows] == [
        ("2 days more", "ISP 1, package 1,000.00", "3 changed", "applied"),
        ("cut by staff", "router 1", "3 changed", "applied"),
    ]
    listed = installation("bulk", "list", "--limit", "1", "--json").document
    assert ([one["reason"] for one in listed["bulks"]], listed["more"]) == (["outage"], True)
    assert "tower sold" in installation("bulk", "list").out
    assert "3 put back" in installation("bulk", "undo", rows[1]["bulk_id"], "--reason", "not sold").out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("preview", "--isp", "1"), 2, "--extend DAYS, --price KES, --message TEXT or --suspend"),
        (("preview", "--isp", "1", "--suspend", "--extend", "1"), 2, "--extend DAYS, --price KES"),
        (("preview", "--isp", "1", "--message", "{nmae}"), 1, "{nmae} is no place: {name}, {account}"),
        (("preview", "--unpaid", "--extend", "1"), 1, "say of which ISP or router"),
        (("preview", "--isp", "1", "--price", "5"), 1, "say which ISP, and the old price"),
        (("preview", "--isp", "1", "--due-from", "soon", "--extend", "1"), 1, "'soon' is not a day"),
        (("apply", "x", "--reason", "why"), 1, "none of a preview"),
        (("apply", "x"), 1, "reason: 1 to 200"),
        (("undo", "7", "--reason", "why"), 1, "there is no bulk 7"),
    ],
)
def test_what_cannot_be_is_refused(installation, words, code, said):
    told = installation("bulk", *words)
    assert (told.code, said in told.err) == (code, True), told.err
