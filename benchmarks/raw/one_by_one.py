"""Raw InnoDB, one transaction a payment: the stored procedure, called from MySQL's own load client or one by one."""

import csv
import io
import statistics
import time

from benchmarks.mysql_server import MySqlServer
from benchmarks.raw.setup import PROCEDURE, SCHEMA


def per_second(mysql: MySqlServer, *, connections: int, payments: int) -> float:
    """Payments a second that mysqlslap, which is written in C, gets through."""
    output = mysql.run(
        "mysqlslap", f"--create-schema={SCHEMA}", "--no-drop", f"--query=CALL {PROCEDURE}()",
        f"--concurrency={connections}", f"--number-of-queries={payments}", "--csv",
    )  # fmt: skip
    # engine, kind of load, then seconds: average, shortest, longest; clients, queries a client
    row = next(csv.reader(io.StringIO(output)))
    return payments / float(row[2])


def lone_ms(mysql: MySqlServer, *, payments: int, pause: float) -> float:
    """The median time in ms of one payment on an idle server, by a client in Python."""
    times = []
    with mysql.connect(SCHEMA) as connection, connection.cursor() as cursor:
        for _ in range(payments):
            began = time.perf_counter()
            cursor.execute(f"CALL {PROCEDURE}()")
            times.append((time.perf_counter() - began) * 1000)
            time.sleep(pause)
    return statistics.median(times)
