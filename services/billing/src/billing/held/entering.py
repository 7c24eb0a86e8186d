"""Payments that M-Pesa delivered to nobody, as an operator enters them: dated, marked, and what would become of them.

A module of its own: they are recorded by payments.service, like any other.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.payments import store as payments
from billing.payments import validation
from billing.payments.errors import InvalidPayment
from billing.payments.rules import Outcome, Payment, Receipt
from billing.policy import Policy

_SOURCE = "by hand"
_FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)
# Of what was entered, as the callback that there is none of.
_KEPT = ("trans_id", "transaction_type", "trans_time", "amount_cents", "business_short_code", "bill_ref_number",
         "msisdn", "first_name")  # fmt: skip


def entered(engine: Engine, batch: Sequence[Payment], by: str, reason: str) -> list[Payment]:
    """The payments with their own times, and with who entered them and why. Raises InvalidPayment."""
    now = transact(engine, current_time)
    return [_entered(payment, by, reason, now) for payment in batch]


def _entered(payment: Payment, by: str, reason: str, now: datetime) -> Payment:
    facts = {name: value for name, value in asdict(payment).items() if name in _KEPT}
    body = json.dumps(facts | {"entered_by": by, "reason": reason}).encode()
    marked = f", entered by hand by {by}: {reason}"
    paid_at = _paid_at(payment, now)
    return replace(payment, entered=marked, receive_time=paid_at, callback_body=body, source_address=_SOURCE)


def _paid_at(payment: Payment, now: datetime) -> datetime:
    try:
        moment = datetime.strptime(payment.trans_time, "%Y%m%d%H%M%S").replace(tzinfo=calendar.NAIROBI)
    except ValueError:
        raise InvalidPayment(f"{payment.trans_id}: trans_time: not YYYYMMDDHHmmss") from None
    if not _FIRST_DAY <= moment <= now:
        raise InvalidPayment(f"{payment.trans_id}: trans_time: not between 2020 and now")
    return moment.astimezone(UTC)


def preview(engine: Engine, policy: Policy, batch: Sequence[Payment]) -> list[Receipt]:
    """The receipts that these payments would get; those of one batch do not see each other."""

    def known(connection: Connection) -> dict[str, Receipt]:
        recorded, _ = payments.find_recorded(connection, {one.trans_id for one in batch})
        contents = {one.trans_id: one.content for one in batch}
        conflict = {one for one, (content, _) in recorded.items() if content != contents[one]}
        return {
            one: Receipt(one, Outcome.CONFLICT, repeated=True) if one in conflict else receipt
            for one, (_, receipt) in recorded.items()
        }

    there = transact(engine, known)
    fresh = validation.validate(engine, policy, batch)
    return [
        there.get(one.trans_id) or replace(new, trans_id=one.trans_id) for one, new in zip(batch, fresh, strict=True)
    ]
