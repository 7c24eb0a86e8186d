"""Lines that several customers have on record, as happens in what the predecessor left: one is on while it is wanted on
for any of them. What is wanted of each is what its record says; what a router is asked for is what holds here.

Looked at only where a line is about to be off: whoever pays is on, whatever the others are.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from billing.lines import rules, store
from billing.payees import store as payees
from billing.payees.rules import Customer, Line, LineState
from billing.policies import store as policies


def others(connection: Connection, customers: Collection[Customer]) -> Mapping[int, Sequence[Customer]]:
    """Who else has the line of each of these customers, by id; none who is closed, or whose ISP is."""
    lines = {one.customer_id: one.line for one in customers if one.line}
    found = payees.get_customers(connection, store.find_sharing(connection, set(lines.values())))
    by_line: dict[Line, list[Customer]] = defaultdict(list)
    for one in found.values():
        if one.line:  # a database may take "ann" for "Ann", a router does not
            by_line[one.line].append(one)
    return {one: [other for other in by_line[line] if other.customer_id != one] for one, line in lines.items()}


def kept_on(connection: Connection, customers: Collection[Customer], now: datetime) -> Mapping[int, Customer]:
    """Those of these customers whose line is wanted off, and is to be on for another: that one, by their ids."""
    off = [one for one in customers if one.wanted is LineState.OFF]
    shared = {one: some for one, some in others(connection, off).items() if some} if off else {}
    theirs = [other for some in shared.values() for other in some]
    decided = policies.of_customers(connection, theirs) if theirs else {}
    on = {one.customer_id for one in theirs if rules.is_to_be_on(one, decided[one.customer_id], now)}
    first = {one: next((other for other in some if other.customer_id in on), None) for one, some in shared.items()}
    return {one: other for one, other in first.items() if other}
