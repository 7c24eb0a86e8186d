"""Queries of the comparison: which lines a router has, and what it was seen to hold of them."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from billing.payees.rules import LineState
from billing.schema import isps, pppoe_users

_c = pppoe_users.c
_STATUS = {LineState.ON: "active", LineState.OFF: "inactive"}


def find_lines(connection: Connection, router_id: int) -> list[tuple[int, str]]:
    """The customers with a line on a router, each with the name of its secret."""
    query = sa.select(_c.id, _c.username).where(_c.router_id == router_id, _c.username != "")
    return [(row.id, row.username) for row in connection.execute(query)]


def of_open_isps(connection: Connection, customer_ids: Collection[int]) -> set[int]:
    """Those of these customers whose ISP is not closed."""
    closed = sa.select(isps.c.id).where(isps.c.closed_at.is_not(None))
    query = sa.select(_c.id).where(_c.id.in_(sorted(customer_ids)), sa.func.coalesce(_c.isp_id, 0).not_in(closed))
    return set(connection.execute(query).scalars()) if customer_ids else set()


def mark_seen(
    connection: Connection, customer_ids: Collection[int], state: LineState, now: datetime, before: datetime
) -> None:
    """Note a state that is another than the one noted, unless something was reported after `before`."""
    stale = sa.or_(_c.line_report_time.is_(None), _c.line_report_time < before)
    noted = sa.func.coalesce(_c.line_reported, "") == state, sa.func.coalesce(_c.status, "") == _STATUS[state]
    update = sa.update(pppoe_users).where(_c.id.in_(sorted(customer_ids)), stale, sa.not_(sa.and_(*noted)))
    connection.execute(update.values(line_reported=state, status=_STATUS[state], line_report_time=now))
