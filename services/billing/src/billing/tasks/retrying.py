"""Opens a payment's ended tasks again, after an operator mended the cause: in a record or on a router."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from servicekit.database import current_time, transact
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.accounts import store as accounts
from billing.payments import store as payments
from billing.payments.errors import PaymentNotFound
from billing.payments.rules import Outcome, StoredPayment
from billing.tasks import rules as task_rules
from billing.tasks import store as tasks
from billing.tasks.rules import Kind, Line, NewTask, State

_ENDED_EARLY = (State.GIVEN_UP, State.EXPIRED)


def retry(engine: Engine, trans_id: str) -> list[int]:
    """Open a payment's given-up and expired tasks again; answers their ids. Raises PaymentNotFound.

    The line is the customer's as on record now, and is opened only while it is paid for. A customer who had no line
    on record when paying, and has one now, gets the task that was not made then.
    """

    def work(connection: Connection) -> list[int]:
        payment = payments.get(connection, trans_id, lock=True)  # two retries at once open a line once
        if payment is None:
            raise PaymentNotFound(f"no payment {trans_id}")
        now = current_time(connection)
        rows = tasks.list_of_payment(connection, trans_id)
        return sorted([*_retry_messages(connection, rows, now), *_retry_line(connection, payment, rows, now)])

    return transact(engine, work)


def _retry_messages(connection: Connection, rows: Sequence[Any], now: datetime) -> list[int]:
    ids = [row.id for row in rows if row.kind == Kind.SEND_MESSAGES and row.state in _ENDED_EARLY]
    tasks.reopen(connection, ids, now, now + task_rules.MESSAGE_LIFETIME)
    return ids


def _retry_line(connection: Connection, payment: StoredPayment, rows: Sequence[Any], now: datetime) -> list[int]:
    tried = [row for row in rows if row.kind == Kind.SET_ACCESS]
    if payment.outcome != Outcome.CUSTOMER_PAID or any(row.state not in _ENDED_EARLY for row in tried):
        return []
    customer_id = payment.customer_id or 0
    customer = accounts.get_customers(connection, {customer_id}).get(customer_id)
    if customer is None or customer.line is None or customer.next_payment_date is None:
        return []
    expire_time = calendar.end_of(customer.next_payment_date)
    if expire_time <= now:
        return []
    line = Line(*customer.line)
    tasks.reopen(connection, [row.id for row in tried], now, expire_time, line)
    if not tried:
        with together(connection) as writes:
            tasks.insert(writes, [NewTask(payment.trans_id, line, now, expire_time, customer.customer_id)], now)
    rows = tasks.list_of_payment(connection, payment.trans_id)
    return [row.id for row in rows if row.kind == Kind.SET_ACCESS]
