"""Lets customers' lines follow a changed policy: switched if they are to be on or off by it, and asked for again if
"off", or what a paid line has, means something else on their routers now.
"""

from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing.changes.rules import Author
from billing.lines import service as lines
from billing.payees import store as payees
from billing.payees.rules import Customer, LineReason, LineState
from billing.policy import Policy
from billing.policy_changes import store

_SWEEP = Author("sweep", "the policy was changed")


def follow_next(engine: Engine, policy: Policy, limit: int) -> bool:
    """Settle the next customers of a changed policy, at most so many in one transaction, for which payments wait;
    whether there may be more. For lines that are ours to manage.
    """

    def work(connection: Connection) -> bool:
        change = store.lock_first(connection)
        if change is None:
            return False
        now, ids = current_time(connection), store.next_customers(connection, change, limit)
        lines.settle(connection, policy, payees.lock_customers(connection, ids).values(), _SWEEP, now)
        settled = payees.get_customers(connection, ids).values()
        lines.ask(connection, [one for one in settled if _is_other(one, change.fields)], now)
        if len(ids) == limit:
            store.move(connection, change, ids[-1])
        else:
            store.delete(connection, change)
        return True

    return transact(engine, work)


def _is_other(customer: Customer, changed: frozenset[str]) -> bool:
    """Whether a router holds something else for a line than before, though the line stays on or off."""
    if customer.wanted is LineState.ON:
        return "profile" in changed
    return "off" in changed and customer.reason is LineReason.UNPAID
