"""Compares a page of what a router holds with what is wanted of its lines, notes it, and has it mended.

What is wanted is worked out anew from each customer's record: a check finds also what no sweep has come to yet.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing.changes.rules import Author
from billing.drift import rules, store
from billing.drift.rules import Drift, HeldSecret, Kind, WantedLine
from billing.lines import service as lines
from billing.lines.rules import wanted_of
from billing.payees import store as payees
from billing.payees.rules import Customer, LineReason, LineState
from billing.policies import store as policies
from billing.policies.rules import Off
from billing.policy import Policy

log = structlog.get_logger()

_CHECK = Author("drift check")
# Lines in one transaction, for which payments wait; and seconds between two.
_BATCH = 50
_PAUSE = 0.1
# A page was read so long before at most; what was reported of a line since then is newer than the page.
_READING = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Span:
    """Usernames after `after`, and not after `until`, in the order of code points. Empty: there is no end."""

    after: str = ""
    until: str = ""

    def holds(self, username: str) -> bool:
        return self.after < username and (not self.until or username <= self.until)


@dataclass(frozen=True, slots=True)
class Found:
    """A drift with its customer's account. `mending`: whether the router is asked to mend it."""

    drift: Drift
    account_name: str
    mending: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """`lines`: how many were compared."""

    found: Sequence[Found]
    lines: int


def compare(engine: Engine, policy: Policy, router_id: int, secrets: Sequence[HeldSecret], span: Span) -> Comparison:
    """Compare one span of a router's usernames; if lines are ours to manage, ask for what can be mended.

    A few at a time, with pauses: a router of thousands would keep payments waiting for seconds.
    """
    customer_ids, held = defaultdict(list), defaultdict(list)
    for customer_id, username in transact(engine, lambda connection: store.find_lines(connection, router_id)):
        if span.holds(username):
            customer_ids[username].append(customer_id)
    for secret in secrets:
        held[secret.username].append(secret)
    parts: list[Comparison] = []
    for usernames in _batches(customer_ids.keys() | held.keys()):
        if parts:
            time.sleep(_PAUSE)
        ids = [one for username in usernames for one in customer_ids[username]]
        parts.append(_compare(engine, policy, ids, [one for username in usernames for one in held[username]]))
    whole = Comparison([one for part in parts for one in part.found], sum(part.lines for part in parts))
    if whole.found:
        mending = sum(one.mending for one in whole.found)
        log.info("drift_found", router_id=router_id, count=len(whole.found), mending=mending)
    return whole


def _compare(engine: Engine, policy: Policy, customer_ids: Sequence[int], secrets: Sequence[HeldSecret]) -> Comparison:
    def read(connection: Connection) -> tuple[Mapping[int, Customer], list[Drift], set[int], dict[int, LineState]]:
        now = current_time(connection)
        customers = payees.get_customers(connection, customer_ids)
        lines = list(_wanted(connection, customers, now))
        drifts = list(rules.compare(lines, secrets))
        mendable = _mendable(connection, drifts, customers) if policy.manages_lines else set()
        return customers, drifts, mendable, _seen(lines, secrets)

    customers, drifts, mendable, seen = transact(engine, read)
    if seen:
        transact(engine, partial(_note, seen=seen))
    if mendable:
        transact(engine, partial(_mend, policy=policy, customer_ids=mendable))
    return Comparison([_found(one, customers, mendable) for one in drifts], len(customers))


def _mendable(connection: Connection, drifts: Sequence[Drift], customers: Mapping[int, Customer]) -> set[int]:
    """Of an ISP that is closed nobody is switched."""
    return store.of_open_isps(connection, {one.customer_id for one in drifts if _is_mendable(one, customers)})


def _is_mendable(drift: Drift, customers: Mapping[int, Customer]) -> bool:
    """A profile is mended where a package says which one is right; what a policy says is only told."""
    if drift.kind is Kind.WRONG_PROFILE:
        return bool(customers[drift.customer_id].line_package)
    return drift.kind in rules.MENDABLE


def _wanted(connection: Connection, customers: Mapping[int, Customer], now: datetime) -> Iterator[WantedLine]:
    decided = policies.of_customers(connection, customers.values()) if customers else {}
    of_open_isps = store.of_open_isps(connection, customers)
    for customer_id, customer in customers.items():
        its = decided[customer_id]
        wanted = wanted_of(customer, its, now)
        on, unpaid = wanted.state is LineState.ON, wanted.reason is LineReason.UNPAID
        # Who is off for another reason is off altogether, see tasks.leasing.
        off = its.off if on or unpaid else Off()
        is_open = customer_id in of_open_isps and not customer.closed
        yield WantedLine(customer_id, customer.username, on, off, its.profile, is_open)


def _seen(lines: Sequence[WantedLine], secrets: Sequence[HeldSecret]) -> dict[int, LineState]:
    """What the router holds of each customer's line; who has no secret there is absent."""
    held = {one.username: one for one in secrets}
    # Of a line that several customers have, the policy counts by which it is on or off for all of them.
    decisive = {username: one for username, one in rules.by_username(lines).items() if username in held}
    off = {username: rules.is_off(one, held[username]) for username, one in decisive.items()}
    return {
        one.customer_id: LineState.OFF if off[one.username] else LineState.ON for one in lines if one.username in off
    }


def _note(connection: Connection, seen: Mapping[int, LineState]) -> None:
    now = current_time(connection)
    for state in LineState:
        if some := {customer_id for customer_id, its in seen.items() if its is state}:
            store.mark_seen(connection, some, state, now, now - _READING)


def _mend(connection: Connection, policy: Policy, customer_ids: Collection[int]) -> None:
    customers, now = payees.lock_customers(connection, customer_ids), current_time(connection)
    lines.settle(connection, policy, customers.values(), _CHECK, now)
    lines.ask(connection, payees.get_customers(connection, customer_ids).values(), now)


def _found(drift: Drift, customers: Mapping[int, Customer], mending: Collection[int]) -> Found:
    customer = customers.get(drift.customer_id)
    is_mended = drift.customer_id in mending and _is_mendable(drift, customers)
    return Found(drift, customer.account_name if customer else "", is_mended)


def _batches(usernames: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(usernames)
    for start in range(0, len(ordered), _BATCH):
        yield ordered[start : start + _BATCH]
