"""The types of billing's columns: how money, moments and days are stored, and read from what the predecessor wrote.

A module of its own: schema lists tables, this converts values.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from servicekit.moments import UtcDateTime
from sqlalchemy.dialects import mysql


class Cents(sa.TypeDecorator[int]):
    """Exact money: an int of cents in Python. `digits` bounds MySQL's DECIMAL(digits, 2)."""

    impl = sa.BigInteger
    cache_ok = True

    def __init__(self, digits: int = 12) -> None:
        super().__init__()
        self.digits = digits

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(mysql.DECIMAL(self.digits, 2) if dialect.name == "mysql" else sa.BigInteger())

    def process_bind_param(self, value: int | None, dialect: sa.Dialect) -> Decimal | int | None:
        return value if value is None or dialect.name != "mysql" else Decimal(value).scaleb(-2)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> int | None:
        return value if value is None or dialect.name != "mysql" else int(Decimal(value).scaleb(2))


class Timestamp(UtcDateTime):
    """The predecessor's TIMESTAMP columns, with microseconds where we create them."""

    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(mysql.TIMESTAMP(fsp=6) if dialect.name == "mysql" else sa.DateTime())

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        # The driver hands over what is no moment, such as 0000-00-00 00:00:00, as text.
        return super().process_result_value(value, dialect) if isinstance(value, datetime) else None


class Day(sa.TypeDecorator[date]):
    """The predecessor's DATE columns; a zero date is none."""

    impl = sa.Date
    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> date | None:  # noqa: ARG002
        return value if isinstance(value, date) else None


def key(name: str, account: str) -> "sa.Column[str]":
    """Ours, generated: an account as references are compared, so that spaces and case in old rows do not matter."""
    return sa.Column(name, sa.String(255), sa.Computed(account))


BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# Words of ours: states, kinds, outcomes.
Word = sa.String(30)
