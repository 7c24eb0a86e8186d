"""The names of what only router-control measures.

No router has a label here: billing tells of those for which lines wait.
"""

from prometheus_client import Counter, Gauge, Histogram
from servicekit.metrics import SECONDS

CALLS = Histogram(
    "rejesha_router_call_seconds",
    "Calls to routers, waiting for one's turn included, by how they failed; ok: they did not",
    ["failure"],
    buckets=SECONDS,
)
LINES = Counter("rejesha_router_lines_total", "Lines set or read, by outcome", ["operation", "outcome"])
FAILING = Gauge("rejesha_routers_failing", "Routers asked in the last minutes whose last call failed")
