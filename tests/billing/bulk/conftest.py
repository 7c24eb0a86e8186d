"""The same installation as beside, whose lines are ours to manage, with some customers more."""

from datetime import timedelta

import pytest
from billing.bulk import service

from tests.billing.desk import customer
from tests.billing.lines.conftest import clock, managing

__all__ = ["clock", "managing"]

DATED = ["0949AQ", "WAIRIMU1", "T1", "T2", "T3"]


@pytest.fixture
def tower(managing, monkeypatch):
    """Five customers on router 1 who are due in ten days, T3 on the last day of its month; one who has no due date."""
    names = [f"T{number}" for number in range(1, 5)]
    managing.create([customer(one, 1, 80_000, router_id=1, username=one) for one in names])
    for name in DATED:
        managing.set_customer(name, next_payment_date=managing.today() + timedelta(days=10))
    managing.set_customer("T3", due_day=31)
    managing.set_customer("T4", next_payment_date=None)
    monkeypatch.setattr(service, "BATCH", 2)
    return managing
