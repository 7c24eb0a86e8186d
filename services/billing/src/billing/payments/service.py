"""Records payments.

Recording a batch is idempotent, all or nothing, one transaction: the heart of the promise.
Decides first, then writes; the wallets, which every payment of an ISP wants, are locked last. Payments that need a row
which somebody else's transaction holds are deferred: nothing of them is stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from servicekit.database import transact
from servicekit.database_errors import waited_too_long
from servicekit.writes import Writes, together
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from billing import calendar
from billing.conflicts import service as conflicts
from billing.credits import store as credit_store
from billing.ledger.rules import Transfer
from billing.ledger.store import posting
from billing.locking.rules import Row, RowKind, RowsLocked
from billing.locking.service import HeldRows, Locking
from billing.part_payments.service import Keeping
from billing.payees import store as payees
from billing.payments import refusals, settlement, timeline
from billing.payments import store as payments
from billing.payments.rules import Content, Outcome, Payment, Receipt, TimelineEntry, normalise
from billing.payments.settlement import Assigned, Settlement
from billing.policy import Policy
from billing.tasks import rules as task_rules
from billing.tasks import store as tasks
from billing.tasks.rules import NewTask

log = structlog.get_logger()


def record(engine: Engine, policy: Policy, batch: Sequence[Payment], held_rows: HeldRows) -> list[Receipt]:
    """Record a batch and answer a receipt for each payment, in its order; durable when this returns.

    A payment that needs a row which another transaction holds is answered DEFERRED, with nothing of it stored. A row
    that the database refuses is searched for by halving and put in quarantine, so that it costs its neighbours nothing.
    Raises DatabaseUnavailable: then the outcome is unknown and the same batch may be sent again; or RowLocked: then
    nothing was stored, and what to wait for is not known.
    """
    try:
        return held_rows.work_around(
            lambda locking: transact(engine, lambda connection: _record(connection, policy, batch, locking))
        )
    except DBAPIError as error:
        refused = error
    return refusals.set_aside(engine, policy, batch, refused, lambda some: record(engine, policy, some, held_rows))


def _record(connection: Connection, policy: Policy, batch: Sequence[Payment], locking: Locking) -> list[Receipt]:
    locking.restart()
    known, now = payments.find_recorded(connection, {payment.trans_id for payment in batch})
    fresh: dict[str, Payment] = {}
    for payment in batch:
        if payment.trans_id not in known:
            fresh.setdefault(payment.trans_id, payment)
    settled = _settle(connection, policy, list(fresh.values()), now, locking) if fresh else []
    if settled:
        _store(connection, policy, settled, now, locking)
    for one in settled:
        known[one.payment.trans_id] = (one.payment.content, one.receipt())
    receipts, contradicting = _answer(batch, known, fresh, locking)
    if contradicting:
        first = {payment.trans_id: known[payment.trans_id][0] for payment in contradicting}
        conflicts.report(connection, policy, first, contradicting, now, locking)
    return receipts


def _settle(
    connection: Connection, policy: Policy, fresh: Sequence[Payment], now: datetime, locking: Locking
) -> list[Settlement]:
    """Decide what new payments do; each one sees the dates as the one before it left them.

    A payment counts on the day on which it came, however long it has waited in a gateway. Those that need a held row
    are left out.
    """
    fresh = [payment for payment in fresh if not locking.needs_held(_rows_of_payment(payment))]
    references = sorted({normalise(payment.bill_ref_number) for payment in fresh})
    locking.queue(Row(RowKind.ACCOUNT, reference) for reference in references)
    who = payees.load(connection, references, lock=True, seconds=locking.seconds)
    settled: list[Settlement] = []
    keeping: Keeping | None = None
    for payment in fresh:
        today = calendar.today(payment.effective_time(now))
        one = settlement.settle_new(payment, who, policy.shortcodes, today)
        if locking.needs_held(_rows_of_settlement(one)):
            continue
        if one.is_uneven:
            keeping = keeping or Keeping(connection)
            one = keeping.settle(one, today)
        one.take_effect()
        settled.append(one)
    return settled


def _rows_of_payment(payment: Payment) -> Iterator[Row]:
    yield Row(RowKind.PAYMENT, payment.trans_id)
    yield Row(RowKind.ACCOUNT, normalise(payment.bill_ref_number))


def _rows_of_settlement(settled: Settlement) -> Iterator[Row]:
    if settled.isp:
        yield Row(RowKind.WALLET, settled.isp.isp_id)
        yield Row(RowKind.ISP, settled.isp.isp_id)
        if settled.credits:
            yield Row(RowKind.CREDITS, settled.isp.isp_id)


def _store(
    connection: Connection, policy: Policy, settled: Sequence[Settlement], now: datetime, locking: Locking
) -> None:
    try:
        with together(connection) as writes:
            payments.insert(writes, settled, now)
            apply(connection, writes, policy, settled, now, locking)
    except DBAPIError as error:
        if not waited_too_long(error):
            raise
        # What waits in vain without a locking read before it: for a TransID that another transaction has just
        # inserted, or through a foreign key of the operator's for an ISP.
        rows = {Row(RowKind.PAYMENT, one.payment.trans_id) for one in settled}
        rows |= {Row(RowKind.ISP, one.isp.isp_id) for one in settled if one.isp}
        raise RowsLocked(rows) from error


def apply(
    connection: Connection,
    writes: Writes,
    policy: Policy,
    settled: Sequence[Settlement],
    now: datetime,
    locking: Locking,
    assigned: Assigned | None = None,
) -> None:
    """Write all that follows from settlements whose payments are stored: dates, credits, money, timeline, tasks."""
    payments.insert_customer_transactions(writes, settled, now)
    payees.move_due_dates(writes, settled)
    writes.send()
    isp_ids = {one.isp.isp_id for one in settled if one.isp}
    locking.queue(Row(RowKind.WALLET, isp_id) for isp_id in isp_ids)
    if purchases := [one.credits for one in settled if one.credits]:
        credit_store.buy(connection, purchases, now, locking.seconds)
    wallets = posting.lock_wallets(connection, isp_ids, now, locking.seconds)
    transfers: list[Transfer] = []
    entries: list[TimelineEntry] = []
    new_tasks: list[NewTask] = []
    for one in settled:
        balance = one.credit(wallets)
        transfers.extend(one.transfers(assigned))
        if not assigned:
            entries.append(timeline.received(one.payment, one.payment.effective_time(now)))
        entries.extend(timeline.settled(one, balance, assigned.by if assigned else ""))
        new_tasks.extend(task_rules.of_settlement(one, balance, policy.admin_phones, now, assigned))
    posting.post(writes, transfers, wallets, now)
    payments.insert_timeline(writes, entries, now)
    tasks.insert(writes, new_tasks, now)


def _answer(
    batch: Sequence[Payment],
    known: Mapping[str, tuple[Content, Receipt]],
    fresh: Mapping[str, Payment],
    locking: Locking,
) -> tuple[list[Receipt], list[Payment]]:
    """A receipt for each delivery, and the deliveries that contradict the first one."""
    receipts, contradicting = [], []
    unanswered = set(fresh)
    for payment in batch:
        if payment.trans_id not in known:
            receipts.append(Receipt(payment.trans_id, Outcome.DEFERRED))
            continue
        content, receipt = known[payment.trans_id]
        if payment.content != content and locking.needs_held([Row(RowKind.PAYMENT, payment.trans_id)]):
            receipts.append(Receipt(payment.trans_id, Outcome.DEFERRED))
        elif payment.content != content:
            contradicting.append(payment)
            receipts.append(Receipt(payment.trans_id, Outcome.CONFLICT, repeated=True))
        else:
            receipts.append(replace(receipt, repeated=payment.trans_id not in unanswered))
            unanswered.discard(payment.trans_id)
    return receipts, contradicting
