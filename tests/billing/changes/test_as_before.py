"""Whatever is done and undone, in any order: after it every row is as it was, but for what keeps what happened."""

import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from billing.bulk.rules import Action, Filter, Plan
from billing.calendar import Period, Unit
from billing.changes import service as changes
from billing.changes.rules import Author, CustomerUpdate, Noun
from billing.changes.undoing import undo as undo_change
from billing.lines import service as lines
from billing.lines.service import Whom
from billing.packages import service as packages
from billing.packages.errors import ChangeWaits, PackageNotFound
from billing.packages.rules import Package
from billing.packages.service import Order
from billing.payees.rules import Isp, LineReason
from billing.payees.store import get_customers
from billing.policies import service as policies
from billing.policies.service import Asked
from billing.reversals import unassigning
from billing.schema import account_changes, ledger_transfers, metadata, tasks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.engines import create_engine

from tests.billing.bulk.calling import apply, preview, undo
from tests.billing.desk import Desk
from tests.billing.opening import open_desk

ASHA = Author("Asha", "as asked")
# These only grow: what happened, what was moved and moved back, what routers and people are asked for and told.
KEPT = {
    "account_changes", "tasks", "payment_debug_log", "ledger_transfers", "bulks", "bulk_customers",
    "credit_transactions", "user_transactions_in", "unsettled_policies",
}  # fmt: skip
# What goes up, whatever is wanted; and when a wallet was touched last.
ASIDE = {"line_version", "last_updated"}
JANE = Whom(account="0949AQ")


def rows(desk):
    """Every row of every table but those, with all but those columns; and what the growing ones come to together."""
    with desk.engine.connect() as connection:
        found = {
            name: [
                {one: value for one, value in row._mapping.items() if one not in ASIDE}
                for row in connection.execute(sa.select(table).order_by(*table.primary_key))
            ]
            for name, table in metadata.tables.items()
            if name not in KEPT | {"router_names"}
        }
    balances = Counter()
    for one in desk.rows(ledger_transfers):
        balances[one.to_account] += one.amount
        balances[one.from_account] -= one.amount
    return found, {account: cents for account, cents in balances.items() if cents}


def last_change(desk, noun=Noun.CUSTOMER):
    return max(one.id for one in desk.rows(account_changes, noun=noun) if one.field != "line")


def taken_back(desk, noun=Noun.CUSTOMER):
    """What undoes the change that was made just now."""
    change_id = last_change(desk, noun)
    return lambda: undo_change(desk.engine, desk.policy, change_id, Author("Juma", "by mistake"))


def update(desk, **fields):
    customer_id = desk.customer("0949AQ").id
    with desk.engine.begin() as connection:
        customer = replace(get_customers(connection, [customer_id])[customer_id], **fields)
    asked = CustomerUpdate(customer_id, "", list(fields), customer)
    (result,) = changes.update_customers(desk.engine, desk.policy, [asked], ASHA)
    # After some of the others it is refused; by itself it makes a difference, or its own case fails.
    return (lambda: None) if result.error else taken_back(desk)


def moved(desk):
    return update(desk, next_payment_date=desk.customer("0949AQ").next_payment_date + timedelta(days=3))


def closed(desk):
    return update(desk, closed=True)


def extended(desk):
    lines.extend(desk.engine, desk.policy, JANE, 5, ASHA)
    return taken_back(desk)


def ordered(at_renewal):
    """Another package; where one waits already it is refused, and nothing has to be taken back."""

    def act(desk):
        try:
            packages.change(desk.engine, desk.policy, JANE, Order("week", at_renewal=at_renewal), ASHA)
        except (ChangeWaits, PackageNotFound):
            return lambda: None
        return taken_back(desk)

    return act


def held(why):
    def act(desk):
        lines.hold(desk.engine, desk.policy, JANE, why, ASHA)
        return taken_back(desk)

    return act


def policy(whose):
    def act(desk):
        policies.change(desk.engine, whose, {"grace_days": "4", "language": "sw"}, (), ASHA)
        return taken_back(desk, whose.noun)

    return act


