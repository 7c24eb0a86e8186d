"""Customers: added, listed and shown, with their ISP and router by id or by name."""

import pytest
from rejesha.billing.v1 import account_service_pb2 as account


def test_a_customer_is_added_with_isp_and_router_by_name(installation, billing):
    options = ["--isp", "demo networks", "--router", "TOWER 1", "--package", "KES 1,000.50", "--phone", "+254712345678"]
    added = installation("customer", "add", "0949AQ", "--name", "Jane", *options)
    assert (added.code, added.out) == (0, "0949AQ is added.\n")
    customer = billing.customers()["0949AQ"]
    assert (customer.isp_id, customer.router_id, customer.package_cents) == (1, 1, 100050)
    assert customer.status == account.CUSTOMER_STATUS_INACTIVE


def test_a_customer_s_package_is_not_set_when_it_is_not_given(installation, billing):
    assert installation("customer", "add", "0949AQ", "--isp", "1").code == 0
    assert billing.customers()["0949AQ"].package_cents == 0


def test_a_refused_customer_names_the_fault_and_exits_with_1(installation):
    refused = installation("customer", "add", "0949AQ")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "rejesha: 0949AQ is not added: isp_id: there is no ISP named.\n"


@pytest.mark.parametrize(("given", "sentence"), [("Nobody", "there is no ISP 'Nobody'"), ("9", "there is no ISP '9'")])
def test_an_unknown_isp_is_named(installation, given, sentence):
    refused = installation("customer", "add", "0949AQ", "--isp", given)
    assert refused.code == 1
    assert sentence in refused.err


def test_an_ambiguous_name_asks_for_the_id(installation, billing):
    billing.add_isp("demo networks ")
    refused = installation("customer", "list", "--isp", "Demo Networks")
    assert (refused.code, refused.out) == (1, "")
    assert "one of 1, 2" in refused.err


def test_customers_are_shown_with_the_names_of_their_isp_and_router(installation):
    installation("customer", "add", "0949AQ", "--name", "Jane", "--isp", "1", "--router", "1", "--package", "1000")
    shown = installation("customer", "show", " 0949 aq")
    for fact in ("Jane", "Demo Networks", "Tower 1", "1,000.00", "inactive"):
        assert fact in shown.out
    document = installation("customer", "show", "0949AQ", "--json").document
    assert (document["package"], document["status"], document["last_reconnect_time"]) == ("1000.00", "inactive", None)


def test_a_customer_is_shown_without_the_router_s_name_when_router_control_is_down(installation, billing, monkeypatch):
    billing.add_customers("0949AQ", router_id=1)
    monkeypatch.setenv("REJESHA_ROUTER_CONTROL_TARGET", "127.0.0.1:1")
    shown = installation("customer", "list")
    assert shown.code == 0
    assert "#1" in shown.out
    assert "REJESHA_ROUTER_CONTROL_TARGET" in shown.err


def test_an_unknown_customer_is_named_with_the_contract_s_reason(installation):
    refused = installation("customer", "show", "0000ZZ")
    assert refused.code == 1
    assert refused.err == "rejesha: billing: no customer 0000ZZ (CUSTOMER_NOT_FOUND)\n"


def test_lists_are_read_page_by_page_up_to_the_limit(installation, billing):
    names = [f"{number:04}AA" for number in range(1203)]
    for start in (0, 1000):
        billing.add_customers(*names[start : start + 1000])
    everyone = installation("customer", "list", "--limit", "0", "--json").document
    assert (len(everyone["customers"]), everyone["more"]) == (1203, False)
    assert [one["account_name"] for one in everyone["customers"]] == names
    some = installation("customer", "list", "--limit", "510", "--json").document
    assert (len(some["customers"]), some["more"]) == (510, True)
    assert "There are more" in installation("customer", "list").err


def test_those_who_paid_and_are_not_on_are_listed(installation, billing):
    facts = {"next_payment_date": "2099-01-01", "router_id": 1}
    billing.add_customers("0001AA", status=account.CUSTOMER_STATUS_ACTIVE, **facts)
    billing.add_customers("0002AA", status=account.CUSTOMER_STATUS_INACTIVE, **facts)
    billing.add_customers("0003AA", **facts | {"next_payment_date": "2020-01-01"})
    waiting = installation("customer", "list", "--paid-but-not-on", "--json").document["customers"]
    assert [one["account_name"] for one in waiting] == ["0002AA"]


def test_those_without_a_number_are_listed(installation, billing):
    billing.add_customers("0001AA", phone="0712345678")
    billing.add_customers("0002AA", "0003AA")
    listed = installation("customer", "list", "--without-number", "--json").document["customers"]
    assert [one["account_name"] for one in listed] == ["0002AA", "0003AA"]
