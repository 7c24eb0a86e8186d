"""Customers are changed, closed and opened again by command; what was before is shown."""

import pytest
from rejesha.billing.v1 import account_service_pb2 as account


@pytest.fixture
def jane(billing):
    facts = {"full_name": "Jane", "package_cents": 100_000, "phone": "0712345678", "router_id": 1, "username": "jane"}
    billing.add_customers("0949AQ", **facts)


def test_what_is_given_is_changed_and_kept_with_what_was_before(installation, billing, router_control, jane):
    router_control.add("Hill", "10.0.0.2")
    options = ["--name", "Jane W", "--package", "1,500", "--router", "hill", "--phone", "", "--by", "Asha"]
    dry = installation("customer", "update", "0949 aq", *options, "--dry-run")
    assert (dry.code, "Dry run: nothing was changed." in dry.out) == (0, True)
    assert billing.customers()["0949AQ"].full_name == "Jane"
    done = installation("customer", "update", "0949 aq", *options, "--reason", "moved house")
    assert done.code == 0
    for fact in ("Jane W", "1000.00", "1500.00", "0712345678"):
        assert fact in done.out
    customer = billing.customers()["0949AQ"]
    assert (customer.full_name, customer.package_cents, customer.router_id, customer.phone, customer.username) == (
        "Jane W", 150_000, 2, "", "jane"
    )  # fmt: skip
    history = installation("customer", "history", "0949AQ", "--json").document["changes"]
    assert {(one["actor"], one["reason"]) for one in history} == {("Asha", "moved house")}
    assert [(one["field"], one["before"], one["after"]) for one in history] == [
        ("line", "", "on (paid)"),
        ("phone", "0712345678", ""),
        ("router_id", "1", "2"),
        ("package", "1000.00", "1500.00"),
        ("full_name", "Jane", "Jane W"),
    ]
    assert "moved house" in installation("customer", "history", "0949AQ").out
    assert "moved house" in installation("customer", "history", "0949AQ", "--csv").out


def test_a_due_date_is_changed_with_a_reason(installation, billing, jane):
    refused = installation("customer", "update", "0949AQ", "--next-payment-date", "2026-12-24")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == ("rejesha: 0949AQ is not changed: next_payment_date: a due date is changed with a reason.\n")
    options = ["--next-payment-date", "2026-12-24", "--reason", "was away"]
    assert installation("customer", "update", "0949AQ", *options).code == 0
    assert billing.customers()["0949AQ"].next_payment_date == "2026-12-24"


def test_nothing_given_is_a_usage_error_and_nobody_is_named(installation, jane):
    assert installation("customer", "update", "0949AQ").code == 2
    unknown = installation("customer", "update", "0000ZZ", "--name", "x")
    assert (unknown.code, unknown.err) == (1, "rejesha: 0000ZZ is not changed: account: nobody has 0000ZZ.\n")


def test_a_customer_is_named_by_id_too(installation, billing, jane):
    number = billing.customers()["0949AQ"].customer_id
    done = installation("customer", "update", f"id:{number}", "--account", "0949AR", "--json").document
    assert done["changes"] == [{"field": "account_name", "before": "0949AQ", "after": "0949AR"}]
    assert installation("customer", "show", f"id:{number}", "--json").document["account_name"] == "0949AR"


def test_a_closed_customer_s_line_is_switched_off_once_the_router_answers(installation, billing, jane):
    installation("customer", "update", "0949AQ", "--next-payment-date", "2126-01-01", "--reason", "a friend")
    closed = installation("customer", "close", "0949AQ", "--reason", "moved away", "--yes")
    assert closed.code == 0
    assert "0949AQ is closed: payments to it are held from now on." in closed.out
    assert "switched off as soon as the router answers" in closed.out
    assert billing.customers()["0949AQ"].closed
    billing.pay("QGH7SK61SU", "0949AQ")
    assert billing.get("QGH7SK61SU").payment.unmatched_reason == 7
    opened = installation("customer", "reopen", "0949AQ", "--reason", "came back")
    assert (opened.code, opened.out) == (0, "0949AQ is open again.\n")
    again = installation("customer", "close", "0949AQ", "--reason", "left", "--yes", "--json").document
    assert (again["line"]["wanted"], again["line"]["reason"], again["line"]["waits"]) == ("off", "closed", True)


def test_a_line_that_is_another_s_too_is_left_on(installation, billing, jane):
    twin = "INSERT INTO pppoe_users (account_name, isp_id, router_id, username) VALUES ('TWIN', 1, 1, 'jane')"
    with billing.engine.begin() as connection:
        connection.exec_driver_sql(twin)
    closed = installation("customer", "close", "TWIN", "--reason", "doubled", "--yes", "--json")
    assert (closed.code, closed.document["line"]["sharers"][0]["account_name"]) == (0, "0949AQ")
    assert "another customer's line" in closed.err


def test_closing_asks_first(installation, billing, jane):
    assert installation("customer", "close", "0949AQ").code == 2
    assert installation("customer", "close", "0949AQ", "--reason", "x", stdin="n\n").code == 1
    assert billing.customers()["0949AQ"].status == account.CUSTOMER_STATUS_INACTIVE
    assert not billing.customers()["0949AQ"].closed


def test_a_change_is_undone_by_its_number_once(installation, billing, jane):
    installation("customer", "update", "0949AQ", "--package", "1500", "--phone", "0722000001", "--by", "Asha")
    first, *_ = installation("customer", "history", "0949AQ", "--json").document["changes"]
    number = str(first["change_id"])
    assert number in installation("customer", "history", "0949AQ").out
    undone = installation("customer", "undo", number, "--reason", "typed wrong", "--by", "Juma")
    assert (undone.code, "1000.00" in undone.out, "0712345678" in undone.out) == (0, True, True)
    customer = billing.customers()["0949AQ"]
    assert (customer.package_cents, customer.phone) == (100_000, "0712345678")
    again = installation("customer", "undo", number, "--reason", "typed wrong")
    assert (again.code, again.out) == (1, "")
    assert f"Juma (undoes {number}: typed wrong) has changed it since" in again.err
