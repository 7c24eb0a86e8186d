"""What is wanted of lines: follows from what was changed on record, and is what staff say.

Whoever changes what decides, in a transaction, calls `settle` in it. Nothing here asks a router: tasks do.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.writes import Writes, together
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.accounts import store as accounts
from billing.accounts.errors import CustomerNotFound
from billing.changes import rules as changes
from billing.changes import store as change_store
from billing.changes.rules import Author, FieldChange, Noun
from billing.ledger import rules as ledger
from billing.ledger.store import reading
from billing.lines import rules, sharing, store
from billing.lines.errors import LineClosed, NothingToExtend
from billing.lines.rules import Switch
from billing.lines.store import Reported
from billing.payees import store as payees
from billing.payees.rules import Customer, LineReason, LineState
from billing.payments.rules import normalise
from billing.policies import store as policies
from billing.policies.rules import LinePolicy, cut_time
from billing.policy import Policy
from billing.renewals import service as renewing
from billing.tasks import store as tasks
from billing.tasks.rules import NewTask


@dataclass(frozen=True, slots=True)
class LineReport:
    """All that is known of a line. `cut_time`: when it is cut unless it is paid for; None: nobody says until when.

    `waits`: a task is open that will ask its router; `error`: what went wrong with it last. `credit_cents`: what is
    kept for the customer. `sharers`: whose line it is too; `asked`: what its router is asked for because of them.
    """

    customer: Customer
    policy: LinePolicy
    reported: Reported
    cut_time: datetime | None
    waits: bool
    error: str
    credit_cents: int
    sharers: Sequence[Customer]
    asked: LineState | None


def settle(
    connection: Connection,
    policy: Policy,
    customers: Collection[Customer],
    author: Author,
    now: datetime,
    *,
    moved: Collection[int] = (),
) -> list[Switch]:
    """Want of these locked customers' lines what their records say, have routers asked, and keep what was before.

    Who would be cut, and has credit for a month, is renewed instead.
    """
    decided = policies.of_customers(connection, customers) if customers else {}
    renewals = renewing.find(connection, customers, calendar.today(now)) if policy.manages_lines else {}
    current = [renewals[one.customer_id].after if one.customer_id in renewals else one for one in customers]
    found = (
        rules.switch(one, decided[one.customer_id], now, moved=moved, cuts=policy.manages_lines) for one in current
    )
    switches = [one for one in found if one]
    after = {one.customer.customer_id: one.switched for one in switches}
    with together(connection) as writes:
        store.want(writes, switches)
        asked = {one.customer.customer_id for one in switches if one.asks}
        _ask(connection, writes, [after.get(one.customer_id, one) for one in current], asked, now)
        for one in switches:
            change = FieldChange("line", str(one.before or ""), str(one.after))
            change_store.insert(writes, Noun.CUSTOMER, one.customer.customer_id, [change], author, now)
    renewing.carry_out(connection, renewals.values(), decided, now)
    return switches


def _ask(
    connection: Connection, writes: Writes, customers: Collection[Customer], asked: Collection[int], now: datetime
) -> None:
    """Let the open tasks of these customers' lines last as long as is needed: a payment's would end with the time that
    was paid for. Who is `asked` and has none gets one; who has no line on record gets it with the line.
    """
    there = store.find_tasks(connection, {one.customer_id for one in customers})
    until = {one.customer_id: rules.asked_until(one, now) for one in customers if one.wanted}
    store.prolong(writes, {one.task_id: end for one in there if (end := until.get(one.customer_id, now)) > one.end})
    # One that is on lease may be carried out with what was wanted before; the others wait for what is wanted then.
    asked = set(asked) - {one.customer_id for one in there if not one.leased}
    new = [
        NewTask(rules.task_name(one.customer_id, one.version), one.line, now, now + rules.LIFETIME, one.customer_id)
        for one in customers
        if one.line and one.customer_id in asked
    ]
    tasks.insert(writes, new, now)


def hold(engine: Engine, policy: Policy, whom: "Whom", why: LineReason, author: Author) -> LineReport:
    """Keep a line off: paused, or by staff. Raises CustomerNotFound, LineClosed."""
    return _change(engine, policy, whom, author, lambda customer, today: rules.held(customer, why, today))


def release(engine: Engine, policy: Policy, whom: "Whom", author: Author) -> LineReport:
    """Keep a line off no longer. Raises CustomerNotFound, LineClosed."""
    return _change(engine, policy, whom, author, rules.released)


def extend(engine: Engine, policy: Policy, whom: "Whom", days: int, author: Author) -> LineReport:
    """Give a customer days. Raises CustomerNotFound, LineClosed, NothingToExtend."""

    def later(customer: Customer, today: date) -> Customer:
        due_date = rules.extended(customer, days, today)
        if due_date is None:
            raise NothingToExtend(f"customer {customer.customer_id} has no due date that could be moved")
        return replace(customer, next_payment_date=due_date, due_day=None)

    return _change(engine, policy, whom, author, later)


@dataclass(frozen=True, slots=True)
class Whom:
    """Whose line: by id or, where that is 0, by account."""

    customer_id: int = 0
    account: str = ""


def _change(
    engine: Engine, policy: Policy, whom: Whom, author: Author, change: Callable[[Customer, date], Customer]
) -> LineReport:
    def work(connection: Connection) -> LineReport:
        found = lock(connection, whom)
        if found.closed:
            raise LineClosed(f"customer {found.customer_id} is closed: reopen it first")
        now = current_time(connection)
        new = change(found, calendar.today(now))
        store.set_hold(connection, new)
        _keep(connection, found, new, author, now)
        settle(connection, policy, [new], author, now)
        return _report(connection, new.customer_id)

    return transact(engine, work)


def _keep(connection: Connection, old: Customer, new: Customer, author: Author, now: datetime) -> None:
    told = changes.told(
        old, new, changes.changed_fields(old, new, ("hold", "hold_since", "next_payment_date", "due_day"))
    )
    with together(connection) as writes:
        change_store.insert(writes, Noun.CUSTOMER, old.customer_id, told, author, now)


def _find(connection: Connection, whom: Whom) -> int:
    found = accounts.stored_customers(connection, normalise(whom.account), whom.customer_id)
    if not found:
        raise CustomerNotFound(f"no customer {whom.customer_id or whom.account}")
    return min((one.customer for one in found), key=lambda one: one.closed).customer_id


def lock(connection: Connection, whom: Whom) -> Customer:
    """The customer, locked until the transaction ends. Raises CustomerNotFound."""
    customer_id = _find(connection, whom)
    return payees.lock_customers(connection, [customer_id])[customer_id]


def fix(engine: Engine, whom: Whom) -> LineReport:
    """Have the router asked once more for what is wanted of a line, whatever it was last known to hold.

    Raises CustomerNotFound.
    """

    def work(connection: Connection) -> LineReport:
        customer = lock(connection, whom)
        ask(connection, [customer], current_time(connection))
        return _report(connection, customer.customer_id)

    return transact(engine, work)


def ask(connection: Connection, customers: Collection[Customer], now: datetime) -> None:
    """Have routers asked for what is wanted of these locked customers' lines, unless that will be done anyway."""
    with together(connection) as writes:
        _ask(connection, writes, customers, {one.customer_id for one in customers if one.wanted}, now)


