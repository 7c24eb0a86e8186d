"""What was changed on a customer is put back as it was, once, unless somebody has changed it since."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from billing.accounts.errors import AccountTaken, CannotUndo, ChangeNotFound, InvalidChange
from billing.changes import service as changes
from billing.changes.rules import Author, CustomerUpdate
from billing.changes.undoing import undo
from billing.lines import service as lines
from billing.lines.service import Whom
from billing.payees.rules import Isp, LineReason
from billing.payees.store import get_customers
from billing.policies.service import Asked, Noun, change, get
from billing.schema import account_changes, isps, line_policies, pppoe_users
from rejesha.billing.v1 import account_service_pb2 as pb

JANE, ASHA, JUMA = Whom(account="0949AQ"), Author("Asha", "as asked"), Author("Juma", "by mistake")
# What goes up, whatever is wanted.
ASIDE = {"line_version"}


@pytest.fixture
def paid(desk):
    """0949AQ has paid until the last day of a month that is shorter than her own."""
    desk.pay("A1", "0949AQ")
    desk.set_customer("0949AQ", due_day=31)
    return desk


def row(desk):
    return {name: value for name, value in desk.customer("0949AQ")._mapping.items() if name not in ASIDE}


def last(desk, field):
    return max(one.id for one in desk.rows(account_changes, field=field))


def update(desk, **fields):
    customer_id = desk.customer("0949AQ").id
    with desk.engine.begin() as connection:
        customer = get_customers(connection, [customer_id])[customer_id]
    for name, value in fields.items():
        setattr(customer, name, value)
    (result,) = changes.update_customers(
        desk.engine, desk.policy, [CustomerUpdate(customer.customer_id, "", list(fields), customer)], ASHA
    )
    assert not result.error


def take_back(desk, change_id, author=JUMA):
    return undo(desk.engine, desk.policy, change_id, author)


def test_after_an_undo_the_row_is_as_before_and_the_history_says_so(paid):
    before = row(paid)
    lines.extend(paid.engine, paid.policy, JANE, 5, ASHA)
    lines.hold(paid.engine, paid.policy, JANE, LineReason.PAUSED, ASHA)
    assert paid.customer("0949AQ").line_reason == "paused"
    update(paid, package_cents=250_000, router_id=2, username="other", phone="0722000001", isp_id=2)
    others = [one for one in paid.rows(pppoe_users) if one.account_name != "0949AQ"]
    for field in ("isp_id", "hold", "next_payment_date"):
        take_back(paid, last(paid, field))
    assert row(paid) == before
    assert [one for one in paid.rows(pppoe_users) if one.account_name != "0949AQ"] == others
    (moved, back) = paid.rows(account_changes, field="next_payment_date")
    assert (moved.old_value, moved.new_value) == (back.new_value, back.old_value)
    assert (back.actor, back.reason) == ("Juma", f"undoes {moved.id}: by mistake")


def test_the_line_follows_an_undo(paid):
    lines.hold(paid.engine, paid.policy, JANE, LineReason.BY_STAFF, ASHA)
    cut = lines.get(paid.engine, JANE)
    take_back(paid, last(paid, "hold"))
    report = lines.get(paid.engine, JANE)
    assert (cut.customer.wanted, report.customer.wanted, report.waits) == ("off", "on", True)
    assert report.customer.version == cut.customer.version + 1


def test_an_undo_can_be_undone_but_not_repeated(paid):
    before = row(paid)
    lines.extend(paid.engine, paid.policy, JANE, 5, ASHA)
    extended, change_id = row(paid), last(paid, "next_payment_date")
    take_back(paid, change_id)
    with pytest.raises(CannotUndo, match=rf"Juma \(undoes {change_id}: by mistake\) has changed it since"):
        take_back(paid, change_id)
    assert row(paid) == before
    take_back(paid, last(paid, "next_payment_date"))
    assert row(paid) == extended


def test_what_came_since_and_was_undone_is_no_obstacle(paid):
    before = row(paid)
    lines.hold(paid.engine, paid.policy, JANE, LineReason.PAUSED, ASHA)
    paused = last(paid, "hold")
    lines.hold(paid.engine, paid.policy, JANE, LineReason.BY_STAFF, ASHA)
    with pytest.raises(CannotUndo, match="has changed it since"):
        take_back(paid, paused)
    take_back(paid, last(paid, "hold"))
    take_back(paid, paused)
    assert row(paid) == before


def test_what_somebody_or_a_payment_has_changed_since_is_not_put_back(paid):
    lines.extend(paid.engine, paid.policy, JANE, 5, ASHA)
    first = last(paid, "next_payment_date")
    paid.pay("A2", "0949AQ")
    kept = row(paid)
    with pytest.raises(CannotUndo, match="payment A2 came since"):
        take_back(paid, first)
    update(paid, full_name="Jane")
    named = last(paid, "full_name")
    update(paid, full_name="Joan")
    update(paid, full_name="Jane")
    with pytest.raises(CannotUndo, match=r"Asha \(as asked\) has changed it since"):
        take_back(paid, named)
    assert row(paid) == kept | {"full_name": "Jane"}


def test_a_policy_is_put_back_as_it_was(paid):
    jane = Asked(Noun.CUSTOMER, account="0949AQ")
    change(paid.engine, jane, {"grace_days": "3"}, (), ASHA)
    change(paid.engine, jane, {"grace_days": "5", "language": "sw"}, (), ASHA)
    take_back(paid, last(paid, "policy.grace_days"))
    assert get(paid.engine, jane).own == {"grace_days": 3}
    take_back(paid, min(one.id for one in paid.rows(account_changes, field="policy.language")) + 1)
    assert paid.rows(line_policies, field="language") != []


def test_what_cannot_be_undone_is_refused(paid):
    lines.hold(paid.engine, paid.policy, JANE, LineReason.PAUSED, ASHA)
    with pytest.raises(ChangeNotFound):
        take_back(paid, 999)
    with pytest.raises(InvalidChange, match="reason"):
        take_back(paid, last(paid, "hold"), Author("Juma", ""))
    row = {"noun": "customer", "noun_id": 1, "field": "line", "old_value": "on (paid)", "new_value": "off (unpaid)"}
    when = {"actor": "sweep", "reason": "", "create_time": paid.rows(account_changes)[0].create_time}
    paid.execute(sa.insert(account_changes).values(row | when))
    with pytest.raises(CannotUndo, match="follows from others"):
        take_back(paid, paid.rows(account_changes)[-1].id)


def test_an_isp_is_put_back_as_it_was_unless_somebody_has_changed_it_since(desk):
    before = desk.one(isps, id=1)

    def alter(**fields):
        wanted = Isp(**({"isp_id": 1, "name": "", "contact_phone": ""} | fields))
        return changes.update_isp(desk.engine, wanted, list(fields), ASHA)

    alter(name="Demo Net", sms_account="SMS009", contact_phone="")
    alter(closed=True)
    assert take_back(desk, last(desk, "closed")).noun is Noun.ISP
    undone = take_back(desk, last(desk, "name"))
    assert (undone.noun_id, {one.field for one in undone.changes}) == (1, {"name", "sms_account", "contact_phone"})
    assert desk.one(isps, id=1) == before
    with pytest.raises(CannotUndo, match="has changed it since"):
        take_back(desk, last(desk, "closed") - 1)
    alter(name="Other")
    desk.execute(sa.update(isps).where(isps.c.id == 1).values(name="By hand"))
    with pytest.raises(CannotUndo, match="by no operator"):
        take_back(desk, last(desk, "name"))


def test_lines_that_waited_when_their_isp_was_closed_are_asked_for_when_it_is_open_again(desk, dispatcher):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "WAIRIMU1")
    dispatcher.carry_out()
    update(desk, router_id=2)
    wanted = Isp(isp_id=1, name="", contact_phone="", closed=True)
    changes.update_isp(desk.engine, wanted, ["closed"], ASHA)
    dispatcher.run()
    assert (2, "0949AQ") not in dispatcher.switched
    dispatcher.switched.clear()
    take_back(desk, last(desk, "closed"))
    dispatcher.run()
    assert dispatcher.switched == [(2, "0949AQ")]


def test_an_account_that_is_somebody_else_s_by_now_is_not_given_back(desk):
    wanted = Isp(isp_id=1, name="", contact_phone="", sms_account="SMS009")
    changes.update_isp(desk.engine, wanted, ["sms_account"], ASHA)
    changes.update_isp(desk.engine, replace(wanted, isp_id=2, sms_account="SMS001"), ["sms_account"], ASHA)
    with pytest.raises(AccountTaken):
        take_back(desk, min(one.id for one in desk.rows(account_changes, field="sms_account")))


def test_a_policy_of_an_isp_is_put_back(desk):
    change(desk.engine, Asked(Noun.ISP, 1), {"grace_days": "3"}, (), ASHA)
    change(desk.engine, Asked(Noun.ISP, 1), {}, ["grace_days"], ASHA)
    take_back(desk, last(desk, "policy.grace_days"))
    assert get(desk.engine, Asked(Noun.ISP, 1)).own == {"grace_days": 3}


def test_a_payment_that_was_held_for_want_of_what_is_there_again_is_placed(client, desk):
    update(desk, package_cents=None)
    desk.pay("A9", "0949AQ")
    assert desk.payment("A9").unmatched_reason == "package_not_set"
    request = pb.UndoChangeRequest(change_id=last(desk, "package"), actor="Juma", reason="by mistake")
    assert client.accounts.UndoChange(request).customer_id == desk.customer("0949AQ").id
    assert desk.payment("A9").outcome == "customer_paid"
    desk.check_books()
