"""Opens a payment's ended tasks again, after an operator mended the cause: in a record or on a router."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.failures import store
from billing.lookup import store as lookup
from billing.lookup.rules import StoredPayment, StoredTask
from billing.notices.rules import Notice
from billing.payees import store as payees
from billing.payees.rules import Line
from billing.payments.errors import PaymentNotFound
from billing.payments.rules import Outcome
from billing.tasks import rules
from billing.tasks import store as task_store
from billing.tasks.rules import NewTask, TaskKind, TaskState

_ENDED_EARLY = (TaskState.GIVEN_UP, TaskState.EXPIRED)


def retry(engine: Engine, trans_id: str) -> list[int]:
    """Open a payment's given-up and expired tasks again; answers their ids. Raises PaymentNotFound.

    The line is the customer's as on record now, and is opened only while it is paid for. A customer who had no line
    on record when paying, and has one now, gets the task that was not made then.
    """

    def work(connection: Connection) -> list[int]:
        payment = lookup.get_payment(connection, trans_id, lock=True)  # two retries at once open a line once
        if payment is None:
            raise PaymentNotFound(f"no payment {trans_id}")
        if payment.outcome is Outcome.REVERSED:  # nothing of it is to be done or told any more
            return []
        now = current_time(connection)
        tasks = lookup.list_tasks(connection, trans_id)
        return sorted([*_retry_messages(connection, tasks, now), *_retry_line(connection, payment, tasks, now)])

    return transact(engine, work)


def _retry_messages(connection: Connection, tasks: Sequence[StoredTask], now: datetime) -> list[int]:
    ids = [task.task_id for task in tasks if task.kind is TaskKind.SEND_MESSAGES and task.state in _ENDED_EARLY]
    store.reopen(connection, ids, now, now + rules.MESSAGE_LIFETIME)
    return ids


def _retry_line(
    connection: Connection, payment: StoredPayment, tasks: Sequence[StoredTask], now: datetime
) -> list[int]:
    tried = [task for task in tasks if task.kind is TaskKind.SET_ACCESS]
    if payment.outcome != Outcome.CUSTOMER_PAID or any(task.state not in _ENDED_EARLY for task in tried):
        return []
    customer_id = payment.customer_id or 0
    customer = payees.get_customers(connection, {customer_id}).get(customer_id)
    if customer is None or customer.closed or customer.line is None or customer.next_payment_date is None:
        return []
    isp_id = customer.isp_id or 0
    if isp_id and (isp := payees.get_isps(connection, {isp_id}).get(isp_id)) and isp.closed:
        return []
    expire_time = calendar.end_of(customer.next_payment_date)
    if expire_time <= now:
        return []
    line = customer.line
    store.reopen(connection, [task.task_id for task in tried], now, expire_time, line)
    with together(connection) as writes:
        task_store.set_notices(writes, _naming(line, tasks))
        if not tried:
            task_store.insert(writes, [NewTask(payment.trans_id, line, now, expire_time, customer.customer_id)], now)
    tasks = lookup.list_tasks(connection, payment.trans_id)
    return [task.task_id for task in tasks if task.kind is TaskKind.SET_ACCESS]


def _naming(line: Line, tasks: Sequence[StoredTask]) -> dict[int, Notice]:
    """The notices that are still to be told of another line, by their tasks' ids, as they are now."""
    return {
        task.task_id: replace(task.work, router_id=line.router_id, facts=task.work.facts | {"username": line.username})
        for task in tasks
        if isinstance(task.work, Notice) and task.variant and task.state is not TaskState.DONE
    }
