"""ISPs and customers are changed over gRPC; each change is kept with what was before."""

from datetime import date

import pytest
import sqlalchemy as sa
from billing.calendar import NAIROBI
from billing.schema import account_changes, payment_debug_log, pppoe_users, tasks
from billing.tasks.rules import AccessOutcome
from google.protobuf.field_mask_pb2 import FieldMask
from rejesha.billing.v1 import account_service_pb2 as pb

from tests.billing.changes.changing import change, change_isp, get
from tests.billing.dispatching import lines, switched
from tests.billing.serving import pages, payment, refused


def test_what_is_changed_is_kept_with_what_was_before(client, desk):
    fields = {"full_name": "Jane", "package_cents": 150_000, "router_id": 2, "phone": "0722 000 001"}
    dry = change(client, " 0949 aq", validate_only=True, **fields)
    assert desk.rows(account_changes) == []
    done = change(client, " 0949 aq", "moved house", **fields)
    assert [(one.field, one.before, one.after) for one in done.changes] == [
        ("full_name", "Customer 0949AQ", "Jane"),
        ("package", "1000.00", "1500.00"),
        ("router_id", "1", "2"),
        ("phone", "0712345678", "0722000001"),
    ]
    assert list(dry.changes) == list(done.changes)
    now = get(client, "0949AQ")
    assert (now.full_name, now.package_cents, now.router_id, now.phone) == ("Jane", 150_000, 2, "0722000001")
    assert (now.username, now.next_payment_date) == ("0949AQ", "2026-01-31")
    assert list(change(client, "0949AQ", **fields).changes) == []
    request = pb.ListChangesRequest(customer_id=done.customer_id, page_size=3)
    listed, sizes = pages(client.accounts.ListChanges, request, "changes")
    assert [one.change.field for one in listed] == ["phone", "router_id", "package", "full_name"]
    assert {(one.actor, one.reason) for one in listed} == {("Asha", "moved house")}
    assert sizes == [3, 1]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"account_name": "12 bc"}, "account_name: 12 bc is taken by customer 2"),
        ({"account_name": "wa001"}, "account_name: looks like an ISP's account"),
        ({"account_name": "SMS7"}, "account_name: looks like an ISP's account"),
        ({"account_name": ""}, "account_name: 1 to 100 characters"),
        ({"username": "wairimu"}, "username: wairimu on this router is the line of WAIRIMU1"),
        ({"router_id": 2, "username": "xy77"}, "username: xy77 on this router is the line of 77XY"),
        ({"phone": "N/A"}, "phone: not a Kenyan"),
        ({"package_cents": -1}, "package_cents"),
        ({"isp_id": 9}, "isp_id: there is no ISP 9"),
        ({"next_payment_date": "2026-02-30"}, "next_payment_date: not a day"),
        ({"next_payment_date": "2026-12-24"}, "next_payment_date: a due date is changed with a reason"),
        ({"closed": True}, "closed: closing needs a reason"),
    ],
)
def test_what_could_not_be_created_cannot_be_made_by_a_change(client, desk, fields, fault):
    second = desk.customer("12BC").id
    before = get(client, "0949AQ")
    error = change(client, "0949AQ", **fields).error
    assert error.startswith(fault.replace("customer 2", f"customer {second}"))
    assert get(client, "0949AQ") == before
    assert desk.rows(account_changes) == []


def test_a_field_that_is_not_asked_about_may_have_a_fault(client, desk):
    desk.set_customer("0949AQ", phone="N/A", amount=-5)
    assert change(client, "0949AQ", full_name="Jane").error == ""
    assert get(client, "0949AQ").phone == "N/A"


def test_two_customers_cannot_have_one_line_by_creation_either(client, desk):
    rows = [
        pb.Customer(account_name=account, isp_id=1, router_id=router, username=username)
        for account, router, username in [
            ("8A", 1, "wairimu"),
            ("8B", 2, "wairimu"),
            ("8C", 2, "wairimu"),
            ("8D", 0, "x"),
        ]
    ]
    errors = [result.error for result in client.create_customers(*rows)]
    assert errors == [
        "username: wairimu on this router is the line of WAIRIMU1", "",
        "username: wairimu on this router is the line of 8B", "",
    ]  # fmt: skip


def test_of_twins_one_is_changed_by_its_id(client, desk):
    desk.insert_customer("0949AQ", username="other", router_id=1)
    twins = [row.id for row in desk.rows(account_changes.metadata.tables["pppoe_users"], account_name="0949AQ")]
    assert change(client, "0949AQ", full_name="Jane").error == (
        f"account: 0949AQ is the account of customers {twins[0]} and {twins[1]}: say which"
    )
    assert change(client, "NOBODY", full_name="Jane").error == "account: nobody has NOBODY"
    assert change(client, customer_id=99_999, full_name="Jane").error == "customer_id: there is no customer 99999"
    assert change(client, customer_id=twins[1], account_name="0949AR").error == ""
    assert client.outcome(payment("A1"), payment("A2", "0949AR")) == ["customer_paid", "customer_paid"]


def test_a_change_names_who_makes_it_and_what(client):
    update = pb.CustomerUpdate(account="0949AQ", update_mask=FieldMask(paths=["status"]))
    unknown = pb.UpdateCustomersRequest(updates=[update], actor="Asha")
    nobody = pb.UpdateIspRequest(isp=pb.Isp(isp_id=1), update_mask=FieldMask(paths=["name"]))
    for call in (
        lambda: client.accounts.UpdateCustomers(unknown),
        lambda: client.accounts.UpdateIsp(nobody),
        lambda: change_isp(client, 1),
    ):
        assert refused(call) == ("INVALID_ARGUMENT", "INVALID_CHANGE")


