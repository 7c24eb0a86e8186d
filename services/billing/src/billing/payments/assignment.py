"""Places a held payment on an account that an operator names; does all that a direct payment does.

A module of its own: the one use case that changes a stored payment.
"""

from datetime import datetime

from servicekit.database import current_time, transact
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.locking.service import Locking
from billing.lookup import store as lookup
from billing.lookup.rules import StoredPayment
from billing.payees import store as payees
from billing.payments import store as payments
from billing.payments.errors import AccountNotFound, PaymentAlreadyPlaced, PaymentNotFound
from billing.payments.rules import Outcome, Payment, Receipt, normalise
from billing.payments.service import apply
from billing.payments.settlement import Settlement, settle
from billing.policy import Policy


def assign(engine: Engine, policy: Policy, trans_id: str, reference: str, assigned_by: str) -> Receipt:
    """Place an unmatched payment; the same assignment again answers the same receipt.

    Raises PaymentNotFound, PaymentAlreadyPlaced, AccountNotFound.
    """
    return transact(engine, lambda connection: _assign(connection, policy, trans_id, reference, assigned_by))


def _assign(connection: Connection, policy: Policy, trans_id: str, reference: str, assigned_by: str) -> Receipt:
    stored = lookup.get_payment(connection, trans_id, lock=True)
    if stored is None:
        raise PaymentNotFound(f"no payment {trans_id}")
    if stored.outcome is not Outcome.UNMATCHED:
        return _placed_before(stored, reference)
    now = current_time(connection)
    settled = _settle(connection, stored, reference, now)
    payments.place(connection, settled, reference.strip())
    with together(connection) as writes:
        apply(connection, writes, policy, [settled], now, Locking(), assigned_by)
    return settled.receipt()


def _placed_before(stored: StoredPayment, reference: str) -> Receipt:
    if stored.assigned_reference and normalise(stored.assigned_reference) == normalise(reference):
        return stored.receipt()
    raise PaymentAlreadyPlaced(f"payment {stored.trans_id} is placed already: {stored.outcome}")


def _settle(connection: Connection, stored: StoredPayment, reference: str, now: datetime) -> Settlement:
    who = payees.load(connection, [normalise(reference)], lock=True)
    settled = settle(_payment(stored), reference, who, calendar.today(now))
    if settled.reason:
        raise AccountNotFound(f"{reference} leads nowhere: {settled.reason}")
    return settled


def _payment(stored: StoredPayment) -> Payment:
    return Payment(
        trans_id=stored.trans_id,
        amount_cents=stored.amount_cents,
        business_short_code=stored.business_short_code,
        bill_ref_number=stored.bill_ref_number,
        msisdn=stored.msisdn,
        first_name=stored.first_name,
    )
