"""Has a bulk's customers told something, each once, and withdraws what was not sent.

The task of a message is written in the transaction that notes its customer as done: however often that is called or
cut off, there is one for each.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from servicekit.moments import current_time
from servicekit.writes import together
from sqlalchemy import Connection

from billing import calendar
from billing.announcements import rules as announcements
from billing.bulk import effects, store
from billing.bulk.rules import Bulk, Member, MemberState
from billing.bulk.store import SentState
from billing.payees import store as payees
from billing.payees.rules import Customer
from billing.policies import store as policies
from billing.policies.rules import LinePolicy
from billing.reminders.rules import first_decent_time
from billing.tasks import store as tasks
from billing.tasks.rules import NewTask, TaskState

_LEFT = {
    SentState.HANDED_OVER: "it was handed over to be sent",
    SentState.PERHAPS: "it may have been handed over to be sent",
}


def send(connection: Connection, bulk: Bulk, limit: int) -> None:
    """Write the messages to the next customers whose turn it is."""
    waiting = store.members(connection, bulk.bulk_id, MemberState.DUE, limit)
    customers = payees.get_customers(connection, waiting)
    decided = policies.of_customers(connection, customers.values()) if customers else {}
    now, told = current_time(connection), store.count_done(connection, bulk.bulk_id)
    kept = []
    for one, member in waiting.items():
        customer = customers.get(one)
        note = _obstacle(bulk, customer, decided.get(one), now)
        if note or customer is None:
            kept.append(replace(member, state=MemberState.SKIPPED, note=note))
        else:
            due_time = max(now, announcements.turn(decided[one], bulk.create_time, told))
            task_id = tasks.insert_one(connection, _task(bulk, customer, decided[one], due_time), now)
            told += 1
            kept.append(replace(member, state=MemberState.DONE, after=str(task_id)))
    _keep(connection, kept)


def _obstacle(bulk: Bulk, customer: Customer | None, policy: LinePolicy | None, now: datetime) -> str:
    """Why a customer is not told; or nothing."""
    if customer is None or policy is None:
        return "there is no such customer any more"
    if first_decent_time(policy, now) >= announcements.last_time(policy, bulk.create_time):
        return "its day is over: the message was begun too long ago"
    new = effects.changed(bulk.plan, customer, calendar.today(now))
    return new if isinstance(new, str) else ""


def _task(bulk: Bulk, customer: Customer, policy: LinePolicy, due_time: datetime) -> NewTask:
    notice = announcements.notice_of(bulk.plan.text, customer)
    end = announcements.last_time(policy, bulk.create_time)
    return NewTask("", notice, first_decent_time(policy, due_time), end, customer.customer_id)


def withdraw(connection: Connection, bulk: Bulk, limit: int) -> None:
    """End the next messages that were not sent; who is being told at this moment is left for a later call."""
    after_id = 0
    while waiting := store.members(connection, bulk.bulk_id, MemberState.DONE, limit, after_id):
        sent = store.lock_messages(connection, [int(one.after) for one in waiting.values()])
        ended = [task_id for task_id, state in sent.items() if state in {SentState.WAITS, SentState.PERHAPS}]
        tasks.end(connection, ended, TaskState.EXPIRED, current_time(connection), tried=False)
        # Of a task that is deleted, for its age, nobody knows.
        found = [(member, sent.get(int(member.after), SentState.PERHAPS)) for member in waiting.values()]
        if kept := [_withdrawn(member, state) for member, state in found if state is not SentState.LEASED]:
            return _keep(connection, kept)
        after_id = max(waiting)  # all of these are being told: nobody waits for them
    return None


def _withdrawn(member: Member, state: SentState) -> Member:
    note = _LEFT.get(state, "")
    return replace(member, state=MemberState.LEFT if note else MemberState.UNDONE, note=note)


def _keep(connection: Connection, kept: Sequence[Member]) -> None:
    with together(connection) as writes:
        store.keep(writes, kept)
