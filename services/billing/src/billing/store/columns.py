"""Brings the columns of the predecessor's tables to what we need: missing ones are added, too narrow ones widened.

Never narrows, never drops. All changes of a table are one ALTER, because each one may copy the table.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from billing.store.adoption import references_to

log = structlog.get_logger()

# Columns that what we write must fit into. The ids: seven log rows a payment fill an INT soon.
_WRITTEN = {
    "isps": ("name", "smsaccount", "waaccount", "pay_account_number", "contact_phone"),
    "pppoe_users": ("full_name", "username", "account_name", "amount", "phone"),
    "paybill_payments": (
        "id", "TransactionType", "TransTime", "TransAmount", "BusinessShortCode", "BillRefNumber", "InvoiceNumber",
        "OrgAccountBalance", "ThirdPartyTransID", "MSISDN", "FirstName",
    ),
    "user_transactions_in": ("id", "amount"),
    "isp_wallet": ("balance",),
    "isp_credits": ("sms_credits", "whatsapp_credits"),
    "credit_transactions": ("amount", "unit_price", "total_amount", "description"),
    "payment_debug_log": ("id", "message"),
}  # fmt: skip

_INTEGERS = ("TINYINT", "SMALLINT", "MEDIUMINT", "INTEGER", "BIGINT")
_DIGITS_OF_BIGINT = 18


def adopt_columns(connection: Connection, table: sa.Table) -> None:
    """Add the columns that an existing table lacks and widen those that are too narrow."""
    there = {column["name"].lower(): column for column in sa.inspect(connection).get_columns(table.name)}
    changes = [*_missing(connection, table, there), *_too_narrow(connection, table, there)]
    if changes:
        connection.exec_driver_sql(f"ALTER TABLE {table.name} {', '.join(changes)}".replace("%", "%%"))
        log.info("columns_adopted", table=table.name, changes=changes)


def _missing(connection: Connection, table: sa.Table, there: dict[str, Any]) -> Iterator[str]:
    for column in table.columns:
        if column.name.lower() in there:
            continue
        type_ = column.type.compile(connection.dialect)
        if column.primary_key:
            key = (
                "UNIQUE"
                if sa.inspect(connection).get_pk_constraint(table.name)["constrained_columns"]
                else "PRIMARY KEY"
            )
            yield f"ADD COLUMN {column.name} {type_} NOT NULL AUTO_INCREMENT {key}"
        elif column.computed:
            yield f"ADD COLUMN {column.name} {type_} GENERATED ALWAYS AS ({column.computed.sqltext}) VIRTUAL"
        else:
            # A default would have to be valid for old rows too; they rather stay NULL.
            yield f"ADD COLUMN {column.name} {type_} NULL"


def _too_narrow(connection: Connection, table: sa.Table, there: dict[str, Any]) -> Iterator[str]:
    charsets = _charsets(connection, table.name)
    for name in _WRITTEN.get(table.name, ()):
        existing = there.get(name.lower())
        if existing is None or (name == "id" and references_to(connection, table.name)):
            continue
        wanted = table.columns[name].type.dialect_impl(connection.dialect)
        type_ = _wide_enough(existing["type"], wanted, charsets.get(name.lower()))
        if type_ is not None:
            yield _modify(connection, existing, type_)


def _charsets(connection: Connection, table: str) -> dict[str, str]:
    query = sa.text(
        "SELECT COLUMN_NAME, CHARACTER_SET_NAME FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :table AND CHARACTER_SET_NAME IS NOT NULL"
    )
    return {name.lower(): charset for name, charset in connection.execute(query, {"table": table})}


def _wide_enough(old: TypeEngine[Any], wanted: TypeEngine[Any], charset: str | None) -> TypeEngine[Any] | None:
    """The type that holds all that the old and the wanted one hold; None when the old one does already."""
    if isinstance(wanted, sa.String):
        return _wide_text(old, wanted, charset)
    if isinstance(old, sa.Integer) and isinstance(wanted, sa.Integer):
        return _wide_integer(old)
    return _wide_decimal(old, wanted)


def _wide_text(old: TypeEngine[Any], wanted: sa.String, charset: str | None) -> TypeEngine[Any] | None:
    """What people type is not bound to an alphabet: utf8mb4."""
    if not isinstance(old, sa.String):
        return None
    length = max(old.length, wanted.length or 0) if old.length else None
    if charset == "utf8mb4" and length == old.length:
        return None
    if length is None or isinstance(old, sa.Text):
        return _unbounded(old)
    return mysql.VARCHAR(length, charset="utf8mb4")


def _unbounded(old: TypeEngine[Any]) -> TypeEngine[Any]:
    return (
        type(old)(charset="utf8mb4")
        if isinstance(old, mysql.MEDIUMTEXT | mysql.LONGTEXT)
        else mysql.TEXT(charset="utf8mb4")
    )


def _wide_integer(old: sa.Integer) -> TypeEngine[Any] | None:
    if isinstance(old, sa.BigInteger):
        return None
    return mysql.BIGINT(unsigned=getattr(old, "unsigned", False))


def _wide_decimal(old: TypeEngine[Any], wanted: TypeEngine[Any]) -> TypeEngine[Any] | None:
    digits, scale = _digits(wanted)
    if isinstance(old, mysql.DECIMAL):
        old_digits, old_scale = _digits(old)
        if old_digits >= digits and old_scale >= scale:
            return None
        digits, scale = max(old_digits, digits), max(old_scale, scale)
    return mysql.DECIMAL(digits + scale, scale)


def _digits(type_: TypeEngine[Any]) -> tuple[int, int]:
    """How many digits fit before and after the point."""
    if isinstance(type_, sa.Numeric):
        scale = type_.scale or 0
        return (type_.precision or 10) - scale, scale
    return _DIGITS_OF_BIGINT, 0


def _modify(connection: Connection, existing: Any, type_: TypeEngine[Any]) -> str:
    words = [f"MODIFY COLUMN `{existing['name']}`", type_.compile(connection.dialect)]
    words.append("NULL" if existing["nullable"] else "NOT NULL")
    if existing["default"] is not None:
        words.append(f"DEFAULT {existing['default']}")
    if existing.get("autoincrement"):
        words.append("AUTO_INCREMENT")
    if existing.get("comment"):
        words.append("COMMENT '" + existing["comment"].replace("\\", "\\\\").replace("'", "''") + "'")
    return " ".join(words)
