"""What the predecessor's rows mean for payments that will come: who cannot be paid for, and why. Changes nothing."""

from collections.abc import Iterator

import sqlalchemy as sa
from servicekit.schema.findings import Findings
from servicekit.schema.snapshot import Schema
from sqlalchemy import Connection

from billing.adoption.predecessor import compared
from billing.payments.rules import Outcome

# So many are named; of the others there is only the number.
_NAMED = 10
_ISP_ACCOUNTS = ("smsaccount", "waaccount", "pay_account_number")


def look(connection: Connection, schema: Schema) -> Findings:
    """Warnings about customers and ISPs; and own words in a column that is to hold ours."""
    obstacles = list(_others_outcomes(connection, schema))
    return Findings(obstacles, [*_without_isp(connection, schema), *_doubled_accounts(connection, schema)])


def _others_outcomes(connection: Connection, schema: Schema) -> Iterator[str]:
    column = schema.tables["paybill_payments"].columns.get("outcome") if "paybill_payments" in schema.tables else None
    if column is None or column.charset is None:
        return
    query = sa.text("SELECT outcome FROM paybill_payments WHERE outcome NOT IN :ours LIMIT 1")
    ours: sa.BindParameter[str] = sa.bindparam("ours", [str(outcome) for outcome in Outcome], expanding=True)
    if found := connection.execute(query.bindparams(ours)).first():
        yield (
            f"paybill_payments.outcome holds words that are not ours, such as {found.outcome!r}: rename your column:"
            " ALTER TABLE paybill_payments RENAME COLUMN outcome TO outcome_own"
        )


def _without_isp(connection: Connection, schema: Schema) -> Iterator[str]:
    """Nothing is made up for them: who the ISPs are, only the operator knows."""
    if not schema.has("pppoe_users", "isp_id"):
        return
    known = "SELECT id FROM isps" if schema.has("isps", "id") else "SELECT NULL FROM DUAL WHERE FALSE"
    query = (
        "SELECT isp_id, COUNT(*) AS n FROM pppoe_users WHERE account_name IS NOT NULL"  # noqa: S608
        f" AND (isp_id IS NULL OR isp_id NOT IN ({known})) GROUP BY isp_id ORDER BY isp_id"
    )
    found = connection.execute(sa.text(query)).all()
    if not found:
        return
    customers = sum(row.n for row in found)
    ids = [str(row.isp_id) for row in found if row.isp_id is not None]
    whose = f"ISPs that isps does not have ({_some(ids)})" if ids else "no ISP"
    missing = "" if schema.has("isps", "id") else "There is no table isps; the migration creates it, empty. "
    yield (
        f"{missing}{customers} customers belong to {whose}: each payment of theirs will be held as isp_not_found until"
        " there is one. After the migration, import the ISPs with these ids (rejesha isp import), or set the"
        " customers' isp_id"
    )


def _doubled_accounts(connection: Connection, schema: Schema) -> Iterator[str]:
    for table, columns in (("pppoe_users", ("account_name",)), ("isps", _ISP_ACCOUNTS)):
        for column in columns:
            if schema.has(table, column) and schema.has(table, "id"):
                yield from _doubled(connection, table, column)


def _doubled(connection: Connection, table: str, column: str) -> Iterator[str]:
    key = f"{compared(f'CONVERT({column} USING utf8mb4)')} COLLATE utf8mb4_bin"
    query = (
        f"SELECT {key} AS account FROM {table} WHERE {column} <> ''"  # noqa: S608
        " GROUP BY account HAVING COUNT(*) > 1 ORDER BY account"
    )
    if found := list(connection.execute(sa.text(query)).scalars()):
        yield (
            f"{table}.{column}: {len(found)} accounts are there more than once ({_some(found)}):"
            " payments to them will be held as ambiguous until one is left of each"
        )


def _some(words: list[str]) -> str:
    return ", ".join(words[:_NAMED]) + (", …" if len(words) > _NAMED else "")
