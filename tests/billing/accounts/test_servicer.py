"""AccountService through a real gRPC server: good rows are created, bad ones named."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from billing.schema import isp_wallet, pppoe_users
from rejesha.billing.v1 import account_service_pb2 as account_pb
from servicekit.rpc.errors import RowLocked

from tests.billing.concurrency import at_once
from tests.billing.serving import pages, payment, refused

INVALID = ("INVALID_ARGUMENT", "INVALID_PAYMENT")


def create_isp(client, name="Third", **fields):
    return client.accounts.CreateIsp(account_pb.CreateIspRequest(isp=account_pb.Isp(name=name, **fields))).isp


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"contact_phone": "12345"},
        {"contact_phone": "+44 7700 900000"},
        {"sms_account": "XYZ1"},
        {"wa_account": "SMS9"},
        {"pay_account_number": "ACC" + "1" * 98},
        {"isp_id": -1},
        {"isp_id": 2**31},
    ],
)
def test_an_isp_that_nobody_could_pay_is_refused(client, bad):
    assert refused(lambda: create_isp(client, **bad)) == ("INVALID_ARGUMENT", "INVALID_ISP")


@pytest.mark.parametrize("taken", [{"sms_account": " sms 001"}, {"wa_account": "wa002"}, {"wa_account": "Wairimu1"}])
def test_an_account_belongs_to_one_isp_or_customer(client, taken):
    assert refused(lambda: create_isp(client, **taken)) == ("ALREADY_EXISTS", "ACCOUNT_TAKEN")


def test_isps_are_listed_with_what_they_own(client):
    created = create_isp(client, "Third", sms_account="SMS3", contact_phone="00254 711 000 003")
    assert created.isp_id == 3
    client.record(payment("A1", "ACC001"), payment("A2", "SMS3", 170), payment("A3", "WA001", 20))
    listed = client.accounts.ListIsps(account_pb.ListIspsRequest()).isps
    assert [(one.isp_id, one.wallet_cents, one.sms_credits, one.whatsapp_credits) for one in listed] == [
        (1, 100_000, 0, 1), (2, 0, 0, 0), (3, 20, 3, 0)
    ]  # fmt: skip


def customer(account, **fields):
    return account_pb.Customer(account_name=account, **({"isp_id": 1, "package_cents": 100} | fields))


BAD_CUSTOMERS = {
    "account_name": [customer(""), customer(" \t"), customer("x" * 101), customer("SMS123"), customer("acc 1")],
    "customer_id": [customer("9AB", customer_id=number) for number in (-1, 2**31, 2**62)],
    "isp_id": [customer("9AB", isp_id=0), customer("9AB", isp_id=99), customer("9AB", isp_id=2**62)],
    "full_name": [customer("9AB", full_name="x" * 256)],
    "username": [customer("9AB", username="x" * 101)],
    "phone": [customer("9AB", phone="07123"), customer("9AB", phone="٠٧١٢٣٤٥٦٧٨")],
    "package_cents": [customer("9AB", package_cents=-5), customer("9AB", package_cents=2**62)],
    "router_id": [customer("9AB", router_id=-1), customer("9AB", router_id=2**31)],
    "next_payment_date": [
        customer("9AB", next_payment_date=day) for day in ("x", "2026-02-30", "31/01/2026", "0000-00-00", "20260101")
    ],
}


@pytest.mark.parametrize("field", BAD_CUSTOMERS)
def test_a_bad_row_is_named_and_the_good_ones_are_created(client, desk, field):
    results = client.create_customers(customer("8AA"), *BAD_CUSTOMERS[field], customer("8BB"))
    assert all(field in result.error for result in results[1:-1]), results
    assert [results[0].error, results[-1].error] == ["", ""]
    assert desk.customer("8AA").id == results[0].customer_id
    assert desk.customer("8BB").id == results[-1].customer_id


def test_a_dry_run_says_the_same_and_creates_nothing(client, desk):
    rows = [customer("8AA"), customer("8 aa"), customer("8aa", package_cents=5), customer("SMS1"), customer("0949AQ")]
    dry = client.create_customers(*rows, validate_only=True)
    assert [bool(result.error) for result in dry] == [False, False, True, True, True]
    assert [result.customer_id for result in dry] == [0, 0, 0, 0, 0]
    wet = client.create_customers(*rows)
    assert [result.error for result in wet][3:] == [result.error for result in dry][3:]
    assert [bool(result.error) for result in wet] == [False, False, True, True, True]
    again = client.create_customers(rows[0])[0]
    assert (again.unchanged, again.customer_id) == (True, wet[0].customer_id)


def test_a_row_gets_the_id_that_it_wants_and_no_other_row_gets_it_first(client, desk):
    free = client.create_customers(customer("8AA"))[0].customer_id + 1
    rows = [customer("8BB"), customer("8CC", customer_id=free), customer("8DD", customer_id=free)]
    dry, wet = client.create_customers(*rows, validate_only=True), client.create_customers(*rows)
    assert [result.error for result in dry] == [result.error for result in wet]
    assert [desk.customer(account).id == free for account in ("8BB", "8CC")] == [False, True]
    assert wet[2].error == f"customer_id: id {free} belongs to 8CC already"


def test_an_isp_that_comes_back_under_its_id_finds_its_wallet(client, desk):
    """Where only the tables of money were adopted, the ISPs come from a file."""
    with desk.engine.begin() as connection:
        connection.execute(sa.insert(isp_wallet), [{"isp_id": 9, "balance": 12_300, "last_updated": datetime.now(UTC)}])
    request = account_pb.CreateIspRequest(isp=account_pb.Isp(isp_id=9, name="Ninth"), validate_only=True)
    assert client.accounts.CreateIsp(request).isp.isp_id == 9
    assert (create_isp(client, "Ninth", isp_id=9).wallet_cents) == 12_300
    assert refused(lambda: create_isp(client, "Other", isp_id=9)) == ("ALREADY_EXISTS", "ID_TAKEN")


def test_a_customer_cannot_have_an_isp_s_account(client):
    create_isp(client, wa_account="WAMBUI")
    assert "account_name" in client.create_customers(customer("wambui"))[0].error


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_of_customers_has_1_to_1000(client, count):
    rows = [customer(f"C{n}") for n in range(count)]
    assert refused(lambda: client.create_customers(*rows)) == ("INVALID_ARGUMENT", "BATCH_TOO_LARGE")


def test_the_same_customers_imported_ten_times_at_once_are_created_once(client, desk):
    rows = [customer(f"8{letter}{letter}") for letter in "ABCDEF"]

    def create():
        """Who has waited a second for the others is told so, and asks again."""
        while True:
            with suppress(RowLocked):
                return client.create_customers(*rows)

    answers = at_once([create] * 10)
    ids = [[result.customer_id for result in results] for results in answers]
    assert len({tuple(one) for one in ids}) == 1
    assert [desk.customer(row.account_name).id for row in rows] == ids[0]


def test_customers_are_got_and_listed(client, desk):
    found = client.accounts.GetCustomer(account_pb.GetCustomerRequest(account_name=" 0949 aq")).customer
    assert (found.package_cents, found.status) == (100_000, account_pb.CUSTOMER_STATUS_INACTIVE)
    nobody = account_pb.GetCustomerRequest(account_name="NOBODY")
    assert refused(lambda: client.accounts.GetCustomer(nobody)) == ("NOT_FOUND", "CUSTOMER_NOT_FOUND")
    listed, sizes = pages(client.accounts.ListCustomers, account_pb.ListCustomersRequest(page_size=3), "customers")
    assert [one.account_name for one in listed] == ["0949AQ", "12BC", "WAIRIMU1", "77XY"]
    assert sizes == [3, 1]
    of_isp = account_pb.ListCustomersRequest(isp_id=2)
    assert [one.account_name for one in client.accounts.ListCustomers(of_isp).customers] == ["77XY"]


def test_who_has_no_mobile_number_on_record_is_listed_page_by_page(client, desk):
    for account, phone in [("9A", "N/A"), ("9B", "0712345678/07223456"), ("9C", "+254 712 000 009"), ("9D", "")]:
        desk.insert_customer(account, phone=phone, router_id=None)
    desk.insert_customer("9E", phone="-", closed_at=datetime.now(UTC))
    request = account_pb.ListCustomersRequest(without_number=True, page_size=2)
    listed, sizes = pages(client.accounts.ListCustomers, request, "customers")
    assert [one.account_name for one in listed] == ["77XY", "9A", "9B", "9D"]
    assert sizes == [2, 2, 0]
    of_isp = account_pb.ListCustomersRequest(without_number=True, isp_id=2)
    assert [one.account_name for one in client.accounts.ListCustomers(of_isp).customers] == ["77XY"]


def test_who_paid_and_is_not_on_is_found_also_without_a_status(client, desk, dispatcher):
    client.record(payment("A1"), payment("A2", "12BC", 150_050), payment("A3", "77XY", 1), payment("A4", "WAIRIMU1"))
    desk.set_customer("12BC", status=None)
    desk.set_customer("WAIRIMU1", status="active")
    waiting = account_pb.ListCustomersRequest(paid_but_not_on=True)
    assert [one.account_name for one in client.accounts.ListCustomers(waiting).customers] == ["0949AQ", "12BC"]


@pytest.mark.parametrize(
    "typed",
    [
        "0201\u200baa\ufeff",
        "\u202a02 01AA\u202c",
        "\uff10\uff12\uff10\uff11\uff21\uff21",
        "02\u200901\u3000AA",
        "0201AA",
    ],
)
def test_characters_that_nobody_sees_count_neither_in_an_account_nor_in_what_is_typed(client, desk, typed):
    """Pasted from a spreadsheet or a chat, on either side."""
    (created,) = client.create_customers(customer(typed))
    assert desk.one(pppoe_users, id=created.customer_id).account_name.replace(" ", "").upper() == "0201AA"
    assert "is taken by" in client.create_customers(customer("0201AA", package_cents=5))[0].error
    typings = ["0201AA", "0201\u2060AA", "\u200e0201aa\u200f", "\uff10\uff12\uff10\uff11AA"]
    assert client.outcome(*(payment(f"A{n}", one) for n, one in enumerate(typings))) == ["customer_paid"] * 4
    found = client.accounts.GetCustomer(account_pb.GetCustomerRequest(account_name="\u200b0201aa")).customer
    assert found.customer_id == created.customer_id
    # The same callback once more, as another program passed it on.
    assert client.record(payment("A1", "0201AA"))[0].repeated
