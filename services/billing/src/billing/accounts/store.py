"""Queries that keep and list ISPs and customers: for operators, on no payment's way."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from servicekit.phones import is_mobile
from sqlalchemy import Connection

from billing.accounts.rules import CustomerFilter, StoredCustomer, StoredIsp
from billing.calendar import MONTH
from billing.payees.rules import Customer, Isp, Line
from billing.payees.store import get_customers, get_isps
from billing.payments.rules import normalise
from billing.schema import isp_credits, isp_wallet, isps, pppoe_users
from servicekit import phones

_c = pppoe_users.c
# What most numbers look like, and nothing else does.
_PLAIN_NUMBER = "^(254|0)[17][0-9]{8}$"
_phone = sa.func.coalesce(_c.phone, "").label("phone")
_ODD_NUMBER = ~sa.func.coalesce(_c.phone, "").regexp_match(_PLAIN_NUMBER), _c.closed_at.is_(None)
_LISTED = sa.select(_c.id, _c.status, _c.last_reconnected_at, _c.closed_at).order_by(_c.id)


def lock_accounts(connection: Connection) -> None:
    """Let others who create ISPs or customers wait: no index can say that an account is only one's."""
    connection.execute(sa.select(isps.c.id).order_by(isps.c.id).with_for_update()).all()


def find_customers(connection: Connection, references: Collection[str]) -> list[Customer]:
    """Customers by normalised account."""
    query = sa.select(_c.id).where(_c.account_key.in_(references))
    return list(get_customers(connection, connection.execute(query).scalars().all()).values())


def find_like(
    connection: Connection, references: Collection[str], customer_ids: Collection[int], lines: Collection[Line]
) -> list[Customer]:
    """Customers by normalised account, by id, and by line."""
    on_lines = sa.and_(
        _c.router_id.in_({line.router_id for line in lines}), _c.username.in_({line.username for line in lines})
    )
    query = sa.union(
        sa.select(_c.id).where(_c.account_key.in_(references)),
        sa.select(_c.id).where(_c.id.in_(customer_ids)),
        sa.select(_c.id).where(on_lines),
    )
    return list(get_customers(connection, connection.execute(query).scalars().all()).values())


def find_isp_accounts(connection: Connection, accounts: Collection[str], but_of: int = 0) -> set[str]:
    """Which of these normalised accounts some ISP has, but for one."""
    found: set[str] = set()
    for key in (isps.c.sms_key, isps.c.wa_key, isps.c.pay_key):
        query = sa.select(key).where(key.in_(accounts), isps.c.id != but_of)
        found.update(connection.execute(query).scalars())
    return found


def insert_isp(connection: Connection, isp: Isp, now: datetime) -> int:
    """Create an ISP, with the id that it wants if it wants one, and its wallet; answers its id.

    A wallet of that id may be on record without its ISP, where only the money's tables were adopted: it stays.
    """
    row = {
        **_wanted_id(isp.isp_id),
        "name": isp.name,
        "smsaccount": isp.sms_account or None,
        "waaccount": isp.wa_account or None,
        "pay_account_number": isp.pay_account_number or None,
        "contact_phone": isp.contact_phone or None,
    }
    isp_id = _inserted_id(connection, isps, row)
    if not connection.execute(sa.select(isp_wallet.c.id).where(isp_wallet.c.isp_id == isp_id)).first():
        connection.execute(sa.insert(isp_wallet), [{"isp_id": isp_id, "balance": 0, "last_updated": now}])
    return isp_id


def isp_names(connection: Connection, isp_ids: Collection[int]) -> dict[int, str]:
    """The names of those of these ISPs that exist."""
    query = sa.select(isps.c.id, isps.c.name).where(isps.c.id.in_(isp_ids))
    return {row.id: row.name or "" for row in connection.execute(query)}


def find_isp_ids(connection: Connection, isp_ids: Collection[int]) -> set[int]:
    """Which of these ISPs exist."""
    return set(connection.execute(sa.select(isps.c.id).where(isps.c.id.in_(isp_ids))).scalars())


def list_isps(connection: Connection) -> list[StoredIsp]:
    """All ISPs by id."""
    credits_ = isp_credits.c
    query = (
        sa.select(
            isps.c.id,
            isps.c.name,
            isps.c.closed_at,
            isp_wallet.c.balance,
            credits_.sms_credits,
            credits_.whatsapp_credits,
        )
        .outerjoin(isp_wallet, isp_wallet.c.isp_id == isps.c.id)
        .outerjoin(isp_credits, credits_.isp_id == isps.c.id)
        .order_by(isps.c.id)
    )
    rows = connection.execute(query).all()
    found = get_isps(connection, [row.id for row in rows])
    return [
        # No name is made up for one that has none: this is what is on record.
        StoredIsp(
            replace(found[row.id], name=row.name or ""),
            row.balance or 0,
            row.sms_credits or 0,
            row.whatsapp_credits or 0,
            row.closed_at,
        )
        for row in rows
        if row.id in found
    ]


