"""Cuts the lines whose time is over, or renews them; switches on those that are paid for though noted as off; reminds.
Gives lines the package that is paid for. Then has lines follow the policies that were changed.

May be repeated, and run side by side: a customer whom somebody else has locked is left for the next time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.changes.rules import Author
from billing.lines import rules, store
from billing.lines import service as lines
from billing.lines.rules import Switch
from billing.packages import arriving
from billing.payees import store as payees
from billing.payees.rules import LineState
from billing.policies import store as policies
from billing.policy import Policy
from billing.policy_changes import service as policy_changes
from billing.policy_changes import store as policy_change_store
from billing.reminders import service as reminders
from billing.renewals import service as renewing

log = structlog.get_logger()

_SWEEP = Author("sweep")
# In one transaction: payments wait for it.
BATCH = 5
# These lock nobody.
MOST_REMINDERS = 1000
# Where a sweep goes on that has looked at every customer: no id is larger.
_AFTER_ALL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Swept:
    """What one batch did. `next_id`: where the next one goes on; 0: all were looked at."""

    cut: int = 0
    switched_on: int = 0
    reminded: int = 0
    next_id: int = 0


def sweep(engine: Engine, policy: Policy, after_id: int = 0) -> Swept:
    """Do what is due for the next customers after an id: change packages, and, if lines are ours to manage, switch
    lines; at the first remind.
    """
    reminded = 0 if after_id else transact(engine, lambda connection: _remind(connection, policy))
    swept = transact(engine, lambda connection: _sweep(connection, policy, after_id))
    if after_id >= _AFTER_ALL and policy.manages_lines and policy_changes.follow_next(engine, policy, BATCH):
        swept = replace(swept, next_id=_AFTER_ALL)
    if swept.cut or swept.switched_on:
        log.info("lines_swept", cut=swept.cut, switched_on=swept.switched_on)
    return replace(swept, reminded=reminded)


def _sweep(connection: Connection, policy: Policy, after_id: int) -> Swept:
    """Change packages, then switch the next lines; after all of them it goes on while there is more of anything."""
    now = current_time(connection)
    arrived = arriving.arrive(connection, policy, now, BATCH)
    ours = policy.manages_lines and after_id < _AFTER_ALL
    switches, next_id = _sweep_lines(connection, policy, after_id, now) if ours else ([], 0)
    on = sum(one.asks and one.after.state is LineState.ON for one in switches)
    off = sum(one.asks and one.after.state is LineState.OFF for one in switches)
    return Swept(off, on, next_id=next_id or (_AFTER_ALL if arrived == BATCH else 0))


def _sweep_lines(connection: Connection, policy: Policy, after_id: int, now: datetime) -> tuple[list[Switch], int]:
    doubtful = store.find_doubtful(connection, calendar.today(now), after_id, BATCH)
    customers = payees.lock_free_customers(connection, doubtful)
    switches = lines.settle(connection, policy, customers.values(), _SWEEP, now)
    if len(doubtful) == BATCH:
        return switches, doubtful[-1]
    return switches, _AFTER_ALL if policy_change_store.is_any(connection) else 0


def _remind(connection: Connection, policy: Policy) -> int:
    return reminders.remind(connection, policy, current_time(connection), MOST_REMINDERS)


def plan(engine: Engine, after_id: int, limit: int) -> tuple[list[Switch], int]:
    """What a sweep would do for the next customers after an id, were lines ours to manage; and where to go on, or 0."""

    def work(connection: Connection) -> tuple[list[Switch], int]:
        now = current_time(connection)
        doubtful = store.find_doubtful(connection, calendar.today(now), after_id, limit)
        return _planned(connection, doubtful), doubtful[-1] if len(doubtful) == limit else 0

    return transact(engine, work)


def _planned(connection: Connection, customer_ids: Sequence[int]) -> list[Switch]:
    customers = dict(payees.get_customers(connection, customer_ids))
    decided = policies.of_customers(connection, customers.values()) if customers else {}
    now = current_time(connection)
    renewals = renewing.find(connection, customers.values(), calendar.today(now))
    customers |= {one: renewal.after for one, renewal in renewals.items()}
    found = (rules.switch(customers[one], decided[one], now) for one in customer_ids if one in customers)
    return [one for one in found if one and one.asks]