def test_who_has_a_task_on_lease_while_the_line_changes_reports_too_late(client, desk, dispatcher):
    desk.pay("A1", "0949AQ")
    (leased,) = lines(desk)
    change(client, "0949AQ", router_id=2, username="jane")
    assert desk.report(switched(leased)) == [leased.task_id]
    assert desk.customer("0949AQ").status == "inactive"
    dispatcher.carry_out()
    assert dispatcher.switched == [(2, "jane")]


def test_a_line_that_was_given_up_is_tried_again_when_it_is_corrected(client, desk, dispatcher):
    desk.set_customer("0949AQ", username="0949QA")
    desk.pay("A1", "0949AQ")
    dispatcher.script[1] = [AccessOutcome.NO_SUCH_SECRET]
    dispatcher.carry_out()
    change(client, "0949AQ", username="0949AQ")
    dispatcher.carry_out()
    assert dispatcher.switched == [(1, "0949AQ")]


def test_a_due_date_that_is_moved_moves_the_end_of_what_waits(client, desk, dispatcher):
    desk.pay("A1", "0949AQ")
    dispatcher.script[1] = [AccessOutcome.UNREACHABLE]
    dispatcher.carry_out()
    change(client, "0949AQ", "goodwill", next_payment_date="2099-05-31")
    end = desk.one(tasks, kind="set_access").expire_time.astimezone(NAIROBI)
    assert end.date() == date(2099, 6, 1)
    change(client, "0949AQ", "mistaken", next_payment_date="2020-01-01")
    assert desk.one(tasks, kind="set_access").state == "expired"


def test_an_isp_is_changed_and_what_it_was_is_kept(client, desk):
    answer = change_isp(client, 1, name="Demo Net", sms_account="SMS1001", contact_phone="0711 000-009")
    assert [(one.field, one.before, one.after) for one in answer.changes] == [
        ("name", "Demo Networks", "Demo Net"),
        ("sms_account", "SMS001", "SMS1001"),
        ("contact_phone", "254711000001", "0711000009"),
    ]
    assert (answer.isp.name, answer.isp.sms_account, answer.isp.wa_account) == ("Demo Net", "SMS1001", "WA001")
    listed = client.accounts.ListChanges(pb.ListChangesRequest(isp_id=1)).changes
    assert [one.change.field for one in listed] == ["contact_phone", "sms_account", "name"]
    assert client.outcome(payment("A1", "SMS1001")) == ["sms_credits"]
    for fields, reason in [
        ({"wa_account": "wa 002"}, "ACCOUNT_TAKEN"),
        ({"wa_account": "Wairimu1"}, "ACCOUNT_TAKEN"),
        ({"wa_account": "SMS5"}, "INVALID_ISP"),
        ({"name": ""}, "INVALID_ISP"),
        ({"closed": True}, "INVALID_ISP"),
    ]:
        assert refused(lambda fields=fields: change_isp(client, 1, **fields))[1] == reason
    assert refused(lambda: change_isp(client, 99, name="x")) == ("NOT_FOUND", "ISP_NOT_FOUND")


def test_a_due_date_that_is_given_by_hand_forgets_the_day_that_its_month_was_too_short_for(client, desk):
    desk.set_customer("0949AQ", next_payment_date=date(2027, 2, 28), due_day=31)
    assert change(client, "0949AQ", "agreed", next_payment_date="2027-04-30").changes
    row = desk.customer("0949AQ")
    assert (row.next_payment_date, row.due_day) == (date(2027, 4, 30), None)


@pytest.mark.parametrize(
    ("lacking", "given"), [({"amount": None}, {"package_cents": 100_000}), ({"isp_id": None}, {"isp_id": 2})], ids=str
)
def test_what_was_held_for_want_of_something_on_record_settles_when_that_is_given(
    client, desk, dispatcher, lacking, given
):
    desk.insert_customer("5555ZZ", **({"router_id": 1, "username": "u5"} | lacking))
    assert client.outcome(payment("A1", "5555zz"), payment("A2", "55 55ZZ"), payment("A3", "77YY")) == ["unmatched"] * 3
    assert change(client, "5555ZZ", validate_only=True, **given).changes
    assert {desk.payment(one).outcome for one in ("A1", "A2", "A3")} == {"unmatched"}
    assert change(client, "5555ZZ", **given).changes
    assert [desk.payment(one).outcome for one in ("A1", "A2", "A3")] == ["customer_paid", "customer_paid", "unmatched"]
    assert desk.wallet(given.get("isp_id", 1)) == 200_000
    dispatcher.run()
    assert set(dispatcher.switched) == {(1, "u5")}
    assert "Asha" in str(desk.rows(payment_debug_log, category="CUSTOMER_PAYMENT_START"))
    desk.check_books()


def test_what_cannot_settle_yet_does_when_the_update_is_repeated(client, desk):
    desk.insert_customer("5555ZZ", amount=None)
    desk.insert_customer("6666ZZ")
    assert client.outcome(payment("A1", "5555ZZ")) == ["unmatched"]
    twin = desk.customer("6666ZZ").id
    desk.set_customer("6666ZZ", account_name="5555 zz")
    one = desk.customer("5555ZZ").id
    assert change(client, customer_id=one, package_cents=100_000).changes
    assert desk.payment("A1").outcome == "unmatched"  # two have the account now
    desk.execute(sa.delete(pppoe_users).where(pppoe_users.c.id == twin))
    assert list(change(client, customer_id=one, package_cents=100_000).changes) == []
    assert desk.payment("A1").outcome == "customer_paid"
