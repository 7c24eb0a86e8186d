"""The rows that billing writes for one payment, read back from the database: so the peers write the same ones, however
billing changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from benchmarks.mysql_server import MySqlServer

# Stands in the rows where a payment's own TransID and customer go.
TRANS_ID = "RAWSAMPLE0"
_REFERENCES = ("TransID", "trans_id", "transaction_id", "reference")
_CUSTOMERS = ("pppoe_user_id", "customer_id")


@dataclass(frozen=True)
class Inserts:
    """The rows of one table: each value is an SQL literal, the customer's id is the word `@customer`."""

    table: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class PaymentRows:
    """All that one payment writes: rows to insert, a customer's date to move, a wallet to credit (amount in KES)."""

    inserts: Sequence[Inserts]
    isp_id: int
    amount: str
    first_customer: int
    customers: int

    @property
    def count(self) -> int:
        """Rows inserted or changed."""
        return sum(len(table.rows) for table in self.inserts) + 2


def read(mysql: MySqlServer, schema: str, suffix: str) -> PaymentRows:
    """What the sample payment left in a schema where no dispatcher runs."""
    computed = _computed(mysql, schema)
    with mysql.connect(schema) as connection:
        (payment,) = mysql.query(schema, "SELECT * FROM paybill_payments WHERE TransID = %s", TRANS_ID)
        inserts = [
            _inserts(table, _without(computed, found), payment["customer_id"], connection)
            for table, reference in _tables(mysql, schema)
            if (found := mysql.query(schema, f"SELECT * FROM {table} WHERE {reference} = %s", TRANS_ID))
        ]
    pattern = f"%{suffix}"
    return PaymentRows(
        inserts=inserts,
        isp_id=payment["isp_id"],
        amount=str(payment["TransAmount"]),
        first_customer=mysql.number(schema, "SELECT MIN(id) FROM pppoe_users WHERE account_name LIKE %s", pattern),
        customers=mysql.number(schema, "SELECT COUNT(*) FROM pppoe_users WHERE account_name LIKE %s", pattern),
    )


def _tables(mysql: MySqlServer, schema: str) -> Iterator[tuple[str, str]]:
    """The tables with a column that names a payment."""
    query = (
        "SELECT table_name AS t, column_name AS c FROM information_schema.columns"
        " WHERE table_schema = %s AND column_name IN %s ORDER BY table_name, column_name"
    )
    found: dict[str, str] = {}
    for row in mysql.query("mysql", query, schema, _REFERENCES):
        found.setdefault(row["t"], row["c"])
    yield from found.items()


def _computed(mysql: MySqlServer, schema: str) -> frozenset[str]:
    """The columns that MySQL fills in by itself."""
    query = (
        "SELECT DISTINCT column_name AS c FROM information_schema.columns"
        " WHERE table_schema = %s AND (column_name = 'id' OR generation_expression != '')"
    )
    return frozenset(row["c"] for row in mysql.query("mysql", query, schema))


def _without(computed: frozenset[str], found: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return [{name: value for name, value in row.items() if name not in computed} for row in found]


def _inserts(table: str, rows: Sequence[Mapping[str, Any]], customer_id: int, connection: Any) -> Inserts:
    def literal(name: str, value: object) -> str:
        if name in _CUSTOMERS and value == customer_id:
            return "@customer"
        if isinstance(value, timedelta):
            raise TypeError(f"{table}.{name} is a time")
        return str(connection.escape(value))

    return Inserts(table, list(rows[0]), [[literal(name, value) for name, value in row.items()] for row in rows])
