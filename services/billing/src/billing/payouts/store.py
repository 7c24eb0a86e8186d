"""Queries on what was paid out."""

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.ledger import rules as ledger
from billing.schema import ledger_transfers

_t = ledger_transfers.c


def paid_out(connection: Connection, customer_id: int) -> int:
    """What was paid out of a customer's credit and not taken back, in cents."""
    credit = ledger.credit(customer_id)

    def total(from_account: str, to_account: str) -> int:
        query = sa.select(sa.type_coerce(sa.func.sum(_t.amount), _t.amount.type))
        moved = _t.from_account == from_account, _t.to_account == to_account
        return connection.execute(query.where(*moved)).scalar() or 0

    return total(credit, ledger.PAYOUT) - total(ledger.PAYOUT, credit)
