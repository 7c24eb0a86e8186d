"""Moments in the database, the same on MySQL, MariaDB and SQLite: how they are stored, and what its clock says."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class UtcDateTime(sa.TypeDecorator[datetime]):
    """A moment with microseconds: stored without a zone in UTC, aware in Python."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name == "mysql" else sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC)


class clock(FunctionElement[datetime]):  # noqa: N801  # it stands in queries as functions do
    """The database's clock, the only one that leases and due times obey."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(clock)
def _of_mysql(_element: clock, _compiler: Any, **_options: Any) -> str:
    return "UTC_TIMESTAMP(6)"


@compiles(clock, "sqlite")
def _of_sqlite(_element: clock, _compiler: Any, **_options: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"  # it counts milliseconds


_NOW = sa.select(clock())


def current_time(connection: sa.Connection) -> datetime:
    """What the database's clock says."""
    return connection.execute(_NOW).scalar_one()
