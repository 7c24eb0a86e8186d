"""Takes back what a payment gave, and moves its money on: what unassigning and reversing have in common.

A module of its own: the one place that undoes a settlement. What cannot be taken back it says, in sentences.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from servicekit.moments import current_time
from servicekit.money import grouped
from servicekit.writes import together
from sqlalchemy import Connection

from billing import calendar
from billing.changes import following
from billing.changes.rules import Author
from billing.credits import store as credit_store
from billing.credits.rules import CreditsTaken
from billing.ledger import rules as ledger
from billing.ledger.rules import Transfer, TransferKind
from billing.ledger.store import posting, reading
from billing.lines.rules import wanted_of
from billing.lookup.rules import StoredPayment
from billing.notices.rules import Notice
from billing.payees import store as payees
from billing.payees.rules import Customer, LineReason, LineState
from billing.payments import store as payments
from billing.payments.errors import PaymentNotPlaced
from billing.payments.rules import Outcome, Receipt, TimelineEntry
from billing.policies import store as policies
from billing.policy import Policy
from billing.reversals import store
from billing.reversals.store import GivenDate
from billing.tasks import rules as task_rules
from billing.tasks import store as tasks
from billing.tasks.rules import TaskState


@dataclass(frozen=True, slots=True)
class Undoing:
    """How a payment is undone: why its money moves and where to, what is done to it, in one word for programs and as
    people say it, by whom and why. `told`: whether the ISP and the admins hear of it.
    """

    kind: TransferKind
    to_account: str
    verb: str
    said: str
    by: str
    why: str
    told: bool = True


@dataclass(frozen=True, slots=True)
class Undone:
    """A payment that was undone: what was taken back of it, and what was not, in sentences; none if it was before."""

    receipt: Receipt
    notes: Sequence[str] = ()


def undo(connection: Connection, policy: Policy, stored: StoredPayment, how: Undoing) -> list[str]:
    """Take back what a locked payment gave; answers what was taken back, and what was not.

    Its new outcome is the caller's. Raises PaymentNotPlaced where it has no transfers.
    """
    now, trans_id = current_time(connection), stored.trans_id
    transfers = _transfers(connection, stored, how)
    tasks.end(connection, store.open_tasks(connection, trans_id), TaskState.EXPIRED, now, tried=False)
    payees.lock_customers(connection, [stored.customer_id] if stored.customer_id else [])
    before, notes = _date(connection, stored)
    notes += _line(connection, policy, before, now)
    notes[:0] = _credit(connection, transfers)
    notes[:0] = _credits(credit_store.take_back(connection, trans_id, now))
    wallets = posting.lock_wallets(connection, {stored.isp_id} if stored.isp_id else set(), now)
    notes[:0] = _debit(wallets, transfers)
    facts = {f"{how.verb}_by": how.by, "reason": how.why, "notes": notes}
    message = f"{how.said.capitalize()} by {how.by}: {how.why}"
    entry = TimelineEntry(trans_id, f"PAYMENT_{how.verb.upper()}", message, facts)
    told = [_notice(connection, policy, stored, how, transfers[0].number)] if how.told else []
    with together(connection) as writes:
        posting.post(writes, transfers, wallets, now)
        store.insert_reversal(writes, stored, now)
        payments.insert_timeline(writes, [entry], now)
        tasks.insert(writes, [task_rules.message(trans_id, one, now) for one in told], now)
    if before:  # at last: its credit must not renew what was paid for with it
        _follow(connection, policy, before, Author(how.by, how.why), now)
    return notes


def _transfers(connection: Connection, stored: StoredPayment, how: Undoing) -> list[Transfer]:
    """From wherever its money is; what it spent of a customer's credit goes back there."""
    there = dict(reading.balances_of(connection, stored.trans_id))
    first = reading.count_transfers(connection, stored.trans_id) + 1
    wallet = ledger.wallet(stored.isp_id or 0)
    moves = [(wallet, account, -cents) for account, cents in there.items() if ledger.is_credit(account) and cents < 0]
    for _, _, cents in moves:
        there[wallet] -= cents
    moves += [(account, how.to_account, cents) for account, cents in sorted(there.items()) if cents > 0]
    if not moves:
        raise PaymentNotPlaced(f"payment {stored.trans_id} has no transfers: `rejesha migrate` makes them")
    return [Transfer(stored.trans_id, number, how.kind, *move, how.by) for number, move in enumerate(moves, first)]


