"""What operators do about held payments, beside placing them: see payments.assignment."""

from dataclasses import replace

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.held import store
from billing.held.rules import dismissal
from billing.ledger.store import posting, reading
from billing.lookup import store as lookup
from billing.payments import store as payments
from billing.payments.errors import PaymentAlreadyPlaced, PaymentNotFound
from billing.payments.rules import Outcome, Receipt, TimelineEntry


def dismiss(engine: Engine, trans_id: str, dismissed_by: str, why: str) -> Receipt:
    """Close an unmatched payment without crediting anybody. Raises PaymentNotFound, PaymentAlreadyPlaced."""

    def work(connection: Connection) -> Receipt:
        stored = lookup.get_payment(connection, trans_id, lock=True)
        if stored is None:
            raise PaymentNotFound(f"no payment {trans_id}")
        if stored.outcome is Outcome.DISMISSED:
            return stored.receipt()
        if stored.outcome is not Outcome.UNMATCHED:
            raise PaymentAlreadyPlaced(f"payment {trans_id} is not held: {stored.outcome}")
        store.dismiss(connection, trans_id)
        facts = {"dismissed_by": dismissed_by, "reason": why, "was": stored.reason}
        entry = TimelineEntry(trans_id, "PAYMENT_DISMISSED", f"Closed by {dismissed_by}, nobody credited: {why}", facts)
        now, moved_before = current_time(connection), reading.count_transfers(connection, trans_id)
        transfer = dismissal(trans_id, stored.amount_cents, moved_before, dismissed_by)
        with together(connection) as writes:
            posting.append(writes, [transfer], now)
            payments.insert_timeline(writes, [entry], now)
        return replace(stored.receipt(), outcome=Outcome.DISMISSED, reason=None, repeated=False)

    return transact(engine, work)
