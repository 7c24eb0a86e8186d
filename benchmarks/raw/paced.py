"""Raw InnoDB at an even pace: one writer commits whatever is due by now in one transaction, from plain PyMySQL.

`python -m benchmarks.raw.paced` is that writer: it reads a plan from its input and writes each payment's time from when
it was due to its commit, in milliseconds, to its output.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.mysql_server import MySqlServer
from benchmarks.raw.batches import Writer, payment_of
from benchmarks.raw.rows import PaymentRows
from benchmarks.raw.setup import SCHEMA

MAX_BATCH = 200


def times(
    mysql: MySqlServer, payment: PaymentRows, *, rate: float, seconds: float, mark: str, most: int = MAX_BATCH
) -> list[float]:
    """The times in ms, sorted. `most`: how many payments a transaction takes at most; `mark`: makes TransIDs unique."""
    load = {"rate": rate, "seconds": seconds, "mark": mark, "most": most}
    plan = load | {"port": mysql.port, "payment": asdict(payment)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.raw.paced"], input=json.dumps(plan), capture_output=True, text=True,
        check=True, timeout=seconds + 60,
    )  # fmt: skip
    return sorted(json.loads(done.stdout))


def percentile(sorted_times: Sequence[float], share: float) -> float:
    """The time that `share` of the payments did not exceed."""
    return sorted_times[min(int(len(sorted_times) * share), len(sorted_times) - 1)]


def _carry_out(writer: Writer, cursor: Any, plan: dict[str, Any]) -> Iterator[float]:
    rate, count = plan["rate"], int(plan["rate"] * plan["seconds"])
    done, began = 0, time.monotonic()
    while done < count:
        due = min(int((time.monotonic() - began) * rate) + 1, count) - done
        if due <= 0:
            time.sleep(max(0.0, began + done / rate - time.monotonic()))
            continue
        batch = min(due, plan["most"])
        writer.write(cursor, batch)
        now = time.monotonic() - began
        yield from ((now - number / rate) * 1000 for number in range(done, done + batch))
        done += batch


def main() -> None:
    plan = json.load(sys.stdin)
    payment = payment_of(plan["payment"])
    writer = Writer(payment, payment.customers, plan["mark"])
    server = MySqlServer(plan["port"], 0)
    with server.connect(SCHEMA, autocommit=False) as connection, connection.cursor() as cursor:
        json.dump(list(_carry_out(writer, cursor, plan)), sys.stdout)


if __name__ == "__main__":
    main()
