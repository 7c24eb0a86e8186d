"""Lines that several customers have on record, as happens in what the predecessor left: one is on while it is wanted on
for any of them. What is wanted of each is what its record says; what a router is asked for is what holds here.

Looked at only where a line is about to be off: whoever pays is on, whatever the others are.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from billing.lines import rules, store
from billing.payees.rules import Customer, Line, LineState
from billing.policies import store as policies


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose lines reports are about, locked, by id. `sharers`: the `others` of those whose line is wanted off, or was
    asked for by a task of its own.
    """

    customers: Mapping[int, Customer]
    sharers: Mapping[int, Sequence[Customer]]


def others(connection: Connection, customers: Collection[Customer]) -> Mapping[int, Sequence[Customer]]:
    """Who else has the line of each of these customers, by id; none who is closed, or whose ISP is."""
    lines = {one.customer_id: one.line for one in customers if one.line}
    by_line: dict[Line, list[Customer]] = defaultdict(list)
    for one in store.get_with_lines(connection, set(lines.values())):
        if one.line:  # a database may take "ann" for "Ann", a router does not
            by_line[one.line].append(one)
    return {one: [other for other in by_line[line] if other.customer_id != one] for one, line in lines.items()}


def kept_on(connection: Connection, customers: Collection[Customer], now: datetime) -> Mapping[int, Customer]:
    """Those of these customers whose line is wanted off, and is to be on for another: that one, by their ids."""
    return wanting(connection, others(connection, [one for one in customers if one.wanted is LineState.OFF]), now)


def wanting(connection: Connection, shared: Mapping[int, Sequence[Customer]], now: datetime) -> Mapping[int, Customer]:
    """The first of each of these customers' `others` for whom the line is to be on, by the customers' ids."""
    theirs = [other for some in shared.values() for other in some]
    decided = policies.of_customers(connection, theirs) if theirs else {}
    on = {one.customer_id for one in theirs if rules.is_to_be_on(one, decided[one.customer_id], now)}
    first = {one: next((other for other in some if other.customer_id in on), None) for one, some in shared.items()}
    return {one: other for one, other in first.items() if other}
