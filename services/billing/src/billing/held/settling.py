"""Settles what was held for want of something on a customer's record, once that is there.

A module of its own: it follows from a change of records, service from what an operator says about one payment.
"""

from collections.abc import Collection

from servicekit.database import transact
from servicekit.rpc.errors import FailedPrecondition
from sqlalchemy import Engine

from billing.held import store
from billing.payees import store as payees
from billing.payments import assignment
from billing.payments.assignment import Target
from billing.payments.rules import Receipt, normalise
from billing.policy import Policy

# The fields of a customer for want of which a payment is held.
MENDING = frozenset({"package_cents", "package_name", "isp_id"})
# The same, as the history calls them.
MENDED = frozenset(name.removesuffix("_cents") for name in MENDING)


def settle(engine: Engine, policy: Policy, customer_ids: Collection[int], changed_by: str) -> list[Receipt]:
    """Place what these customers paid while they had no package or no ISP on record; what cannot be placed stays held.

    Each payment in a transaction of its own; may be repeated.
    """
    customers = transact(engine, lambda connection: payees.get_customers(connection, customer_ids)).values()
    accounts = {normalise(one.account_name) for one in customers} - {""}
    waiting = transact(engine, store.find_wanting) if accounts else []
    placed = []
    for trans_id, reference in waiting:
        if normalise(reference) in accounts:
            try:
                placed.append(assignment.assign(engine, policy, trans_id, Target(reference), changed_by))
            except FailedPrecondition:  # something else is missing still, or somebody placed it meanwhile
                continue
    return placed
