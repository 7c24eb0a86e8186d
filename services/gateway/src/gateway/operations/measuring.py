"""Lets Prometheus see how the spool and the circuit breaker stand, whenever it asks."""

from datetime import UTC, datetime

from gateway import metrics
from gateway.spool.breaker import CircuitBreaker
from gateway.spool.service import Spool


def measure(spool: Spool, breaker: CircuitBreaker) -> None:
    """From now on these are the ones that are measured. Asked in the threads of scrapes: a state is never changed, only
    replaced.
    """
    waiting = metrics.SPOOLED.labels
    waiting("payment").set_function(lambda: spool.state.payments)
    waiting("malformed").set_function(lambda: spool.state.malformed)
    waiting("rejected").set_function(lambda: spool.state.rejected)
    metrics.SPOOL_AGE.set_function(lambda: _age(spool.state.oldest))
    metrics.SPOOL_SIZE.set_function(lambda: spool.state.size)
    metrics.SPOOL_FREE.set_function(lambda: spool.state.free_bytes)
    metrics.SPOOL_WRITABLE.set_function(lambda: spool.can_store)
    metrics.BILLING_AWAY.set_function(lambda: breaker.open_for)


def _age(since: datetime | None) -> float:
    return (datetime.now(UTC) - since).total_seconds() if since else 0.0
