"""Lines that are ours to manage, and a clock that a test moves."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from billing.lines import sweeping
from billing.lines.sweeping import Swept

from tests.billing.clock import Clock, moved_clock
from tests.billing.desk import Desk
from tests.billing.dispatching import Dispatcher


@pytest.fixture
def clock(desk: Desk) -> Iterator[Clock]:
    with moved_clock(desk.engine) as clock:
        clock.now = clock.now.replace(hour=9, minute=0, second=0)  # noon in Nairobi
        yield clock


@pytest.fixture
def managing(desk: Desk, clock: Clock) -> Desk:
    """The desk of an installation that is in charge of its lines."""
    desk.policy = replace(desk.policy, manages_lines=True, paybill="600100")
    return desk


@pytest.fixture
def paid(managing: Desk, dispatcher: Dispatcher) -> Desk:
    """0949AQ has paid for a month, and is on."""
    managing.pay("A1", "0949AQ")
    dispatcher.carry_out()
    assert dispatcher.held == {(1, "0949AQ"): "on"}
    return managing


def sweep(desk: Desk) -> list[Swept]:
    """All pages of one sweep."""
    done = [sweeping.sweep(desk.engine, desk.policy)]
    while done[-1].next_id:
        done.append(sweeping.sweep(desk.engine, desk.policy, done[-1].next_id))
    return done
