"""Deletes old records that are no money."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from servicekit.moments import clock
from servicekit.retention import Ageing, Bite, bite
from sqlalchemy import Connection

from billing.quarantine.rules import QuarantineState
from billing.retention.rules import RecordKind
from billing.schema import (
    account_changes,
    notice_tallies,
    paybill_payments,
    payment_debug_log,
    payment_deliveries,
    pppoe_users,
    quarantine,
    tasks,
)
from billing.tasks.rules import TaskState

_log, _delivered, _tasks, _kept = payment_debug_log.c, payment_deliveries.c, tasks.c, quarantine.c
_p = paybill_payments.c
_AGEING = {
    RecordKind.LOG: Ageing(payment_debug_log, _log.created_at, sa.true()),
    # What was given up may be tried again while there is a point in it.
    RecordKind.TASKS: Ageing(
        tasks, _tasks.create_time, sa.and_(_tasks.state != TaskState.OPEN, _tasks.expire_time < clock())
    ),
    RecordKind.CALLBACKS: Ageing(payment_deliveries, _delivered.receive_time, sa.true()),
    RecordKind.QUARANTINE: Ageing(quarantine, _kept.create_time, _kept.state != QuarantineState.OPEN),
}


def payments_of(connection: Connection, customer_id: int) -> list[str]:
    """The TransIDs of a customer's payments."""
    query = sa.select(_p.trans_key).where(_p.customer_id == customer_id)
    return list(connection.execute(query).scalars())


def has_open_tasks(connection: Connection, customer_id: int, trans_ids: Collection[str]) -> bool:
    """Whether something of the customer's is still to be done."""
    theirs = sa.or_(_tasks.customer_id == customer_id, _tasks.trans_id.in_(trans_ids))
    query = sa.select(_tasks.id).where(theirs, _tasks.state == TaskState.OPEN).limit(1)
    return connection.execute(query).first() is not None


def erase(connection: Connection, customer_id: int, trans_ids: Collection[str], phone: str) -> None:
    """Take a person out: from the customer, the payments, all that tells of them, and what changes said.

    `phone`: as on record; what digests counted of its messages, and said, goes as well.
    """
    digits = "".join(filter(str.isdigit, phone))[-9:]
    if digits:
        connection.execute(sa.delete(notice_tallies).where(notice_tallies.c.recipient == digits))
        digest = _tasks.trans_id == "", _tasks.state != TaskState.OPEN, _tasks.payload.contains(digits)
        connection.execute(sa.delete(tasks).where(*digest))
    reminders = _tasks.trans_id == "", _tasks.customer_id == customer_id
    connection.execute(sa.delete(tasks).where(*reminders))
    nobody = {"full_name": "", "username": None, "phone": None}
    connection.execute(sa.update(pppoe_users).where(pppoe_users.c.id == customer_id).values(nobody))
    connection.execute(sa.update(paybill_payments).where(_p.customer_id == customer_id).values(MSISDN="", FirstName=""))
    for of_payment in (_log.transaction_id, _delivered.trans_id, _tasks.trans_id, _kept.trans_id):
        connection.execute(sa.delete(of_payment.table).where(of_payment.in_(trans_ids)))
    changed = sa.update(account_changes).where(
        account_changes.c.noun == "customer", account_changes.c.noun_id == customer_id,
        account_changes.c.field.in_(("full_name", "username", "phone")),
    )  # fmt: skip
    connection.execute(changed.values(old_value="", new_value=""))


def purge(connection: Connection, kind: RecordKind, before: datetime, after_id: int, asked: int) -> Bite:
    """Delete what is old of the next rows after an id."""
    return bite(connection, _AGEING[kind], before, after_id, asked)
