"""The names of what only notify measures; figures that are looked up have theirs in notify.figures."""

from prometheus_client import Counter, Histogram
from servicekit.metrics import SECONDS

# code: the provider's own, where it is one that its documentation knows, else "".
ATTEMPTS = Counter(
    "rejesha_message_attempts_total",
    "Attempts to send a message, by what they came to",
    ["provider", "outcome", "code"],
)
EXPIRED = Counter("rejesha_messages_expired_total", "Messages that were never sent, because their time was over")
CALLS = Histogram("rejesha_provider_call_seconds", "Calls to the provider", ["provider"], buckets=SECONDS)
