"""Locks rows that others want too."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from servicekit.lock_waits import rows_within
from servicekit.rpc.errors import RowLocked
from sqlalchemy import Connection

from billing.locking.rules import Key, Row, RowKind, RowsLocked
from billing.schema import isp_credits, isp_wallet, isps, paybill_payments, pppoe_users

KEYS: "Mapping[RowKind, sa.Column[Any]]" = {
    RowKind.ACCOUNT: pppoe_users.c.account_key,
    RowKind.CUSTOMER: pppoe_users.c.id,
    RowKind.WALLET: isp_wallet.c.isp_id,
    RowKind.CREDITS: isp_credits.c.isp_id,
    RowKind.PAYMENT: paybill_payments.c.trans_key,
    RowKind.ISP: isps.c.id,
}


class UniqueLock:
    """Locks rows by a key that is unique in its table, and waits for no other row.

    Of a small table MySQL rather reads every row than some by an index; it locks what it reads, and would wait for rows
    that nobody asked for. By the primary key it can be told not to, if it is asked for a column beside the key; other
    indexes may have the predecessor's names.
    """

    def __init__(self, kind: RowKind, *columns: "sa.Column[Any]") -> None:
        key = KEYS[kind]
        row_id = key.table.c.id
        keys: sa.BindParameter[Key] = sa.bindparam("keys", expanding=True)
        self._kind = kind
        self._find = sa.select(row_id).where(key.in_(keys))
        self._one = sa.select(*columns).where(key.in_(keys)).with_for_update()
        by_id = sa.select(*columns).where(row_id.in_(keys)).order_by(row_id).with_for_update()
        self._several = by_id.with_hint(key.table, "FORCE INDEX (PRIMARY)", "mysql")

    def rows(self, connection: Connection, keys: Collection[Key], seconds: float | None) -> "Sequence[sa.Row[Any]]":
        """The rows with these keys, locked. `seconds`: see `lock`. Raises RowsLocked."""
        if len(keys) == 1:
            return lock(connection, self._one, self._kind, keys, seconds)
        ids = connection.execute(self._find, {"keys": list(keys)}).scalars().all()
        with _naming(self._kind, keys):
            return rows_within(connection, self._several, {"keys": ids}, seconds=seconds)


def lock(
    connection: Connection, query: "sa.Select[Any]", kind: RowKind, keys: Collection[Key], seconds: float | None
) -> "Sequence[sa.Row[Any]]":
    """The rows of a locking read with the parameter `keys`. `seconds`: see rows_within. Raises RowsLocked."""
    with _naming(kind, keys):
        return rows_within(connection, query, {"keys": list(keys)}, seconds=seconds)


@contextmanager
def _naming(kind: RowKind, keys: Collection[Key]) -> Iterator[None]:
    try:
        yield
    except RowLocked as error:
        raise RowsLocked(Row(kind, key) for key in keys) from error
