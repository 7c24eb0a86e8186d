"""Adopts a database of the predecessor: its rows stay, what our promise needs is added.

Called by the migrations only. Each function looks before it acts and may be run again after it was cut off.
MySQL only, but for `open_wallets`: the predecessor knew nothing else.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

log = structlog.get_logger()

# Columns that may be too narrow from now on. The ids: seven log rows a payment fill an INT soon.
_WIDEN = {
    "paybill_payments": ("id", "TransAmount", "OrgAccountBalance", "MSISDN"),
    "user_transactions_in": ("id", "amount"),
    "isp_wallet": ("balance",),
    "isp_credits": ("sms_credits", "whatsapp_credits"),
    "credit_transactions": ("amount", "total_amount"),
    "payment_debug_log": ("id",),
    "pppoe_users": ("amount",),
}

_DOUBLED = "paybill_payments_doubled"


def adopt_columns(op: Any, connection: Connection, table: sa.Table) -> None:
    """Add the columns that an existing table lacks and widen those that are too narrow."""
    inspector = sa.inspect(connection)
    there = {column["name"].lower(): column for column in inspector.get_columns(table.name)}
    for column in table.columns:
        if column.name.lower() not in there:
            op.add_column(table.name, sa.Column(column.name, column.type, *_extras(column), nullable=True))
            log.info("column_added", table=table.name, column=column.name)
    for name in _WIDEN.get(table.name, ()):
        existing = there.get(name.lower())
        if existing and not (name == "id" and _is_referenced(inspector, table.name)):
            _widen(op, connection, table.columns[name], existing)


def _extras(column: sa.Column[Any]) -> list[sa.Computed]:
    # A default would have to be valid for old rows too; they rather stay NULL.
    return [sa.Computed(column.computed.sqltext, persisted=False)] if column.computed else []


def _is_referenced(inspector: Any, table_name: str) -> bool:
    tables = inspector.get_table_names()
    return any(key["referred_table"] == table_name for name in tables for key in inspector.get_foreign_keys(name))


def _widen(op: Any, connection: Connection, wanted: sa.Column[Any], there: Any) -> None:
    new, old = (type_.compile(connection.dialect) for type_ in (wanted.type, there["type"]))
    if new.split(" ")[0] == old.split(" ")[0]:
        return
    options = {"autoincrement": True} if there.get("autoincrement") else {}
    op.alter_column(
        wanted.table.name,
        there["name"],
        type_=wanted.type,
        existing_nullable=there["nullable"],
        existing_server_default=sa.text(there["default"]) if there["default"] else None,
        **options,
    )
    log.info("column_widened", table=wanted.table.name, column=wanted.name, old=old, new=new)


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
    connection.execute(sa.text("UPDATE isp_credit SET sms_credits = 0"))
    connection.commit()


def move_doubled_payments(connection: Connection, there: Collection[str]) -> None:
    """Leave the first row of each TransID where it is and move the others to a table beside, so that none is lost."""
    if "paybill_payments" not in there:
        return
    doubled = connection.execute(
        sa.text(
            "SELECT later.id FROM paybill_payments AS later JOIN"
            " (SELECT TransID, MIN(id) AS first_id FROM paybill_payments WHERE TransID IS NOT NULL"
            "  GROUP BY TransID HAVING COUNT(*) > 1) AS first"
            " ON first.TransID = later.TransID AND later.id <> first.first_id"
        )
    ).scalars()
    ids = list(doubled)
    if not ids:
        return
    connection.execute(sa.text(f"CREATE TABLE IF NOT EXISTS {_DOUBLED} LIKE paybill_payments"))
    for id_ in ids:
        connection.execute(
            sa.text(f"INSERT IGNORE INTO {_DOUBLED} SELECT * FROM paybill_payments WHERE id = :id"),  # noqa: S608
            {"id": id_},
        )
        connection.execute(sa.text("DELETE FROM paybill_payments WHERE id = :id"), {"id": id_})
    connection.commit()
    log.warning("doubled_payments_moved", table=_DOUBLED, rows=len(ids))


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
