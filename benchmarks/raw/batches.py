"""Raw InnoDB in batches: the rows of many payments a transaction, from plain PyMySQL.

`python -m benchmarks.raw.batches` is one writer: it reads a plan from its input and writes how many payments it
committed, and in how many seconds, to its output.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pymysql

from benchmarks.mysql_server import MySqlServer
from benchmarks.raw.rows import TRANS_ID, Inserts, PaymentRows
from benchmarks.raw.setup import SCHEMA

PROCESSES = 2


def per_second(mysql: MySqlServer, payment: PaymentRows, *, batch: int, seconds: float, mark: str) -> float:
    """Payments a second of two processes with a connection each; `mark` makes their TransIDs unique."""
    running = []
    for number in range(PROCESSES):
        share = payment.customers // PROCESSES
        plan = {
            "port": mysql.port,
            "payment": asdict(payment) | {"first_customer": payment.first_customer + number * share},
            "customers": share,
            "batch": batch,
            "seconds": seconds,
            "mark": f"{mark}{number}",
        }
        command = [sys.executable, "-m", "benchmarks.raw.batches"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert child.stdin
        child.stdin.write(json.dumps(plan))
        child.stdin.close()
        running.append(child)
    outputs = [_output(child) for child in running]
    return sum(done["payments"] / done["seconds"] for done in outputs)


def _output(child: "subprocess.Popen[str]") -> dict[str, float]:
    assert child.stdout
    text = child.stdout.read()
    if child.wait():
        raise RuntimeError("a writer of raw batches failed; its error stands above")
    return dict(json.loads(text))


class Writer:
    """Renders and sends batches."""

    def __init__(self, payment: PaymentRows, customers: int, mark: str) -> None:
        self._payment, self._customers, self._mark = payment, customers, mark
        self._heads = [_head(table) for table in payment.inserts]
        # Every row of one payment in each table, as text with the places of its TransID and customer.
        self._tails = [", ".join("(" + ", ".join(row) + ")" for row in table.rows) for table in payment.inserts]
        self._made = 0

    def write(self, cursor: Any, batch: int) -> None:
        """One transaction."""
        numbers = range(self._made, self._made + batch)
        self._made += batch
        first = self._payment.first_customer
        ids = [(f"B{self._mark}{number}", str(first + number % self._customers)) for number in numbers]
        for head, tail in zip(self._heads, self._tails, strict=True):
            rows = (tail.replace(TRANS_ID, trans_id).replace("@customer", customer) for trans_id, customer in ids)
            cursor.execute(head + ", ".join(rows))
        self._move_dates(cursor, [customer for _, customer in ids])
        amount = f"{self._payment.amount} * {batch}"
        cursor.execute(
            f"UPDATE isp_wallet SET balance = balance + {amount}, last_updated = NOW(6)"
            f" WHERE isp_id = {self._payment.isp_id}"
        )
        cursor.connection.commit()

    def _move_dates(self, cursor: Any, customers: Sequence[str]) -> None:
        ids = ", ".join(sorted(set(customers), key=int))
        cursor.execute(
            f"UPDATE pppoe_users SET next_payment_date = next_payment_date + INTERVAL 1 MONTH WHERE id IN ({ids})"
        )


def _head(table: Inserts) -> str:
    columns = ", ".join(f"`{name}`" for name in table.columns)
    return f"INSERT INTO {table.table} ({columns}) VALUES "


def payment_of(given: dict[str, Any]) -> PaymentRows:
    """The rows as a plan has them."""
    return PaymentRows(**given | {"inserts": [Inserts(**table) for table in given["inserts"]]})


def main() -> None:
    plan = json.load(sys.stdin)
    writer = Writer(payment_of(plan["payment"]), plan["customers"], plan["mark"])
    server = MySqlServer(plan["port"], 0)
    with server.connect(SCHEMA, autocommit=False) as connection, connection.cursor() as cursor:
        done, began = 0, time.monotonic()
        while time.monotonic() - began < plan["seconds"]:
            try:
                writer.write(cursor, plan["batch"])
            except pymysql.err.OperationalError as error:
                if error.args[0] not in {1205, 1213}:  # a lock wait or a deadlock: rolled back, and not counted
                    raise
                connection.rollback()
                continue
            done += plan["batch"]
        json.dump({"payments": done, "seconds": time.monotonic() - began}, sys.stdout)


if __name__ == "__main__":
    main()
