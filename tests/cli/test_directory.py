"""ISPs, routers and customers: added, listed, changed, by id or by name."""

import pytest
from rejesha.billing.v1 import account_service_pb2 as account_pb
from rejesha.router_control.v1 import router_control_service_pb2 as routers


def test_an_isp_is_added_and_listed_with_its_wallet_in_shillings(installation, billing):
    added = installation("isp", "add", "Nyota Net", "--sms-account", "SMS002", "--contact-phone", "0712 345-678")
    assert (added.code, added.out) == (0, "ISP 2 is added: Nyota Net.\n")
    assert billing.isps[2].contact_phone == "0712345678"
    listed = installation("isp", "list", "--json").document
    assert [(isp["isp_id"], isp["name"], isp["wallet"]) for isp in listed["isps"]] == [
        (1, "Demo Networks", "1234.56"),
        (2, "Nyota Net", "0.00"),
    ]
    table = installation("isp", "list").out
    assert "1,234.56" in table
    assert "Nyota Net" in table


def test_a_phone_that_is_none_is_a_usage_error(installation, billing):
    refused = installation("isp", "add", "Nyota Net", "--contact-phone", "12345")
    assert refused.code == 2
    assert "no Kenyan mobile number" in refused.err
    assert list(billing.isps) == [1]


def test_a_customer_is_added_with_isp_and_router_by_name(installation, billing):
    options = ["--isp", "demo networks", "--router", "TOWER 1", "--package", "KES 1,000.50", "--phone", "+254712345678"]
    added = installation("customer", "add", "0949AQ", "--name", "Jane", *options)
    assert (added.code, added.out) == (0, "0949AQ is added.\n")
    customer = billing.customers["0949AQ"]
    assert (customer.isp_id, customer.router_id, customer.package_cents) == (1, 1, 100050)
    assert customer.status == account_pb.CUSTOMER_STATUS_INACTIVE


def test_a_customer_s_package_is_not_set_when_it_is_not_given(installation, billing):
    assert installation("customer", "add", "0949AQ", "--isp", "1").code == 0
    assert billing.customers["0949AQ"].package_cents == 0


def test_a_refused_customer_names_the_fault_and_exits_with_1(installation):
    refused = installation("customer", "add", "0949AQ")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "rejesha: 0949AQ is not added: isp_id: there is no such ISP.\n"


@pytest.mark.parametrize(("given", "sentence"), [("Nobody", "there is no ISP 'Nobody'"), ("9", "there is no ISP '9'")])
def test_an_unknown_isp_is_named(installation, given, sentence):
    refused = installation("customer", "add", "0949AQ", "--isp", given)
    assert refused.code == 1
    assert sentence in refused.err


def test_an_ambiguous_name_asks_for_the_id(installation, billing):
    billing.isps[2] = account_pb.Isp(isp_id=2, name="demo networks ")
    refused = installation("customer", "list", "--isp", "Demo Networks")
    assert (refused.code, refused.out) == (1, "")
    assert "one of 1, 2" in refused.err


def test_customers_are_shown_with_the_names_of_their_isp_and_router(installation, billing):
    installation("customer", "add", "0949AQ", "--name", "Jane", "--isp", "1", "--router", "1", "--package", "1000")
    shown = installation("customer", "show", " 0949 aq")
    for fact in ("Jane", "Demo Networks", "Tower 1", "1,000.00", "inactive"):
        assert fact in shown.out
    document = installation("customer", "show", "0949AQ", "--json").document
    assert (document["package"], document["status"], document["last_reconnect_time"]) == ("1000.00", "inactive", None)


def test_a_customer_is_shown_without_the_router_s_name_when_router_control_is_down(installation, billing, monkeypatch):
    billing.customers["0949AQ"] = account_pb.Customer(account_name="0949AQ", router_id=1, isp_id=1)
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
    for number in range(1203):
        account = f"{number:04}AA"
        billing.customers[account] = account_pb.Customer(account_name=account, customer_id=number + 1, isp_id=1)
    everyone = installation("customer", "list", "--limit", "0", "--json").document
    assert (len(everyone["customers"]), everyone["more"]) == (1203, False)
    assert [one["account_name"] for one in everyone["customers"]] == list(billing.customers)
    billing.page_sizes.clear()
    some = installation("customer", "list", "--limit", "510", "--json").document
    assert (len(some["customers"]), some["more"], billing.page_sizes) == (510, True, [500, 10])
    assert "There are more" in installation("customer", "list").err


def test_those_who_paid_and_are_not_on_are_listed(installation, billing):
    on, off = account_pb.CUSTOMER_STATUS_ACTIVE, account_pb.CUSTOMER_STATUS_INACTIVE
    billing.customers["0001AA"] = account_pb.Customer(account_name="0001AA", status=on)
    billing.customers["0002AA"] = account_pb.Customer(account_name="0002AA", status=off)
    waiting = installation("customer", "list", "--paid-but-not-on", "--json").document["customers"]
    assert [one["account_name"] for one in waiting] == ["0002AA"]


def test_a_router_s_password_goes_in_by_file_and_never_comes_out(installation, router_control, tmp_path):
    (tmp_path / "password").write_text("s3cret-word\n")
    options = ["--username", "api", "--password-file", tmp_path / "password", "--tls"]
    added = installation("router", "add", "Hill", "hill.example", *options, "--json")
    assert router_control.passwords[2] == "s3cret-word"
    assert (added.document["has_password"], added.document["tls"]) == (True, True)
    everything = added.out + installation("router", "list").out + installation("router", "list", "--json").out
    assert "s3cret" not in everything


