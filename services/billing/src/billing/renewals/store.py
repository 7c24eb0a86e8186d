"""Queries on customers' credits, and the dates that they move."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.ledger import rules as ledger
from billing.renewals.rules import Credit, Renewal
from billing.schema import ledger_transfers, pppoe_users

_c, _t = pppoe_users.c, ledger_transfers.c


def credits_of(connection: Connection, customer_ids: Collection[int]) -> Mapping[int, Credit]:
    """The credits of those of these customers for whom anything was ever kept, by the customer's id."""
    accounts = {ledger.credit(one): one for one in customer_ids}
    moves = sa.union_all(
        sa.select(_t.to_account.label("account"), _t.amount).where(_t.to_account.in_(accounts)),
        sa.select(_t.from_account, -_t.amount).where(_t.from_account.in_(accounts)),
    ).subquery()
    total = sa.type_coerce(sa.func.sum(moves.c.amount), _t.amount.type).label("cents")
    query = sa.select(moves.c.account, total, sa.func.count().label("moves")).group_by(moves.c.account)
    return {accounts[row.account]: Credit(row.cents, row.moves) for row in connection.execute(query)}


def move_due_dates(writes: Writes, renewals: Collection[Renewal]) -> None:
    """Set the due dates of those who were renewed."""
    after = {one.before.customer_id: one.after for one in renewals}
    writes.update(_c.next_payment_date, _c.id, {one_id: one.next_payment_date for one_id, one in after.items()})
    writes.update(_c.due_day, _c.id, {one_id: one.due_day for one_id, one in after.items()})
