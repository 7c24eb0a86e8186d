"""The names of what only the gateway measures."""

from prometheus_client import Gauge, Histogram
from servicekit.metrics import SECONDS

# kind: confirmation, validation, or unclear, which is what comes to an address that is neither.
ANSWERS = Histogram(
    "rejesha_callback_answer_seconds", "From a callback to its answer, by kind and HTTP status", ["kind", "status"],
    buckets=SECONDS,
)  # fmt: skip
LAST_CONFIRMATION = Gauge(
    "rejesha_callback_last_timestamp_seconds", "When the last confirmation was taken; at first, when the process began"
)
LAST_CONFIRMATION.set_to_current_time()

# What the spool holds, as of its last change; asked for at each scrape, without a look at the disk.
SPOOLED = Gauge("rejesha_spool_callbacks", "Callbacks on the gateway's disk, by state", ["state"])
SPOOL_AGE = Gauge("rejesha_spool_oldest_age_seconds", "How long the oldest callback waits on the disk; 0: none does")
SPOOL_SIZE = Gauge("rejesha_spool_size_bytes", "What the spool takes on the disk")
SPOOL_FREE = Gauge("rejesha_spool_free_bytes", "What the spool may still take")
SPOOL_WRITABLE = Gauge("rejesha_spool_writable", "1 while the next callback can probably be kept, else 0")
BILLING_AWAY = Gauge("rejesha_billing_away_seconds", "For how long callbacks go to the spool without asking billing")
