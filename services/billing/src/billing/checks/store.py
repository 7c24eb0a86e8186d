"""Queries on the comparisons of routers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.checks.rules import Check
from billing.checks.tables import router_checks
from billing.decisions import store as decisions
from billing.policies.rules import OffWay
from billing.schema import pppoe_users

_c, _r = pppoe_users.c, router_checks.c
_WITH_LINES = _c.router_id > 0, _c.username != ""


def list_checks(connection: Connection) -> list[Check]:
    """Of each router on which customers have lines, by id."""
    query = sa.select(_c.router_id).where(*_WITH_LINES).distinct().order_by(_c.router_id)
    known = {row.router_id: _check(row) for row in connection.execute(sa.select(router_checks))}
    return [known.get(one, Check(one)) for one in connection.execute(query).scalars()]


def _check(row: Any) -> Check:
    return Check(
        row.router_id, row.create_time, row.claim_time, row.check_time, row.line_count, row.drift_count,
        row.report_time, row.fault,
    )  # fmt: skip


def begin(connection: Connection, router_ids: Sequence[int], now: datetime) -> None:
    """Know routers from now on. Two who begin at once: the doubled key has one of them run again."""
    nothing = {"line_count": 0, "drift_count": 0, "fault": ""}
    rows = [{"router_id": one, "create_time": now, **nothing} for one in router_ids]
    if rows:
        connection.execute(sa.insert(router_checks), rows)


def claim(connection: Connection, router_id: int, now: datetime, free: datetime) -> bool:
    """Claim a router unless somebody has done so after `free`: whether that is so now."""
    is_free = sa.or_(_r.claim_time.is_(None), _r.claim_time <= free)
    update = sa.update(router_checks).where(_r.router_id == router_id, is_free)
    return connection.execute(update.values(claim_time=now)).rowcount == 1


def report(connection: Connection, check: Check) -> None:
    """Note the newest report on a router that is known; one that was read to the end is nobody's any more."""
    values: dict[str, Any] = {"report_time": check.report_time, "fault": check.fault}
    if not check.fault:
        counts = {"line_count": check.lines, "drift_count": check.drifts}
        values |= {"check_time": check.report_time, "claim_time": None, **counts}
    connection.execute(sa.update(router_checks).where(_r.router_id == check.router_id).values(**values))


def address_lists(connection: Connection) -> dict[int, set[str]]:
    """The address lists that policies name, by the routers on which those have lines for whom they hold."""
    decided = decisions.decided(connection, ("off",))
    found: dict[int, set[str]] = {}
    for owners, column in ((decided.isps, _c.isp_id), (decided.customers, _c.id)):
        names = {one: its.off.name for one, its in owners.items() if its.off.way is OffWay.ADDRESS_LIST}
        query = sa.select(_c.router_id, column.label("owner")).where(*_WITH_LINES, column.in_(sorted(names)))
        for row in connection.execute(query.distinct()) if names else ():
            found.setdefault(row.router_id, set()).add(names[row.owner])
    return found
