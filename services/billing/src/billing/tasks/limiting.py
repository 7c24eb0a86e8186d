"""How routers keep lines off, and what paid ones are to have there, where ISPs or packages decided on that.

A module of its own: where nobody has decided, as in most installations, one query finds nothing, and that is all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from billing.decisions import store as decisions
from billing.payees import store as payees
from billing.payees.rules import LineReason
from billing.policies.rules import LinePolicy, OffWay
from billing.tasks.rules import Task


@dataclass(frozen=True, slots=True)
class Limit:
    """A profile and an address list: of a line that is on those it shall have and not be on, of one that is off those
    that limit it. Empty: neither is looked at; a line that is off is disabled then.
    """

    profile: str = ""
    address_list: str = ""


NO_LIMIT = Limit()


def limits(connection: Connection, tasks: Sequence[Task]) -> Mapping[int, Limit]:
    """Of those of these tasks of lines for which something was decided, by id."""
    whose = {task.task_id: task.kept_on_for or task.customer_id or 0 for task in tasks}
    customer_ids = set(whose.values())
    decided = decisions.decided(connection, ("off", "profile", "former_list"), customer_ids) if tasks else None
    if decided is None or not (decided.isps or decided.customers):
        return {}
    customers = payees.get_customers(connection, customer_ids)
    found = {}
    for task in tasks:
        if customer := customers.get(whose[task.task_id]):
            policy = decided.of(customer)
            unpaid = customer.reason is LineReason.UNPAID
            found[task.task_id] = of_policy(policy, off=task.wants_off, unpaid=unpaid)
    return found


def of_policy(policy: LinePolicy, *, off: bool, unpaid: bool) -> Limit:
    """What holds for a line. Who is paused, cut by staff or closed is off altogether: limits are for the unpaid."""
    if off and not unpaid:
        return Limit()
    address_list = policy.off.name if policy.off.way is OffWay.ADDRESS_LIST else ""
    if not off:
        return Limit(policy.profile, address_list or policy.former_list)
    return Limit(policy.off.name if policy.off.way is OffWay.PROFILE else "", address_list)