def insert_customer(connection: Connection, customer: Customer, now: datetime) -> int:
    """Create a customer, with the id that it wants if it wants one; answers its id."""
    row = {
        **_wanted_id(customer.customer_id),
        "full_name": customer.full_name,
        "username": customer.username or None,
        "account_name": customer.account_name,
        "amount": customer.package_cents,
        "router_id": customer.router_id,
        "isp_id": customer.isp_id,
        "status": "active" if customer.active else "inactive",
        "next_payment_date": customer.next_payment_date,
        "phone": customer.phone or None,
        "line_paid_package": customer.package_name or None,
        "line_period": None if customer.period == MONTH else str(customer.period),
        "line_package": customer.line_package or None,
        "created_at": now,
    }
    return _inserted_id(connection, pppoe_users, row)


def stored_customers(connection: Connection, account_key: str, customer_id: int) -> list[StoredCustomer]:
    """The customer with an id, or, where that is 0, the customers with a normalised account."""
    return _stored(connection, _LISTED.where(_c.id == customer_id if customer_id else _c.account_key == account_key))


def list_customers(connection: Connection, wanted: CustomerFilter, after_id: int, limit: int) -> list[StoredCustomer]:
    """Customers by id, after `after_id`."""
    query = _LISTED.where(_c.id > after_id).limit(limit)
    if wanted.isp_id:
        query = query.where(_c.isp_id == wanted.isp_id)
    if wanted.paid_beyond:
        query = query.where(*_paid_but_not_on(wanted.paid_beyond))
    if wanted.account:
        query = query.where(_c.account_key == wanted.account)
    if wanted.matching:
        query = query.where(_like(wanted.matching))
    if wanted.without_number:
        odd = query.with_only_columns(_c.id, _phone).where(*_ODD_NUMBER).limit(None)
        found = (row.id for row in connection.execute(odd) if not is_mobile(row.phone))
        query = query.where(_c.id.in_(list(islice(found, limit))))
    return _stored(connection, query)


def _like(text: str) -> "sa.ColumnElement[bool]":
    """Whoever has something like it; reads all customers, who are few beside payments."""
    upper = sa.func.upper
    ways = [
        _c.account_key == normalise(text),
        upper(_c.username) == text.upper(),
        upper(_c.full_name).contains(text.upper(), autoescape=True),
    ]
    if is_mobile(text):
        ways.append(_bare(_c.phone).endswith(phones.normalise(text)[-9:]))
    return sa.or_(*ways)


def _bare(phone: "sa.ColumnElement[Any]") -> "sa.ColumnElement[str]":
    """A number on record without what people write between its digits."""
    bare = phone
    for separator in " ().-":
        bare = sa.func.replace(bare, separator, "", type_=sa.String)
    return bare


def count_paid_but_not_on(connection: Connection, today: date) -> int:
    """How many customers have paid beyond today and are not confirmed on."""
    return connection.execute(sa.select(sa.func.count()).where(*_paid_but_not_on(today))).scalar_one()


def count_untellable(connection: Connection) -> int:
    """How many open customers have no mobile number on record. SQL leaves few for the one rule of what a number is."""
    odd = connection.execute(sa.select(_phone).where(*_ODD_NUMBER)).scalars()
    return sum(not is_mobile(written) for written in odd)


def _paid_but_not_on(today: date) -> "tuple[sa.ColumnElement[bool], ...]":
    closed_isps = sa.select(isps.c.id).where(isps.c.closed_at.is_not(None))
    return (
        _c.next_payment_date > today,
        sa.func.coalesce(_c.status, "") != "active",
        _c.closed_at.is_(None),
        sa.func.coalesce(_c.isp_id, 0).not_in(closed_isps),
    )


def _wanted_id(row_id: int) -> dict[str, int]:
    return {"id": row_id} if row_id else {}


def _inserted_id(connection: Connection, table: sa.Table, row: dict[str, Any]) -> int:
    key = connection.execute(sa.insert(table).values(row)).inserted_primary_key
    assert key
    return int(key[0])


def _stored(connection: Connection, query: "sa.Select[Any]") -> list[StoredCustomer]:
    rows = connection.execute(query).all()
    found = get_customers(connection, [row.id for row in rows])
    return [
        StoredCustomer(found[row.id], row.status or "", row.last_reconnected_at, row.closed_at)
        for row in rows
        if row.id in found
    ]
