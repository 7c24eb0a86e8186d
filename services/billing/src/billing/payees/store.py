"""Queries on ISPs and customers: for routing, and for the dates and states that payments move."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.calendar import MONTH
from billing.locking.rules import RowKind
from billing.locking.store import locks
from billing.packages.rules import read_period
from billing.payees.rules import Customer, Isp, LineReason, LineState, Payees
from billing.payments.rules import Outcome
from billing.payments.settlement import Settlement
from billing.schema import isps, pppoe_users

_c = pppoe_users.c
# To read a column that nobody looks at costs as much as one that matters.
_COLUMNS = (
    _c.id, _c.account_name, _c.full_name, _c.username, _c.phone, _c.amount, _c.router_id, _c.isp_id,
    _c.next_payment_date, _c.status, _c.closed_at, _c.due_day, _c.line_wanted, _c.line_reason, _c.line_version,
    _c.line_hold, _c.line_hold_since, _c.line_period,
)  # fmt: skip
_ON = {_c.line_wanted: LineState.ON, _c.line_reason: LineReason.PAID, _c.line_hold: None, _c.line_hold_since: None}
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
_FIND_CUSTOMERS: sa.Select[Any] = sa.select(*_COLUMNS).where(
    pppoe_users.c.account_key.in_(sa.bindparam("keys", expanding=True))
)
FIND_ALL: sa.Select[Any] = sa.select(*_COLUMNS, _c.line_paid_package, _c.line_package, _c.line_package_day)
_FIND_BY_ID = FIND_ALL.where(_c.id.in_(sa.bindparam("keys", expanding=True)))
_MARK = (
    sa.update(pppoe_users)
    .where(_c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(line_reported_version=_c.line_version, line_report_time=sa.bindparam("now"))
)
_MARK_ON = _MARK.values(line_reported=LineState.ON, status="active", last_reconnected_at=sa.bindparam("now"))
_MARK_OFF = _MARK.values(line_reported=LineState.OFF, status="inactive")
# Left to choose, MySQL reads all of a small table, and waits for whatever is locked in it.
_LOCK_CUSTOMERS = (
    _FIND_CUSTOMERS.order_by(pppoe_users.c.account_key, pppoe_users.c.id)
    .with_for_update()
    .with_hint(pppoe_users, "FORCE INDEX (ix_pppoe_users_account_key)", "mysql")
)
_BY_ID = _FIND_BY_ID.order_by(_c.id).with_hint(pppoe_users, "FORCE INDEX (PRIMARY)", "mysql")
_LOCK_BY_ID = _BY_ID.with_for_update()
_LOCK_FREE = _BY_ID.with_for_update(skip_locked=True)


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
    return _by_id(connection.execute(_FIND_BY_ID, {"keys": sorted(customer_ids)}) if customer_ids else ())


def lock_customers(
    connection: Connection, customer_ids: Collection[int], seconds: float | None = None
) -> Mapping[int, Customer]:
    """Lock customers until the transaction ends. `seconds`: how long it may wait for others; then RowsLocked."""
    if not customer_ids:
        return {}
    return _by_id(locks.lock(connection, _LOCK_BY_ID, RowKind.CUSTOMER, sorted(customer_ids), seconds))


def lock_free_customers(connection: Connection, customer_ids: Collection[int]) -> Mapping[int, Customer]:
    """Lock those of these customers whom nobody else has locked: a payment that is being recorded goes first."""
    return _by_id(connection.execute(_LOCK_FREE, {"keys": sorted(customer_ids)}) if customer_ids else ())


def find_customers(
    connection: Connection, query: sa.Executable, values: Mapping[str, Collection[object]]
) -> Mapping[int, Customer]:
    """The customers whom a query finds that begins as FIND_ALL, by id."""
    return _by_id(connection.execute(query, values))


def get_isps(connection: Connection, isp_ids: Collection[int]) -> Mapping[int, Isp]:
    """ISPs by id."""
    found = connection.execute(sa.select(isps).where(isps.c.id.in_(isp_ids))) if isp_ids else ()
    return {row.id: _isp(row) for row in found}


def move_due_dates(writes: Writes, settled: Iterable[Settlement]) -> None:
    """Set the due dates of those who paid in full, the last one of a customer counts; and want their lines on, where
    that was not wanted before.
    """
    paid = [(one.customer.customer_id, one) for one in settled if one.customer and one.outcome is Outcome.CUSTOMER_PAID]
    due_dates = {one_id: one.due_date for one_id, one in paid}
    switched = {one.customer.customer_id: one.customer.version for one in settled if one.customer and one.switches}
    for version in {None, *switched.values()}:
        dates = {one_id: date for one_id, date in due_dates.items() if switched.get(one_id) == version}
        writes.update(_c.next_payment_date, _c.id, dates, _ON | {_c.line_version: version} if version else {})
    days = {one_id: one.due_day for one_id, one in paid if one.due_day != one.previous_due_day}
    writes.update(_c.due_day, _c.id, days)


def mark_reported(connection: Connection, customer_ids: Collection[int], state: LineState, now: datetime) -> None:
    """Their routers hold what is wanted of their lines now: this state."""
    if customer_ids:
        mark = _MARK_ON if state is LineState.ON else _MARK_OFF
        connection.execute(mark, {"ids": sorted(customer_ids), "now": now})


def _by_id(rows: "Iterable[sa.Row[Any]]") -> Mapping[int, Customer]:
    return {row.id: _with_package(_customer(row), row) for row in rows}


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
        wanted=LineState(row.line_wanted) if row.line_wanted else None,
        reason=LineReason(row.line_reason) if row.line_reason else None,
        version=row.line_version or 0,
        hold=LineReason(row.line_hold) if row.line_hold else None,
        hold_since=row.line_hold_since,
        period=read_period(row.line_period) if row.line_period else MONTH,
    )


def _with_package(customer: Customer, row: "sa.Row[Any]") -> Customer:
    """No payment asks which package it is for."""
    customer.package_name, customer.line_package = row.line_paid_package or "", row.line_package or ""
    customer.package_day = row.line_package_day
    return customer
