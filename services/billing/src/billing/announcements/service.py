"""Lets announcements go out: at decent hours, to whoever can still be told, with what is on record then."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from billing.announcements import rules, store
from billing.notices.rules import Notice
from billing.payees import store as payees
from billing.policies import store as policies
from billing.reminders.rules import first_decent_time
from billing.tasks import store as tasks
from billing.tasks.rules import Task, TaskState


def complete(connection: Connection, due: Sequence[Task], now: datetime) -> Sequence[Task]:
    """Fill the announcements among these locked tasks; those of closed customers end, those at quiet hours wait.

    Answers the others, and all that are none.
    """
    found = [(task, task.work) for task in due if isinstance(task.work, Notice) and task.work.event == rules.EVENT]
    if not found:
        return due
    customers = payees.get_customers(connection, {task.customer_id for task, _ in found if task.customer_id})
    decided = policies.of_customers(connection, customers.values()) if customers else {}
    over, later = set(), {}
    for task, notice in found:
        customer = customers.get(task.customer_id or 0)
        if customer is None or customer.closed or rules.lack(notice.facts["text"], customer):
            over.add(task.task_id)
        elif (decent := first_decent_time(decided[customer.customer_id], now)) > now:
            later[task.task_id] = decent
        else:
            notice.facts["text"] = rules.filled(notice.facts["text"], customer)
    tasks.end(connection, over, TaskState.EXPIRED, now, tried=False)
    store.delay(connection, later)
    return [task for task in due if task.task_id not in over and task.task_id not in later]
