"""Finds the payment whose row the database refuses, and puts it in quarantine: it costs its neighbours nothing.

A module of its own: only what breaks a batch comes here.
"""

import hashlib
from collections.abc import Callable, Sequence

import structlog
from servicekit.database_errors import error_code
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from billing.payments.rules import Outcome, Payment, Receipt
from billing.policy import Policy
from billing.quarantine import service as quarantine
from billing.quarantine.rules import NewCallback

log = structlog.get_logger()

Record = Callable[[Sequence[Payment]], list[Receipt]]


def set_aside(
    engine: Engine, policy: Policy, batch: Sequence[Payment], error: DBAPIError, record: Record
) -> list[Receipt]:
    """The receipts for a batch that the database refused with `error`: `record` records one half after the other.

    What follows a deferred delivery of its own TransID must not overtake it.
    """
    if len(batch) == 1:
        return [_quarantine(engine, policy, batch[0], error)]
    middle = len(batch) // 2
    first = record(batch[:middle])
    deferred = {receipt.trans_id: receipt for receipt in first if receipt.outcome is Outcome.DEFERRED}
    rest = [payment for payment in batch[middle:] if payment.trans_id not in deferred]
    second = iter(record(rest) if rest else ())
    return first + [deferred.get(payment.trans_id) or next(second) for payment in batch[middle:]]


def _quarantine(engine: Engine, policy: Policy, payment: Payment, error: DBAPIError) -> Receipt:
    """Put a payment in quarantine, the same body once, and have the admins told."""
    fault = f"the database refused it: {type(error).__name__} {error_code(error)}"
    log.error("payment_quarantined", trans_id=payment.trans_id, fault=fault)
    key = hashlib.sha256(payment.trans_id.encode() + payment.callback_body).hexdigest()
    callback = NewCallback(key, payment.callback_body, fault, payment.source_address)
    quarantine.keep(engine, policy, [callback], limited=False)
    return Receipt(payment.trans_id, Outcome.QUARANTINED)