def test_an_update_changes_only_what_is_given(installation, router_control):
    installation("router", "add", "Hill", "10.0.0.2", "--username", "api", "--password-file", "-", stdin="old\n")
    assert installation("router", "update", "hill", "--name", "Top").code == 0
    router = router_control.registry[2]
    assert (router.name, router.address, router.port, router.username) == ("Top", "10.0.0.2", 0, "api")
    assert router_control.passwords[2] == "old"


def test_a_router_s_password_goes_nowhere_else_unless_it_is_given_again(installation, router_control):
    installation("router", "add", "Hill", "10.0.0.2", "--username", "api", "--password-file", "-", stdin="old\n")
    elsewhere = ["--address", "10.0.0.3", "--port", "8729", "--tls"]
    refused = installation("router", "update", "Hill", *elsewhere)
    assert (refused.code, router_control.registry[2].address) == (1, "10.0.0.2")
    assert "PASSWORD_NEEDED" in refused.err
    assert installation("router", "update", "Hill", *elsewhere, "--password-file", "-", stdin="new\n").code == 0
    router = router_control.registry[2]
    assert (router.address, router.port, router.tls, router_control.passwords[2]) == ("10.0.0.3", 8729, True, "new")


def test_the_default_login_is_sent_only_where_that_is_asked_for(installation, router_control):
    refused = installation("router", "add", "Hill", "10.0.0.2")
    assert (refused.code, list(router_control.registry)) == (1, [1])
    assert "LOGIN_NEEDED" in refused.err
    assert installation("router", "add", "Hill", "10.0.0.2", "--default-login").code == 0
    assert installation("router", "update", "Hill", "--address", "10.0.0.3").code == 1
    assert installation("router", "update", "Hill", "--address", "10.0.0.3", "--default-login").code == 0
    assert router_control.registry[2].address == "10.0.0.3"


def test_going_back_to_the_default_login_drops_the_own_password(installation, router_control):
    installation("router", "add", "Hill", "10.0.0.2", "--username", "api", "--password-file", "-", stdin="old\n")
    assert installation("router", "update", "Hill", "--default-login").code == 0
    router = router_control.registry[2]
    assert (router.username, router.has_password) == ("", False)


def test_a_replaced_certificate_is_shown_beside_the_old_one_and_trusted_when_confirmed(installation, router_control):
    router_control.registry[1].certificate_sha256 = "cd" * 32
    declined = installation("router", "trust", "1", stdin="n\n")
    assert (declined.code, router_control.registry[1].certificate_sha256) == (1, "cd" * 32)
    assert "ab" * 32 in declined.err
    assert "cd" * 32 in declined.err
    trusted = installation("router", "trust", "1", "--yes", "--json")
    assert router_control.registry[1].certificate_sha256 == "ab" * 32
    assert trusted.document == {"router_id": 1, "certificate_sha256": "ab" * 32, "previous_sha256": "cd" * 32}


@pytest.mark.parametrize("shown", [None, ""])
def test_a_router_that_shows_no_certificate_cannot_be_trusted(installation, router_control, shown):
    router_control.certificate = shown or ""
    router_control.unreachable = {1} if shown is None else set()
    refused = installation("router", "trust", "1", "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert ("no certificate" if shown == "" else "connection refused") in refused.err


def test_a_taken_name_is_refused_with_the_contract_s_reason(installation):
    refused = installation("router", "add", "Tower 1", "10.0.0.2", "--username", "api")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "rejesha: router-control: Tower 1 is taken (ROUTER_NAME_TAKEN)\n"


def test_a_router_is_only_removed_when_that_is_confirmed(installation, router_control):
    assert installation("router", "delete", "Tower 1", stdin="n\n").code == 1
    assert list(router_control.registry) == [1]
    removed = installation("router", "delete", "Tower 1", "--yes", "--json")
    assert removed.document == {"router_id": 1, "deleted": True}
    assert router_control.registry == {}


def test_a_check_says_what_a_router_is_and_that_it_lets_us_in(installation):
    checked = installation("router", "check", "Tower 1")
    assert checked.code == 0
    for fact in ("answers and lets us in", "Tower", "7.16 (stable)"):
        assert fact in checked.out


def test_a_check_of_a_dead_router_says_why_and_exits_with_1(installation, router_control):
    router_control.unreachable.add(1)
    checked = installation("router", "check", "1")
    assert checked.code == 1
    assert "unreachable" in checked.out
    assert "connection refused" in checked.out
    document = installation("router", "check", "1", "--json")
    assert (document.code, document.document["ok"], document.document["outcome"]) == (1, False, "unreachable")


def test_lines_are_read_and_switched_by_hand(installation, router_control):
    router_control.lines = {"u1": routers.ACCESS_DISABLED, "u2": routers.ACCESS_ENABLED}
    shown = installation("access", "show", "Tower 1", "u1", "u2", "--json").document
    assert [(one["username"], one["access"]) for one in shown["results"]] == [("u1", "disabled"), ("u2", "enabled")]
    enabled = installation("access", "enable", "Tower 1", "u1", "u2")
    assert enabled.code == 0
    assert "changed" in enabled.out
    assert "already so" in enabled.out
    installation("access", "disable", "1", "u2")
    assert router_control.lines == {"u1": routers.ACCESS_ENABLED, "u2": routers.ACCESS_DISABLED}


def test_a_line_that_could_not_be_switched_makes_exit_code_1(installation, router_control):
    ended = installation("access", "enable", "1", "nobody", "--json")
    assert ended.code == 1
    assert ended.document["results"][0]["outcome"] == "no_such_secret"
