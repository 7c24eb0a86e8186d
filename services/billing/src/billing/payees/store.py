"""Queries on ISPs and customers: for routing, and for the dates and states that payments move."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.locking.rules import RowKind
from billing.locking.store import locks
from billing.payees.rules import Customer, Isp, Payees
from billing.payments.rules import Outcome
from billing.payments.settlement import Settlement
from billing.schema import isps, pppoe_users

# Queries on the way of every payment are made once: to make one takes longer than to carry it out.
_references: sa.BindParameter[str] = sa.bindparam("references", expanding=True)
_FIND_ISPS = sa.select(isps).where(
    sa.or_(
        isps.c.id.in_(sa.bindparam("isp_ids", expanding=True)),
        isps.c.sms_key.in_(_references),
        isps.c.wa_key.in_(_references),
        isps.c.pay_key.in_(_references),
    )
)
_FIND_CUSTOMERS = sa.select(pppoe_users).where(pppoe_users.c.account_key.in_(sa.bindparam("keys", expanding=True)))
_FIND_BY_ID = sa.select(pppoe_users).where(pppoe_users.c.id.in_(sa.bindparam("ids", expanding=True)))
_MARK_RECONNECTED = (
    sa.update(pppoe_users)
    .where(pppoe_users.c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(status="active", last_reconnected_at=sa.bindparam("now"))
)
# Left to choose, MySQL reads all of a small table, and waits for whatever is locked in it.
_LOCK_CUSTOMERS = (
    _FIND_CUSTOMERS.order_by(pppoe_users.c.account_key, pppoe_users.c.id)
    .with_for_update()
    .with_hint(pppoe_users, "FORCE INDEX (ix_pppoe_users_account_key)", "mysql")
)
_LOCK_BY_ID = (
    sa.select(pppoe_users.c.id, pppoe_users.c.status)  # for the key alone it would read the whole index
    .where(pppoe_users.c.id.in_(sa.bindparam("keys", expanding=True)))
    .order_by(pppoe_users.c.id)
    .with_for_update()
    .with_hint(pppoe_users, "FORCE INDEX (PRIMARY)", "mysql")
)


def load(connection: Connection, references: Collection[str], *, lock: bool, seconds: float | None = None) -> Payees:
    """The ISPs and customers that these normalised references may mean.

    With `lock` the customers' rows stay locked until the transaction ends, in the order of the account's index, so
    that two batches cannot both move a date from the same start. `seconds`: how long that may take; then RowsLocked.
    """
    if lock:
        rows = locks.lock(connection, _LOCK_CUSTOMERS, RowKind.ACCOUNT, references, seconds)
    else:
        rows = connection.execute(_FIND_CUSTOMERS, {"keys": list(references)}).all()
    customers = [_customer(row) for row in rows]
    wanted = sorted({customer.isp_id for customer in customers if customer.isp_id})
    found = connection.execute(_FIND_ISPS, {"isp_ids": wanted, "references": list(references)})
    return Payees([_isp(row) for row in found], customers)


def get_customers(connection: Connection, customer_ids: Collection[int]) -> Mapping[int, Customer]:
    """Customers by id."""
    found = connection.execute(_FIND_BY_ID, {"ids": sorted(customer_ids)}) if customer_ids else ()
    return {row.id: _customer(row) for row in found}


def get_isps(connection: Connection, isp_ids: Collection[int]) -> Mapping[int, Isp]:
    """ISPs by id."""
    return {row.id: _isp(row) for row in connection.execute(sa.select(isps).where(isps.c.id.in_(isp_ids)))}


def move_due_dates(writes: Writes, settled: Iterable[Settlement]) -> None:
    """Set the due dates of those who paid in full; the last one of a customer counts."""
    paid = [(one.customer.customer_id, one) for one in settled if one.customer and one.outcome is Outcome.CUSTOMER_PAID]
    writes.update(pppoe_users.c.next_payment_date, pppoe_users.c.id, {one_id: one.due_date for one_id, one in paid})
    days = {one_id: one.due_day for one_id, one in paid if one.due_day != one.previous_due_day}
    writes.update(pppoe_users.c.due_day, pppoe_users.c.id, days)


def lock_by_id(connection: Connection, customer_ids: Collection[int], seconds: float | None) -> None:
    """Lock customers until the transaction ends. `seconds`: how long it may wait for others; then RowsLocked."""
    if customer_ids:
        locks.lock(connection, _LOCK_BY_ID, RowKind.CUSTOMER, sorted(customer_ids), seconds)


def mark_reconnected(connection: Connection, customer_ids: Iterable[int], now: datetime) -> None:
    """Their lines are confirmed on."""
    connection.execute(_MARK_RECONNECTED, {"ids": sorted(customer_ids), "now": now})


def _isp(row: "sa.Row[Any]") -> Isp:
    return Isp(
        isp_id=row.id,
        name=row.name or f"ISP {row.id}",
        contact_phone=row.contact_phone or "",
        sms_account=row.smsaccount or "",
        wa_account=row.waaccount or "",
        pay_account_number=row.pay_account_number or "",
        closed=row.closed_at is not None,
    )


def _customer(row: "sa.Row[Any]") -> Customer:
    return Customer(
        customer_id=row.id,
        account_name=row.account_name or "",
        full_name=row.full_name or "",
        username=row.username or "",
        phone=row.phone or "",
        package_cents=row.amount,
        router_id=row.router_id,
        isp_id=row.isp_id,
        next_payment_date=row.next_payment_date,
        active=row.status == "active",
        closed=row.closed_at is not None,
        due_day=row.due_day,
    )
