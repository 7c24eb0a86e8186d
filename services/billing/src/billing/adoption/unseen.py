"""Accounts that the predecessor kept with characters that nobody sees: such as a spreadsheet or a chat puts in.

References are compared without them, and the database cannot: so they go from the accounts, where that does not make
two accounts one.
"""

from collections import Counter

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from servicekit import references

log = structlog.get_logger()

_COLUMNS = {"pppoe_users": ("account_name",), "isps": ("smsaccount", "waaccount", "pay_account_number")}


def clean_accounts(connection: Connection) -> None:
    """Rewrite such accounts as they are seen."""
    for table, columns in _COLUMNS.items():
        for column in columns:
            _clean(connection, sa.table(table, sa.column("id"), sa.column(column)), column)


def _clean(connection: Connection, table: sa.TableClause, name: str) -> None:
    column = table.c[name]
    rows = connection.execute(sa.select(table.c.id, column).where(column.is_not(None))).all()
    owners = Counter(references.normalise(account) for _, account in rows)
    for row_id, account in rows:
        seen = references.clean(account)
        if account.isascii() or seen == account:
            continue
        if owners[references.normalise(account)] > 1:
            log.warning("account_left_unseen", table=table.name, row=row_id, reason="another row has it as it is seen")
            continue
        connection.execute(sa.update(table).where(table.c.id == row_id).values({name: seen}))
        log.info("account_cleaned", table=table.name, row=row_id)