def _credit(connection: Connection, transfers: Sequence[Transfer]) -> Iterator[str]:
    """What becomes of the customer's credit; what is spent of it is owed."""
    for one in transfers:
        if ledger.is_credit(one.from_account):
            left = reading.balance(connection, one.from_account) - one.amount_cents
            owed = ": that is spent, and the customer owes it" if left < 0 else ""
            yield f"KES {grouped(one.amount_cents)} left the customer's credit, which is KES {grouped(left)} now{owed}"
        elif ledger.is_credit(one.to_account):
            yield f"KES {grouped(one.amount_cents)} of it is the customer's credit again"


def _debit(wallets: dict[int, int], transfers: Sequence[Transfer]) -> Iterator[str]:
    """Take from locked wallets what leaves them; they may hold less than nothing then."""
    by_account = {ledger.wallet(isp_id): isp_id for isp_id in wallets}
    for one in transfers:
        if isp_id := by_account.get(one.from_account):
            wallets[isp_id] -= one.amount_cents
            left = f"KES {grouped(wallets[isp_id])} now" + (": the ISP owes that" if wallets[isp_id] < 0 else "")
            yield f"KES {grouped(one.amount_cents)} left the wallet, which holds {left}"


def _credits(taken: Sequence[CreditsTaken]) -> Iterator[str]:
    for one in taken:
        spent = f"; {one.spent:,} of them are spent, which the ISP owes" if one.spent else ""
        yield f"{one.count:,} {one.credit_type} credits were taken back{spent}"


def _date(connection: Connection, stored: StoredPayment) -> tuple[Customer | None, list[str]]:
    """Give the customer the due date from before, if it is still the one that this payment gave; then as it was."""
    if stored.outcome is not Outcome.CUSTOMER_PAID or not stored.customer_id:
        return None, []
    customer = payees.get_customers(connection, [stored.customer_id]).get(stored.customer_id)
    given = store.find_given_date(connection, stored.trans_id)
    if customer and given and customer.next_payment_date == given.due_date:
        before = _before(customer, given)
        store.put_back(connection, before)
        paused = [f"the pause since {_day(given.paused_since)} goes on"] if before.hold is not customer.hold else []
        return before, [f"the due date is {_day(given.previous_due_date)} again", *paused]
    return None, [f"the due date stays as it is ({_now(customer, given)}): change it by hand if it must be another"]


def _before(customer: Customer, given: GivenDate) -> Customer:
    """As it was before the payment; a pause that this ended goes on, unless somebody keeps the line off by now."""
    before = replace(customer, next_payment_date=given.previous_due_date, due_day=given.previous_due_day)
    if customer.hold or not given.paused_since:
        return before
    return replace(before, hold=LineReason.PAUSED, hold_since=given.paused_since)


def _follow(connection: Connection, policy: Policy, customer: Customer, author: Author, now: datetime) -> None:
    """Nobody is reconnected any more whose paid time is over, or who has paused."""
    day = customer.next_payment_date
    if day is None or calendar.end_of(day) <= now or customer.hold:
        following.follow(connection, policy, [customer], author, now)


def _now(customer: Customer | None, given: GivenDate | None) -> str:
    known = _day(customer.next_payment_date) if customer else "no customer"
    return f"{known}, which is not what this payment gave" if given else f"{known}; what this payment gave is not known"


def _day(day: date | None) -> str:
    return day.isoformat() if day else "none"


def _line(connection: Connection, policy: Policy, before: Customer | None, now: datetime) -> Iterator[str]:
    """What a person may have to do about the line, where the date is as before: nothing cuts it now by itself."""
    if before is None or before.line is None or before.hold:
        return
    wanted = wanted_of(before, policies.of_customers(connection, [before])[before.customer_id], now)
    if policy.manages_lines and wanted.reason is LineReason.GRACE:
        cut = f"`rejesha line cut {before.account_name} --reason WHY`"
        yield f"the line stays on in the grace: {cut} switches it off"
    if not policy.manages_lines and wanted.state is LineState.OFF:
        off = f"`rejesha access disable {before.line.router_id} {before.line.username}`"
        yield f"a line that was switched on stays on: {off} switches it off"


def _notice(connection: Connection, policy: Policy, stored: StoredPayment, how: Undoing, number: int) -> Notice:
    """To the ISP whose money it was, and the admins. `number` makes the messages' ids unique."""
    isp = payees.get_isps(connection, [stored.isp_id or 0]).get(stored.isp_id or 0)
    facts = {"trans_id": stored.trans_id, "error": f"KES {grouped(stored.amount_cents)} {how.said}: {how.why}"}
    contact = isp.contact_phone if isp else ""
    return Notice(event=f"{how.verb}:{number}", facts=facts, isp=contact, admins=policy.admin_phones)