def isp(**fields):
    def act(desk):
        wanted = Isp(**({"isp_id": 1, "name": "", "contact_phone": ""} | fields))
        changes.update_isp(desk.engine, wanted, list(fields), ASHA)
        return taken_back(desk, Noun.ISP)

    return act


def many(plan):
    def act(desk):
        made = apply(desk, preview(desk, plan).token).bulk
        return lambda: undo(desk, made.bulk_id)

    return act


def assigned(desk):
    """What was held is assigned, and taken back: it is held again, for another reason than before."""
    desk.assign("HELD", "0949AQ")
    return lambda: unassigning.unassign(desk.engine, desk.policy, "HELD", "Juma", "somebody else's")


ALL = Filter(isp_id=1)
ACTS = {
    "update": lambda desk: update(desk, full_name="Jane", phone="0722000001", username="other", router_id=2),
    "package": lambda desk: update(desk, package_cents=250_000),
    "isp of a customer": lambda desk: update(desk, isp_id=2),
    "due date": moved,
    "other package": ordered(at_renewal=False),
    "other package at renewal": ordered(at_renewal=True),
    "close": closed,
    "extend": extended,
    "pause": held(LineReason.PAUSED),
    "cut": held(LineReason.BY_STAFF),
    "policy of a customer": policy(Asked(Noun.CUSTOMER, account="0949AQ")),
    "policy of an ISP": policy(Asked(Noun.ISP, 1)),
    "ISP": isp(name="Demo Net", sms_account="SMS009", contact_phone="254722000001"),
    "close ISP": isp(closed=True),
    "bulk extend": many(Plan(ALL, Action.EXTEND, 2)),
    "bulk price": many(Plan(replace(ALL, package_cents=100_000), Action.PRICE, 120_000)),
    "bulk suspend": many(Plan(ALL, Action.SUSPEND)),
    "bulk message": many(Plan(ALL, Action.MESSAGE, text="{name}: the tower is down")),
    "assign": assigned,
}


def open_paid(engine):
    """Everybody of ISP 1 has paid for months, to a day that its month may be too short for; one payment is held."""
    desk = open_desk(engine)
    desk.policy = replace(desk.policy, manages_lines=True)
    for number, account in enumerate(["0949AQ", "WAIRIMU1", "12BC"]):
        desk.pay(f"P{number}", account, "1500.50")
    desk.set_customer("0949AQ", due_day=31)
    packages.create(desk.engine, Package(1, "week", 30_000, Period(1, Unit.WEEK), "5M"), ASHA)
    desk.pay("HELD", "NOBODY")
    unassigning.unassign(desk.engine, desk.policy, desk.assign("HELD", "0949AQ").trans_id, "Juma", "as it is later")
    desk.set_customer("0949AQ", due_day=31)
    return desk


@pytest.mark.parametrize("name", ACTS)
def test_what_is_undone_leaves_every_row_as_before(engine, name):
    desk = open_paid(engine)
    before = rows(desk)
    take_back = ACTS[name](desk)
    assert name == "bulk message" or rows(desk) != before
    take_back()
    assert rows(desk) == before
    assert not [one for one in desk.rows(tasks, state="open") if "tower" in one.payload]
    desk.check_books()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(names=st.lists(st.sampled_from(sorted(ACTS)), min_size=2, max_size=6, unique=True))
def test_acts_that_are_undone_one_after_another_the_last_first_leave_every_row_as_before(sqlite_file, tmp_path, names):
    engine = create_engine(f"sqlite:///{shutil.copy(sqlite_file, tmp_path / 'one.db')}")
    desk = open_paid(Desk(engine).engine)
    try:
        for before, take_back in reversed([_act(desk, name) for name in names if _is_possible(names, name)]):
            take_back()
            assert rows(desk) == before
        desk.check_books()
    finally:
        engine.dispose()


def _act(desk, name):
    """The rows before it, and what takes it back; nothing does where it made no difference."""
    before, take_back = rows(desk), ACTS[name](desk)
    made = name == "bulk message" or rows(desk) != before
    return before, take_back if made else lambda: None


def _is_possible(names, name):
    """A closed account is neither paused nor paid for, nor is anything of a closed ISP's."""
    closing = {"close", "close ISP"}
    return name in closing or not closing & set(names[: names.index(name)])
