"""Pays a package from the credit of those whose paid time is over.

Nothing is read where nobody's is. The customers are locked by whoever asks; a transfer's key, which its place among
those of the credit makes, lets none happen twice all the same.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime

import structlog
from servicekit.writes import together
from sqlalchemy import Connection

from billing.changes import rules as changes
from billing.changes import store as change_store
from billing.changes.rules import Author, Noun
from billing.ledger.store import posting
from billing.payees import store as payees
from billing.payees.rules import Customer
from billing.policies.rules import LinePolicy
from billing.reminders.rules import first_decent_time
from billing.renewals import rules, store
from billing.renewals.rules import Renewal
from billing.tasks import store as tasks
from billing.tasks.rules import MESSAGE_LIFETIME, NewTask

log = structlog.get_logger()

_SWEEP = Author("sweep", "a package was paid from the customer's credit")


def find(connection: Connection, customers: Collection[Customer], today: date) -> Mapping[int, Renewal]:
    """Those of these customers who are to be renewed, by id; one query, or none."""
    over = {one.customer_id: one for one in customers if rules.is_over(one, today)}
    credits_ = store.credits_of(connection, over) if over else {}
    found = [rules.renewed(over[customer_id], credit, today) for customer_id, credit in credits_.items()]
    renewals = [one for one in found if one]
    isps = payees.get_isps(connection, {one.before.isp_id or 0 for one in renewals}) if renewals else {}
    open_ones = {isp_id for isp_id, isp in isps.items() if not isp.closed}
    return {one.before.customer_id: one for one in renewals if one.before.isp_id in open_ones}


def carry_out(
    connection: Connection, renewals: Collection[Renewal], decided: Mapping[int, LinePolicy], now: datetime
) -> None:
    """Move dates and money of locked customers, keep what was before, and tell them. The wallets stay locked."""
    if not renewals:
        return
    wallets = posting.lock_wallets(connection, {one.before.isp_id or 0 for one in renewals}, now)
    for one in renewals:
        wallets[one.before.isp_id or 0] += one.amount_cents
    with together(connection) as writes:
        store.move_due_dates(writes, renewals)
        posting.post(writes, [one.transfer() for one in renewals], wallets, now)
        tasks.insert(writes, [_tell(one, decided[one.before.customer_id], now) for one in renewals], now)
        for one in renewals:
            moved = changes.told(one.before, one.after, ["next_payment_date"])
            change_store.insert(writes, Noun.CUSTOMER, one.before.customer_id, moved, _SWEEP, now)
    log.info("lines_renewed", customers=len(renewals))


def _tell(one: Renewal, policy: LinePolicy, now: datetime) -> NewTask:
    """Once it is not quiet: it is renewed at midnight."""
    due_time = first_decent_time(policy, now)
    return NewTask("", one.notice(), due_time, due_time + MESSAGE_LIFETIME, one.before.customer_id)