def ask_sharers(connection: Connection, left: Collection[Customer], now: datetime) -> None:
    """Have routers asked for the lines that these customers had, if others have them still: they may be off now."""
    found = sharing.others(connection, left)
    if ids := {one.customer_id for some in found.values() for one in some}:
        ask(connection, payees.lock_customers(connection, ids).values(), now)


def get(engine: Engine, whom: Whom) -> LineReport:
    """All that is known of a line. Raises CustomerNotFound."""
    return transact(engine, lambda connection: _report(connection, _find(connection, whom)))


def _report(connection: Connection, customer_id: int) -> LineReport:
    customer = payees.get_customers(connection, [customer_id])[customer_id]
    policy = policies.of_customers(connection, [customer])[customer_id]
    waiting = store.find_open(connection, [customer_id])
    due_date = customer.next_payment_date
    sharers = sharing.others(connection, [customer]).get(customer_id, ())
    kept_on = sharing.kept_on(connection, [customer], current_time(connection))
    return LineReport(
        customer,
        policy,
        store.get_reported(connection, customer_id, [one.customer_id for one in sharers]),
        cut_time(due_date, policy) if due_date and not customer.hold and not customer.closed else None,
        customer_id in waiting,
        waiting.get(customer_id, ""),
        reading.balance(connection, ledger.credit(customer_id)),
        sharers,
        LineState.ON if kept_on else customer.wanted,
    )
