"""Records batches of payments: idempotent, all or nothing, one transaction. The heart of the promise.

Decides first, then writes; the wallets, which every payment of an ISP wants, are locked last.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import structlog
from servicekit.database import current_time, error_code, refuses_a_row, transact
from servicekit.errors import DatabaseUnavailable
from servicekit.writes import Writes, together
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from billing import followups, notices, routing, settlement, steps
from billing.callbacks import Callback
from billing.followups import NewTask
from billing.payments import Content, Outcome, Payment, Receipt, content_of, normalise, receive_time
from billing.policy import Policy
from billing.settlement import Settlement
from billing.steps import Step
from billing.store import accounts, debug_log, payments, tasks, wallets
from billing.store import quarantine as quarantine_store

log = structlog.get_logger()


def record(engine: Engine, policy: Policy, batch: Sequence[Payment]) -> list[Receipt]:
    """Record a batch and answer a receipt for each payment, in its order; durable when this returns.

    A row that the database refuses is searched for by halving and put in quarantine, so that it costs its neighbours
    nothing. Raises DatabaseUnavailable: then the outcome is unknown and the same batch may be sent again.
    """
    try:
        return transact(engine, lambda connection: _record(connection, policy, batch))
    except DBAPIError as error:
        if not refuses_a_row(error):
            # Tables that are not migrated yet, or a missing right: no payment is to blame, the sender keeps the batch.
            log.error("database_refuses_all", cause=type(error).__name__, code=error_code(error))  # noqa: TRY400
            raise DatabaseUnavailable("the database cannot record payments") from error
        if len(batch) == 1:
            return [_set_aside(engine, policy, batch[0], error)]
    middle = len(batch) // 2
    return record(engine, policy, batch[:middle]) + record(engine, policy, batch[middle:])


def _record(connection: Connection, policy: Policy, batch: Sequence[Payment]) -> list[Receipt]:
    known, now = payments.find_recorded(connection, {payment.trans_id for payment in batch})
    fresh: dict[str, Payment] = {}
    for payment in batch:
        if payment.trans_id not in known:
            fresh.setdefault(payment.trans_id, payment)
    settled = _settle(connection, policy, list(fresh.values()), now) if fresh else []
    if settled:
        with together(connection) as writes:
            payments.insert(writes, settled, now)
            apply(connection, writes, policy, settled, now)
    for one in settled:
        known[one.payment.trans_id] = (content_of(one.payment), one.receipt())
    receipts, conflicts = _answer(batch, known, fresh)
    _report_conflicts(connection, policy, conflicts, known, now)
    return receipts


def _settle(connection: Connection, policy: Policy, fresh: Sequence[Payment], now: datetime) -> list[Settlement]:
    """Decide what new payments do; each one sees the dates as the one before it left them.

    A payment counts on the day on which it came, however long it has waited in a gateway.
    """
    references = {normalise(payment.bill_ref_number) for payment in fresh}
    directory = accounts.load_directory(connection, sorted(references), lock=True)
    settled = []
    for payment in fresh:
        route = routing.route_payment(payment, directory, policy.shortcodes)
        one = settlement.settle(payment, route, followups.today(receive_time(payment, now)))
        if one.customer:
            one.customer.next_payment_date = one.due_date
        settled.append(one)
    return settled


def apply(
    connection: Connection,
    writes: Writes,
    policy: Policy,
    settled: Sequence[Settlement],
    now: datetime,
    assigned_by: str = "",
) -> None:
    """Write all that follows from settlements whose payments are stored: dates, credits, wallets, steps, tasks."""
    payments.insert_customer_transactions(writes, settled, now)
    accounts.move_due_dates(writes, _due_dates(settled))
    writes.send()
    wallets.buy_credits(connection, settled, now)
    balances = _credit_wallets(connection, writes, settled, now)
    story: list[Step] = []
    new_tasks: list[NewTask] = []
    for one, balance in zip(settled, balances, strict=True):
        if not assigned_by:
            story.append(steps.received(one.payment, receive_time(one.payment, now)))
        story.extend(steps.settled(one, balance, assigned_by))
        new_tasks.extend(followups.of_settlement(one, balance, policy.admin_phones, now))
    debug_log.insert(writes, story, now)
    tasks.insert(writes, new_tasks, now)


def _due_dates(settled: Iterable[Settlement]) -> dict[int, date]:
    """The last due date of each customer who paid in full."""
    return {
        one.customer.customer_id: one.due_date
        for one in settled
        if one.customer and one.due_date and one.outcome is Outcome.CUSTOMER_PAID
    }


def _credit_wallets(connection: Connection, writes: Writes, settled: Sequence[Settlement], now: datetime) -> list[int]:
    """Credit the wallets with sums and append an entry a payment; answer the wallet after each payment."""
    running = wallets.lock(connection, {one.isp.isp_id for one in settled if one.isp}, now)
    balances = []
    for one in settled:
        if one.isp:
            running[one.isp.isp_id] += one.wallet_cents
        balances.append(running[one.isp.isp_id] if one.isp else 0)
    wallets.set_balances(writes, running, now)
    entries = [(one, balance) for one, balance in zip(settled, balances, strict=True) if one.wallet_cents]
    wallets.insert_entries(writes, entries, now)
    return balances


def _answer(
    batch: Sequence[Payment], known: Mapping[str, tuple[Content, Receipt]], fresh: Mapping[str, Payment]
) -> tuple[list[Receipt], list[Payment]]:
    """A receipt for each delivery, and the deliveries that contradict the first one."""
    receipts, conflicts = [], []
    unanswered = set(fresh)
    for payment in batch:
        content, receipt = known[payment.trans_id]
        if content_of(payment) != content:
            conflicts.append(payment)
            receipts.append(Receipt(payment.trans_id, Outcome.CONFLICT, repeated=True))
        else:
            receipts.append(replace(receipt, repeated=payment.trans_id not in unanswered))
            unanswered.discard(payment.trans_id)
    return receipts, conflicts


def _report_conflicts(
    connection: Connection,
    policy: Policy,
    conflicts: Collection[Payment],
    known: Mapping[str, tuple[Content, Receipt]],
    now: datetime,
) -> None:
    """Keep each new contradiction beside the first delivery and tell the admins; the same one only once."""
    if not conflicts:
        return
    contradicted = {payment.trans_id for payment in conflicts}
    # Else two conflicts at once would get one number, and notify would take the second message for the first.
    payments.lock(connection, contradicted)
    reported = payments.find_conflicts(connection, contradicted)
    for payment in conflicts:
        trans_id, (first, second) = payment.trans_id, (known[payment.trans_id][0], content_of(payment))
        if (trans_id, str(second)[:255]) in reported:
            continue
        reported.add((trans_id, str(second)[:255]))
        number = sum(1 for other, _ in reported if other == trans_id)
        notice = notices.of_conflict(trans_id, first, second, number, policy.admin_phones)
        with together(connection) as writes:
            payments.insert_deliveries(writes, [payment], now, conflicting=True)
            debug_log.insert(writes, [steps.conflicting(trans_id, first, second)], now)
            tasks.insert(writes, [followups.message(trans_id, notice, now)], now)
        log.warning("payment_conflict", trans_id=trans_id, first=str(first), second=str(second))


def _set_aside(engine: Engine, policy: Policy, payment: Payment, error: DBAPIError) -> Receipt:
    """Put a payment whose row the database refuses in quarantine, and tell the admins."""
    fault = f"the database refused it: {type(error).__name__} {error_code(error)}"
    log.error("payment_set_aside", trans_id=payment.trans_id, fault=fault)
    callback = Callback(payment.callback_body, fault, payment.source_address)

    def keep(connection: Connection) -> None:
        now = current_time(connection)
        quarantine_store.insert(connection, [callback], now)
        notice = notices.of_error("quarantined", payment.trans_id, fault, policy.admin_phones)
        with together(connection) as writes:
            tasks.insert(writes, [followups.message(payment.trans_id, notice, now)], now)

    transact(engine, keep)
    return Receipt(payment.trans_id, Outcome.QUARANTINED)
