"""What every process counts; `scraping` lets Prometheus read it.

The names of what only one service counts stand in that service's own module `metrics`. A label takes few values, all of
them known beforehand: never a TransID, a number, an account or a name.
"""

import prometheus_client
from prometheus_client import Counter, Gauge, Histogram

from servicekit.rpc.telemetry import Answered

# When a series began doubles their number, and nothing here asks for it.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

# From a lone payment's commit to the longest deadline of ours, in seconds.
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)

_SERVED = Histogram(
    "rejesha_rpc_server_seconds",
    "RPCs answered, by method and reason of failure",
    ["method", "reason"],
    buckets=SECONDS,
)
_CALLED = Histogram(
    "rejesha_rpc_client_seconds", "RPCs called, by method and reason of failure", ["method", "reason"], buckets=SECONDS
)
WRITABLE = Gauge("rejesha_database_writable", "1 while the service's database takes its writes, else 0")
FAULTS = Counter("rejesha_database_faults_total", "Transactions that failed by the database's fault", ["reason"])
REPEATS = Counter("rejesha_database_repeats_total", "Transactions run again, after a deadlock or a lost connection")
CONNECTIONS = Gauge("rejesha_database_connections", "Connections of the pool, by state", ["state"])


def served(answered: Answered) -> None:
    """Observes what a server answered."""
    _SERVED.labels(answered.method, answered.reason or "OK").observe(answered.seconds)


def called(answered: Answered) -> None:
    """Observes what a channel called."""
    _CALLED.labels(answered.method, answered.reason or "OK").observe(answered.seconds)
