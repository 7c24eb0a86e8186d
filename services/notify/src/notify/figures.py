"""Looks up, for Prometheus, which messages wait, and what is left of the account with the provider."""

from collections.abc import Sequence

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from servicekit.database import transact
from sqlalchemy import Engine

from notify.lookup import store
from notify.providers.textsms import TextSms


def waiting(engine: Engine) -> Sequence[Metric]:
    """Raises ServiceError."""
    found = transact(engine, store.waiting)
    age = (found.now - found.since).total_seconds() if found.since else 0.0
    return (
        GaugeMetricFamily("rejesha_messages_due", "Messages that should go now", found.count),
        GaugeMetricFamily("rejesha_messages_due_oldest_age_seconds", "For how long the oldest should have gone", age),
    )


def balance(provider: TextSms) -> Sequence[Metric]:
    """In the provider's own units. Raises NoBalance."""
    metric = GaugeMetricFamily("rejesha_provider_balance", "What is left of the account", labels=["provider"])
    metric.add_metric([provider.name], provider.balance())
    return (metric,)
