"""Looks up what waits in billing's database, for Prometheus. Names of metrics and their labels stand here."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing.figures import store
from billing.tasks.rules import TaskKind

# What has a label for each router, or for each ISP, is told of so many at most: those that are worst off.
MOST_ROUTERS = 50
MOST_ISPS = 500


def look_up(engine: Engine) -> Sequence[Metric]:
    """All figures. Raises ServiceError."""
    return transact(engine, _look_up)


def _look_up(connection: Connection) -> Sequence[Metric]:
    now = current_time(connection)
    return [
        *_held(store.held_payments(connection), now),
        *_quarantined(store.open_callbacks(connection), now),
        *_due(store.due_tasks(connection, now), now),
        *_lines(store.waiting_lines(connection, MOST_ROUTERS), now),
        _unchecked(store.unchecked_since(connection), now),
        _credits(store.lowest_credits(connection, MOST_ISPS)),
    ]


def _held(held: store.Waiting, now: datetime) -> Sequence[Metric]:
    return (
        GaugeMetricFamily("rejesha_payments_held", "Payments that could not be placed", held.count),
        GaugeMetricFamily("rejesha_payments_held_shillings", "Their money", held.cents / 100),
        GaugeMetricFamily(
            "rejesha_payments_held_oldest_age_seconds", "How long the oldest is held", _age(held.since, now)
        ),
    )


def _quarantined(kept: store.Waiting, now: datetime) -> Sequence[Metric]:
    return (
        GaugeMetricFamily("rejesha_quarantine_callbacks", "Callbacks that wait in quarantine for a person", kept.count),
        GaugeMetricFamily(
            "rejesha_quarantine_oldest_age_seconds", "How long the oldest waits there", _age(kept.since, now)
        ),
    )


def _due(due: Sequence[store.DueTasks], now: datetime) -> Sequence[Metric]:
    count = GaugeMetricFamily("rejesha_tasks_due", "Tasks that are due, or under way, by kind", labels=["kind"])
    oldest = GaugeMetricFamily(
        "rejesha_tasks_due_oldest_age_seconds", "For how long the oldest has been due", labels=["kind"]
    )
    found = {one.kind: one for one in due}
    for kind in TaskKind:
        one = found.get(kind)
        count.add_metric([kind], one.count if one else 0)
        oldest.add_metric([kind], _age(one.since, now) if one else 0)
    return count, oldest


def _lines(waiting: Sequence[store.WaitingLines], now: datetime) -> Sequence[Metric]:
    labels = ["router_id"]
    count = GaugeMetricFamily(
        "rejesha_router_waiting_lines",
        f"Paid lines that could not be switched on, of the {MOST_ROUTERS} routers with most of them",
        labels=labels,
    )
    oldest = GaugeMetricFamily(
        "rejesha_router_waiting_oldest_age_seconds", "How long the first of them has been paid", labels=labels
    )
    for one in waiting:
        count.add_metric([str(one.router_id)], one.count)
        oldest.add_metric([str(one.router_id)], _age(one.since, now))
    return count, oldest


def _unchecked(since: datetime | None, now: datetime) -> Metric:
    what = "How long ago the router was compared with what is wanted of its lines that was longest ago"
    return GaugeMetricFamily("rejesha_router_check_oldest_age_seconds", what, _age(since, now))


def _credits(found: Sequence[store.Credits]) -> Metric:
    metric = GaugeMetricFamily(
        "rejesha_isp_credits", f"Credits left of the {MOST_ISPS} ISPs with fewest", labels=["isp_id", "channel"]
    )
    for one in found:
        metric.add_metric([str(one.isp_id), "sms"], one.sms)
        metric.add_metric([str(one.isp_id), "whatsapp"], one.whatsapp)
    return metric


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
