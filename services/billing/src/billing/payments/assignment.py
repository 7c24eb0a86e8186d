"""Places a held payment on an account that an operator names; does all that a direct payment does."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from servicekit.database import current_time, transact
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.accounts import store as accounts
from billing.locking.service import Locking
from billing.payments import routing, settlement
from billing.payments import store as payments
from billing.payments.errors import AccountNotFound, PaymentAlreadyPlaced, PaymentNotFound
from billing.payments.routing import Held
from billing.payments.rules import Outcome, Payment, Receipt, normalise
from billing.payments.service import apply
from billing.payments.settlement import Settlement
from billing.policy import Policy


def assign(engine: Engine, policy: Policy, trans_id: str, reference: str, assigned_by: str) -> Receipt:
    """Place an unmatched payment; the same assignment again answers the same receipt.

    Raises PaymentNotFound, PaymentAlreadyPlaced, AccountNotFound.
    """
    return transact(engine, lambda connection: _assign(connection, policy, trans_id, reference, assigned_by))


def _assign(connection: Connection, policy: Policy, trans_id: str, reference: str, assigned_by: str) -> Receipt:
    row = payments.get(connection, trans_id, lock=True)
    if row is None:
        raise PaymentNotFound(f"no payment {trans_id}")
    if row.outcome != Outcome.UNMATCHED:
        return _placed_before(row, reference)
    now = current_time(connection)
    settled = _settle(connection, row, reference, now)
    payments.place(connection, settled, reference.strip())
    with together(connection) as writes:
        apply(connection, writes, policy, [settled], now, Locking(), assigned_by)
    return settled.receipt()


def _placed_before(row: Any, reference: str) -> Receipt:
    if row.assigned_reference and normalise(row.assigned_reference) == normalise(reference):
        return payments.receipt_of(row)
    raise PaymentAlreadyPlaced(f"payment {row.TransID} is placed already: {row.outcome or Outcome.PREDECESSOR}")


def _settle(connection: Connection, row: Any, reference: str, now: datetime) -> Settlement:
    directory = accounts.load_directory(connection, [normalise(reference)], lock=True)
    route = routing.route(reference, directory)
    if isinstance(route, Held):
        raise AccountNotFound(f"{reference} leads nowhere: {route.reason}")
    return settlement.settle(_payment(row), route, calendar.today(now))


def _payment(row: Any) -> Payment:
    empty = Payment(trans_id=row.TransID, amount_cents=row.TransAmount, business_short_code="", bill_ref_number="")
    return replace(
        empty,
        business_short_code=row.BusinessShortCode or "",
        bill_ref_number=row.BillRefNumber or "",
        msisdn=row.MSISDN or "",
        first_name=row.FirstName or "",
    )
