"""The names of what only billing measures; figures that are looked up have theirs in billing.figures."""

from prometheus_client import Counter, Histogram
from servicekit.metrics import SECONDS

# Each confirmation that came, and what became of it; those with repeated="false" are the payments.
DELIVERIES = Counter(
    "rejesha_payment_deliveries_total", "Confirmations recorded, by outcome, reason why one is held, and whether it "
    "came before", ["outcome", "reason", "repeated"],
)  # fmt: skip
AMOUNTS = Counter("rejesha_payment_amount_shillings_total", "Money of the payments, by outcome", ["outcome"])
BATCHES = Histogram(
    "rejesha_payment_batch_size", "Payments in a batch", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)  # fmt: skip
# A series that begins with its first conflict would show no increase.
DELIVERIES.labels("conflict", "", "true")

REPORTS = Counter("rejesha_task_reports_total", "Reports that counted, by the task's kind", ["kind", "outcome"])
PAYMENT_TO_LINE = Histogram(
    "rejesha_payment_to_line_seconds", "From the commit of a payment to that of its line's being on",
    buckets=(*SECONDS, 30, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600),
)  # fmt: skip
