"""Gives lines the package that is paid for, once the time of an earlier one is over: a step of the sweep."""

from datetime import datetime

import structlog
from servicekit.writes import together
from sqlalchemy import Connection

from billing import calendar
from billing.changes import rules as changes
from billing.changes import store as change_store
from billing.changes.rules import Author, Noun
from billing.lines import service as lines
from billing.packages import rules, store
from billing.payees import store as payees
from billing.payees.rules import Customer, LineState
from billing.policy import Policy

log = structlog.get_logger()

_SWEEP = Author("sweep", "the time of the earlier package is over")
_FIELDS = ("line_package", "package_day")


def arrive(connection: Connection, policy: Policy, now: datetime, limit: int) -> int:
    """Let the lines of at most so many customers have their package; how many. Whoever is locked is left for later."""
    today = calendar.today(now)
    due = store.find_due(connection, today, limit)
    found = payees.lock_free_customers(connection, due).values()
    # Read again under the lock: another sweep may have done it meanwhile.
    moved = [(old, rules.arrived(old)) for old in found if old.package_day and old.package_day <= today]
    for old, new in moved:
        change_store.update_customer(connection, new, _FIELDS, now)
        with together(connection) as writes:
            told = changes.told(old, new, changes.changed_fields(old, new, _FIELDS))
            change_store.insert(writes, Noun.CUSTOMER, new.customer_id, told, _SWEEP, now)
    if moved:
        lines.settle(connection, policy, [new for _, new in moved], _SWEEP, now, moved=_asked(moved))
        log.info("packages_arrived", customers=len(moved))
    return len(moved)


def _asked(moved: list[tuple[Customer, Customer]]) -> set[int]:
    """Whose router is asked: a line that is off gets its profile when it is on again."""
    return {
        new.customer_id
        for old, new in moved
        if old.line_package != new.line_package and new.wanted is not LineState.OFF
    }
