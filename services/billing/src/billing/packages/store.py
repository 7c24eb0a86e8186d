"""Queries on packages, and on who has them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.changes.rules import Noun
from billing.packages.rules import Package, read_period
from billing.packages.tables import packages
from billing.schema import account_changes, pppoe_users

_p, _c, _a = packages.c, pppoe_users.c, account_changes.c


def of_isps(connection: Connection, isp_ids: Collection[int]) -> Mapping[tuple[int, str], Package]:
    """The packages of these ISPs, by ISP and name, in the order of their names."""
    query = sa.select(packages).where(_p.isp_id.in_(sorted(isp_ids))).order_by(_p.name)
    found = [_package(row) for row in connection.execute(query)] if isp_ids else ()
    return {(one.isp_id, one.name): one for one in found}


def count_customers(connection: Connection, isp_id: int) -> Mapping[str, int]:
    """How many customers of an ISP, who are not closed, pay for which package."""
    theirs = _c.isp_id == isp_id, _c.line_paid_package.is_not(None), _c.closed_at.is_(None)
    query = sa.select(_c.line_paid_package, sa.func.count().label("many")).where(*theirs).group_by(_c.line_paid_package)
    return {row.line_paid_package: row.many for row in connection.execute(query)}


def insert(connection: Connection, package: Package) -> None:
    """Add a package."""
    key = {"isp_id": package.isp_id, "name": package.name}
    connection.execute(sa.insert(packages).values(**key, **_values(package)))


def update(connection: Connection, package: Package) -> None:
    """Write a package as it is now."""
    its = _p.isp_id == package.isp_id, _p.name == package.name
    connection.execute(sa.update(packages).where(*its).values(**_values(package)))


def _values(package: Package) -> dict[str, Any]:
    return {
        "price": package.price_cents,
        "period": str(package.period),
        "profile": package.profile,
        "closed": package.closed,
    }


def _package(row: "sa.Row[Any]") -> Package:
    return Package(row.isp_id, row.name, row.price, read_period(row.period), row.profile, bool(row.closed))


def find_due(connection: Connection, today: date, limit: int) -> Sequence[int]:
    """The customers whose line is to have another package today."""
    query = sa.select(_c.id).where(_c.line_package_day <= today).order_by(_c.line_package_day, _c.id).limit(limit)
    return connection.execute(query).scalars().all()


def last_change(connection: Connection, customer_id: int) -> int | None:
    """The id of the last change of the day on which a customer's line gets another package."""
    its = _a.noun == Noun.CUSTOMER, _a.noun_id == customer_id, _a.field == "package_day"
    return connection.execute(sa.select(sa.func.max(_a.id)).where(*its)).scalar()
