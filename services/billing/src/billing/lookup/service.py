"""Reads back what became of payments and their tasks, and counts what waits for a person. Changes nothing."""

from dataclasses import replace

from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.accounts import store as accounts
from billing.finding import store as finding
from billing.finding.rules import PaymentFilter
from billing.lookup import store
from billing.lookup.rules import StoredPayment, TaskCounts, Timeline, Waiting
from billing.payments.errors import PaymentNotFound
from billing.quarantine import store as quarantine

# A status is told of so many: those that are worst off.
MOST_ROUTERS = 50


def get_payment(engine: Engine, trans_id: str) -> Timeline:
    """A payment with its timeline. Raises PaymentNotFound."""

    def work(connection: Connection) -> Timeline:
        payment = store.get_payment(connection, trans_id)
        if payment is None:
            raise PaymentNotFound(f"no payment {trans_id}")
        deliveries = store.list_deliveries(connection, trans_id)
        if deliveries:  # its moment is exact, where MySQL rounds the payment's to a second
            payment = replace(payment, receive_time=deliveries[0].receive_time)
        entries = store.list_timeline(connection, trans_id)
        return Timeline(payment, entries, store.list_tasks(connection, trans_id), deliveries)

    return transact(engine, work)


def list_payments(engine: Engine, wanted: PaymentFilter, before_id: int, limit: int) -> list[StoredPayment]:
    """Payments, newest first; before `before_id` unless that is 0."""
    return transact(engine, lambda connection: finding.find(connection, wanted, before_id, limit))


def count_waiting(engine: Engine, *, count_lines: bool) -> Waiting:
    """Count it; the lines only if asked, since that looks at every customer."""

    def work(connection: Connection) -> Waiting:
        now = current_time(connection)
        return Waiting(
            quarantine.count_open(connection),
            store.count_unmatched(connection),
            accounts.count_paid_but_not_on(connection, calendar.today(now)) if count_lines else 0,
            quarantine.oldest_open_time(connection),
            store.oldest_unmatched_time(connection),
            store.oldest_line_time(connection, now) if count_lines else None,
            store.waiting_routers(connection, MOST_ROUTERS) if count_lines else (),
            accounts.count_untellable(connection) if count_lines else 0,
        )

    return transact(engine, work)


def count_tasks(engine: Engine) -> TaskCounts:
    """How many tasks are open or given up, and since when."""
    return transact(engine, lambda connection: store.count_tasks(connection, current_time(connection)))
