"""Queries that undo what a payment did to its customer and its tasks, and say what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import orjson
import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.lookup.rules import StoredPayment
from billing.payees.rules import Customer
from billing.payments.rules import Outcome, UnmatchedReason
from billing.schema import paybill_payments, payment_debug_log, pppoe_users, tasks, user_transactions_in
from billing.tasks.rules import TaskState

_p = paybill_payments.c
_c = pppoe_users.c
_log = payment_debug_log.c
_t = tasks.c


def unassign(connection: Connection, trans_id: str) -> None:
    """Let a placed payment be held again."""
    nobody = {"isp_id": None, "customer_id": None, "assigned_reference": None}
    held = {"outcome": Outcome.UNMATCHED, "unmatched_reason": UnmatchedReason.UNASSIGNED}
    connection.execute(sa.update(paybill_payments).where(_p.trans_key == trans_id).values(**held, **nobody))


def reverse(connection: Connection, trans_id: str) -> None:
    """Close a payment whose money went back. Whose it was stays on record."""
    values = {"outcome": Outcome.REVERSED, "unmatched_reason": None, "assigned_reference": None}
    connection.execute(sa.update(paybill_payments).where(_p.trans_key == trans_id).values(**values))


def insert_reversal(writes: Writes, stored: StoredPayment, now: datetime) -> None:
    """What is taken back of a customer's payment, for the predecessor's readers: the same amount, negative."""
    if stored.isp_id and stored.customer_id:
        row: dict[str, object] = {
            "isp_id": stored.isp_id,
            "customer_id": stored.customer_id,
            "amount": -stored.amount_cents,
            "method": "mpesa",
            "reference": stored.trans_id,
            "received_at": now,
        }
        writes.insert(user_transactions_in, [row])


@dataclass(frozen=True, slots=True)
class GivenDate:
    """The due date that a payment gave, and the one before it, with the day of the month that that one would have;
    and since when there was a pause, if the payment ended one.
    """

    due_date: date
    previous_due_date: date | None
    previous_due_day: int | None
    paused_since: date | None


def find_given_date(connection: Connection, trans_id: str) -> GivenDate | None:
    """What the last placement of a payment gave, by its timeline; None where that is not on record any more."""
    its = _log.transaction_id == trans_id, _log.category == "PROCESSING_COMPLETE"
    row = connection.execute(sa.select(_log.details).where(*its).order_by(_log.id.desc()).limit(1)).first()
    facts = orjson.loads(row.details) if row and row.details else {}
    if not facts.get("due_date"):
        return None
    return GivenDate(
        date.fromisoformat(facts["due_date"]),
        _day(facts.get("previous_due_date")),
        facts.get("previous_due_day"),
        _day(facts.get("paused_since")),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def put_back(connection: Connection, customer: Customer) -> None:
    """Write a customer's due date, and whether the line is kept off."""
    values = {
        "next_payment_date": customer.next_payment_date,
        "due_day": customer.due_day,
        "line_hold": customer.hold,
        "line_hold_since": customer.hold_since,
    }
    connection.execute(sa.update(pppoe_users).where(_c.id == customer.customer_id).values(**values))


def open_tasks(connection: Connection, trans_id: str) -> Sequence[int]:
    """The ids of a payment's tasks that are not ended; they are locked."""
    unfinished = _t.trans_id == trans_id, _t.state.in_((TaskState.OPEN, TaskState.GIVEN_UP))
    return connection.execute(sa.select(_t.id).where(*unfinished).order_by(_t.id).with_for_update()).scalars().all()
