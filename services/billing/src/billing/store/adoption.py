"""Adopts a database of the predecessor: its rows stay, what our promise needs is added. See also columns.py.

Called by the migrations only. Each function looks before it acts and may be run again after it was cut off.
MySQL only, but for `open_wallets` and `adopt_indexes`: the predecessor knew nothing else.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

log = structlog.get_logger()

_DOUBLED = "paybill_payments_doubled"


@contextmanager
def zero_dates_allowed(connection: Connection) -> Iterator[None]:
    """Let old rows with dates such as 0000-00-00 be copied as they are; a strict server refuses to copy them."""
    mode = connection.exec_driver_sql("SELECT @@SESSION.sql_mode").scalar_one()
    kept = [word for word in mode.split(",") if word not in {"NO_ZERO_DATE", "NO_ZERO_IN_DATE"}]
    connection.execute(sa.text("SET SESSION sql_mode = :mode"), {"mode": ",".join(kept)})
    yield
    connection.execute(sa.text("SET SESSION sql_mode = :mode"), {"mode": mode})


def adopt_indexes(connection: Connection, table: sa.Table) -> None:
    """Create the indexes that an existing table lacks. One that covers the same columns will do."""
    inspector = sa.inspect(connection)
    there = [(index["column_names"], bool(index["unique"])) for index in inspector.get_indexes(table.name)]
    for index in table.indexes:
        columns = [column.name for column in index.columns]
        fits = any(
            names[: len(columns)] == columns and (not index.unique or (unique and len(names) == len(columns)))
            for names, unique in there
        )
        if not fits:
            index.create(connection)
            log.info("index_added", table=table.name, columns=columns, unique=bool(index.unique))


def merge_doubled_rows(connection: Connection, there: Collection[str]) -> None:
    """Make one wallet and one row of credits of each ISP's several, with their sums; nothing is NULL afterwards."""
    if "isp_wallet" in there:
        _merge(connection, "isp_wallet", ("balance",))
    if "isp_credits" in there:
        _merge(connection, "isp_credits", ("sms_credits", "whatsapp_credits"))
    if "isp_credit" in there:
        _take_over_misnamed_credits(connection)


def _merge(connection: Connection, table: str, columns: tuple[str, ...]) -> None:
    sums = ", ".join(f"SUM(COALESCE({name}, 0)) AS {name}" for name in columns)
    doubled = connection.execute(
        sa.text(
            f"SELECT isp_id, MIN(id) AS kept, COUNT(*) AS n, {sums} FROM {table}"  # noqa: S608
            " WHERE isp_id IS NOT NULL GROUP BY isp_id HAVING COUNT(*) > 1"
        )
    ).all()
    for row in doubled:
        values = {name: getattr(row, name) for name in columns}
        settings = ", ".join(f"{name} = :{name}" for name in columns)
        of_isp = {"kept": row.kept, "isp_id": row.isp_id}
        connection.execute(sa.text(f"UPDATE {table} SET {settings} WHERE id = :kept"), values | {"kept": row.kept})  # noqa: S608
        connection.execute(sa.text(f"DELETE FROM {table} WHERE isp_id = :isp_id AND id <> :kept"), of_isp)  # noqa: S608
        log.warning("rows_merged", table=table, isp_id=row.isp_id, rows=row.n, **{k: str(v) for k, v in values.items()})
    for name in columns:
        connection.execute(sa.text(f"UPDATE {table} SET {name} = 0 WHERE {name} IS NULL"))  # noqa: S608
    connection.commit()  # in one piece: an ALTER would commit half of it


def _take_over_misnamed_credits(connection: Connection) -> None:
    """The predecessor's SMS branch wrote `isp_credit`, a table nobody reads: add it up and leave zeros behind."""
    columns = {column["name"] for column in sa.inspect(connection).get_columns("isp_credit")}
    if not {"isp_id", "sms_credits"} <= columns:
        return
    sums = "SELECT isp_id, SUM(sms_credits) AS n FROM isp_credit WHERE sms_credits <> 0 GROUP BY isp_id"
    for row in connection.execute(sa.text(sums)).all():
        added = {"n": row.n, "isp_id": row.isp_id}
        update = sa.text("UPDATE isp_credits SET sms_credits = sms_credits + :n WHERE isp_id = :isp_id")
        if not connection.execute(update, added).rowcount:
            insert = "INSERT INTO isp_credits (isp_id, sms_credits, whatsapp_credits) VALUES (:isp_id, :n, 0)"
            connection.execute(sa.text(insert), added)
        log.warning("misnamed_credits_taken_over", isp_id=row.isp_id, sms_credits=str(row.n))
    connection.execute(sa.text("UPDATE isp_credit SET sms_credits = 0 WHERE sms_credits <> 0"))
    connection.commit()


def move_doubled_payments(connection: Connection, there: Collection[str]) -> None:
    """Leave the first row of each TransID where it is and move the others to a table beside, so that none is lost."""
    if "paybill_payments" not in there:
        return
    doubled = connection.execute(
        sa.text(
            "SELECT later.id, first.id AS first_id FROM paybill_payments AS later JOIN"
            " (SELECT TransID, MIN(id) AS id FROM paybill_payments WHERE TransID IS NOT NULL"
            "  GROUP BY TransID HAVING COUNT(*) > 1) AS first"
            " ON first.TransID = later.TransID AND later.id <> first.id"
        )
    ).all()
    if not doubled:
        return
    if _DOUBLED not in there:
        connection.execute(sa.text(f"CREATE TABLE {_DOUBLED} LIKE paybill_payments"))
    for row in doubled:
        _move(connection, row)
    connection.commit()
    log.warning("doubled_payments_moved", table=_DOUBLED, rows=len(doubled))


def _move(connection: Connection, row: Any) -> None:
    """Rows of other tables that point to the payment point to the first one then: a key might delete them with it."""
    ids = {"id": row.id, "first_id": row.first_id}
    copy = sa.text(f"INSERT INTO {_DOUBLED} SELECT * FROM paybill_payments WHERE id = :id")  # noqa: S608
    connection.execute(copy, ids)
    for table, column in references_to(connection, "paybill_payments"):
        point = sa.text(f"UPDATE {table} SET {column} = :first_id WHERE {column} = :id")  # noqa: S608
        connection.execute(point, ids)
    connection.execute(sa.text("DELETE FROM paybill_payments WHERE id = :id"), ids)


def references_to(connection: Connection, table: str) -> list[tuple[str, str]]:
    """The quoted (table, column) of each foreign key, in any schema, onto a table's id."""
    query = sa.text(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE"
        " WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = :table"
        " AND REFERENCED_COLUMN_NAME = 'id'"
    )
    return [
        (f"`{schema}`.`{name}`", f"`{column}`") for schema, name, column in connection.execute(query, {"table": table})
    ]


def open_wallets(connection: Connection) -> None:
    """Give each adopted wallet an entry with what is in it, so that entries sum to wallets from the first day."""
    connection.execute(
        sa.text(
            "INSERT INTO wallet_entries (isp_id, trans_id, kind, amount, balance_after, created_at)"
            " SELECT isp_id, NULL, 'opening_balance', balance, balance, CURRENT_TIMESTAMP FROM isp_wallet"
            " WHERE isp_id IS NOT NULL AND balance <> 0"
            " AND isp_id NOT IN (SELECT isp_id FROM wallet_entries)"
        )
    )
