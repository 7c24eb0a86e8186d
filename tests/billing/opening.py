"""Who is at the desk when a test begins: two ISPs and their customers, in tables that hold nothing else."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from billing.accounts import service as accounts
from billing.schema import isps, metadata

from servicekit import moments
from tests.billing.desk import CUSTOMER_PHONE, Desk, customer, isp


def empty(engine: sa.Engine) -> None:
    """Delete all rows of a server's tables, in one script; the first ISP is number 1 again."""
    deletions = [f"DELETE FROM {name}" for name in metadata.tables]
    with engine.begin() as connection:
        connection.exec_driver_sql("; ".join([*deletions, f"ALTER TABLE {isps.name} AUTO_INCREMENT = 1"]))


def open_desk(engine: sa.Engine) -> Desk:
    """ISP 1 "Demo Networks" (SMS001, WA001, ACC001) with customers 0949AQ (KES 1000, router 1, has a phone), 12BC (KES
    1500.50, no router), WAIRIMU1 (KES 1000, router 1); ISP 2 "Pwani Fibre" (SMS002, WA002, ACC002) with customer 77XY
    (KES 500, router 2).

    It is opened once on each kind of database, as staff do it; from then on the same rows are written.
    """
    dialect = engine.dialect.name
    if dialect not in _opened:
        desk = _open(engine)
        _opened[dialect] = _rows(engine)
        return desk
    then, rows = _opened[dialect]
    with engine.begin() as connection:
        later = moments.current_time(connection) - then
        for table, there in rows.items():
            connection.execute(sa.insert(table), [_moved(row, later) for row in there])
    return Desk(engine)


# When it was, and the rows of each table that has some.
_opened: dict[str, tuple[datetime, dict[sa.Table, list[Mapping[str, Any]]]]] = {}


def _rows(engine: sa.Engine) -> tuple[datetime, dict[sa.Table, list[Mapping[str, Any]]]]:
    with engine.connect() as connection:
        rows = {table: connection.execute(_all_of(table)).mappings().all() for table in metadata.sorted_tables}
        return moments.current_time(connection), {table: list(there) for table, there in rows.items() if there}


def _all_of(table: sa.Table) -> sa.Select[Any]:
    """Whatever is written: the server itself computes the rest."""
    return sa.select(*(column for column in table.columns if column.computed is None))


def _moved(row: Mapping[str, Any], later: timedelta) -> dict[str, Any]:
    return {name: value + later if isinstance(value, datetime) else value for name, value in row.items()}


def _open(engine: sa.Engine) -> Desk:
    assert _rows(engine)[1] == {}
    first = accounts.create_isp(engine, isp("Demo Networks", 1))
    second = accounts.create_isp(engine, isp("Pwani Fibre", 2))
    assert (first, second) == (1, 2)
    desk = Desk(engine)
    desk.create(
        [
            customer("0949AQ", first, 100_000, router_id=1, username="0949AQ", phone=CUSTOMER_PHONE),
            customer("12BC", first, 150_050, phone="0712000002"),
            customer("WAIRIMU1", first, 100_000, router_id=1, username="wairimu", phone="0712000003"),
            customer("77XY", second, 50_000, router_id=2, username="xy77"),
        ]
    )
    return desk
