"""Reminds customers of their due dates, and keeps back what has become untrue meanwhile."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

import structlog
from servicekit.writes import together
from sqlalchemy import Connection

from billing import calendar
from billing.decisions import store as decisions
from billing.decisions.store import Decided
from billing.ledger import rules as ledger
from billing.ledger.store import reading
from billing.notices.rules import Notice
from billing.payees import store as payees
from billing.payees.rules import Customer
from billing.policies import store as policies
from billing.policies.rules import LinePolicy
from billing.policy import Policy
from billing.reminders import rules, store
from billing.tasks import store as tasks
from billing.tasks.rules import MESSAGE_LIFETIME, NewTask, Task, TaskState

log = structlog.get_logger()


def remind(connection: Connection, policy: Policy, now: datetime, limit: int) -> int:
    """Have at most `limit` customers reminded who are to be at this moment; answers how many were found.

    May be repeated, and run side by side: a reminder and its message are written together, under a key.
    """
    decided = decisions.decided(connection, rules.FIELDS)
    today = calendar.today(now)
    found: list[Customer] = []
    for due_date, (isp_ids, customer_ids) in sorted(_wanted(decided, now).items()):
        found += store.find_due(connection, due_date, today, isp_ids, customer_ids, limit - len(found))
        if len(found) == limit:
            break
    if found:
        kept = _kept(connection, found)
        store.forget(connection, today - rules.KEPT)
        with together(connection) as writes:
            store.insert(writes, found, today, now)
            told = [one for one in found if not rules.is_covered(one, policy, kept[one.customer_id])]
            new = [_task(one, policy, decided.of(one), kept[one.customer_id], now) for one in told]
            tasks.insert(writes, new, now)
        log.info("customers_reminded", customers=len(found))
    return len(found)


def _wanted(decided: Decided, now: datetime) -> dict[date, tuple[set[int], set[int]]]:
    """Of each due date, the ISPs and the customers with a decision of their own who are to be reminded of it."""
    wanted: dict[date, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for number, policies_ in enumerate((decided.isps, decided.customers)):
        for noun_id, policy in policies_.items():
            for due_date in rules.due_dates(policy, now):
                wanted[due_date][number].add(noun_id)
    return wanted


def _task(customer: Customer, policy: Policy, line_policy: LinePolicy, kept_cents: int, now: datetime) -> NewTask:
    notice = rules.notice_of(customer, calendar.today(now), policy.paybill, kept_cents)
    return NewTask("", notice, now, rules.expire_time(line_policy, now), customer.customer_id)


def _kept(connection: Connection, customers: Sequence[Customer]) -> dict[int, int]:
    """The credit of each, in cents, by the customer's id."""
    accounts = {one.customer_id: ledger.credit(one.customer_id) for one in customers}
    kept = reading.balances_among(connection, accounts.values())
    return {customer_id: kept.get(account, 0) for customer_id, account in accounts.items()}


def of_switched_off(
    connection: Connection, policy: Policy, customers: Sequence[Customer], now: datetime
) -> list[NewTask]:
    """The messages to those whose lines were switched off for want of payment; whom that befell at night is told in the
    morning, if it is true then.
    """
    if not customers:
        return []
    decided, kept = policies.of_customers(connection, customers), _kept(connection, customers)
    told = []
    for one in customers:
        notice = rules.switched_off(one, policy.paybill, kept[one.customer_id])
        due_time = rules.first_decent_time(decided[one.customer_id], now)
        told.append(NewTask("", notice, due_time, due_time + MESSAGE_LIFETIME, one.customer_id))
    return told


def without_untrue(connection: Connection, due: Sequence[Task], now: datetime) -> Sequence[Task]:
    """End those of these locked tasks that tell of a due date which has moved; answers the others."""
    of_dates = [(task, task.work) for task in due if isinstance(task.work, Notice) and task.work.event in rules.EVENTS]
    if not of_dates:
        return due
    customers = payees.get_customers(connection, {task.customer_id for task, _ in of_dates if task.customer_id})
    isps = payees.get_isps(connection, {one.isp_id for one in customers.values() if one.isp_id})
    untrue = set()
    for task, notice in of_dates:
        customer = customers.get(task.customer_id or 0)
        if not rules.is_true(notice, customer, isps.get(customer.isp_id or 0) if customer else None):
            untrue.add(task.task_id)
    tasks.end(connection, untrue, TaskState.EXPIRED, now, tried=False)
    return [task for task in due if task.task_id not in untrue]
