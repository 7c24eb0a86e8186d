"""Takes back what a placed payment gave, and holds its money again: it was placed where it did not belong.

A module of its own: the one use case that undoes a settlement. What it cannot take back it says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.money import grouped
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.credits import store as credit_store
from billing.held import store
from billing.held.store import GivenDate
from billing.ledger import rules as ledger
from billing.ledger.rules import Transfer, TransferKind
from billing.ledger.store import posting, reading
from billing.lookup import store as lookup
from billing.lookup.rules import StoredPayment
from billing.notices.rules import Notice
from billing.payees import store as payees
from billing.payees.rules import Customer
from billing.payments import store as payments
from billing.payments.errors import PaymentNotFound, PaymentNotPlaced
from billing.payments.rules import HELD, Outcome, Receipt, TimelineEntry, UnmatchedReason
from billing.policy import Policy
from billing.tasks import rules as task_rules
from billing.tasks import store as tasks
from billing.tasks.rules import TaskState


@dataclass(frozen=True, slots=True)
class Unassigned:
    """A payment that is held again: what was taken back of it, and what was not, in sentences."""

    receipt: Receipt
    notes: Sequence[str] = ()


def unassign(engine: Engine, policy: Policy, trans_id: str, unassigned_by: str, why: str) -> Unassigned:
    """Hold a placed payment's money again. May be repeated. Raises PaymentNotFound, PaymentNotPlaced."""

    def work(connection: Connection) -> Unassigned:
        stored = lookup.get_payment(connection, trans_id, lock=True)
        if stored is None:
            raise PaymentNotFound(f"no payment {trans_id}")
        if stored.reason is UnmatchedReason.UNASSIGNED:
            return Unassigned(stored.receipt())
        if stored.outcome in HELD or stored.outcome is Outcome.PREDECESSOR:
            raise PaymentNotPlaced(f"payment {trans_id} was not placed by us: {stored.outcome}")
        return _take_back(connection, policy, stored, unassigned_by, why)

    return transact(engine, work)


def _take_back(connection: Connection, policy: Policy, stored: StoredPayment, by: str, why: str) -> Unassigned:
    now, trans_id = current_time(connection), stored.trans_id
    transfers = _transfers(connection, stored, by)
    notes = [*_date(connection, stored), *_line(stored)]
    tasks.end(connection, store.open_tasks(connection, trans_id), TaskState.EXPIRED, now, tried=False)
    credits_ = credit_store.take_back(connection, trans_id, now)
    wallets = posting.lock_wallets(connection, {stored.isp_id} if stored.isp_id else set(), now)
    notes[:0] = [f"{count:,} {kind} credits were taken back" for kind, count in credits_.items()]
    notes[:0] = _debit(wallets, transfers)
    store.unassign(connection, trans_id)
    facts = {"unassigned_by": by, "reason": why, "notes": notes}
    entry = TimelineEntry(trans_id, "PAYMENT_UNASSIGNED", f"Taken back by {by}: {why}", facts)
    told = _notice(
        connection, policy, stored, f"KES {grouped(stored.amount_cents)} taken back: {why}", transfers[0].number
    )
    with together(connection) as writes:
        posting.post(writes, transfers, wallets, now)
        store.insert_reversal(writes, stored, now)
        payments.insert_timeline(writes, [entry], now)
        tasks.insert(writes, [task_rules.message(trans_id, told, now)], now)
    return Unassigned(_held(stored.receipt()), notes)


def _held(receipt: Receipt) -> Receipt:
    reason = UnmatchedReason.UNASSIGNED
    return replace(receipt, outcome=Outcome.UNMATCHED, reason=reason, isp_id=None, customer_id=None, repeated=False)


def _debit(wallets: dict[int, int], transfers: Sequence[Transfer]) -> Iterator[str]:
    """Take from locked wallets what leaves them; they may hold less than nothing then."""
    by_account = {ledger.wallet(isp_id): isp_id for isp_id in wallets}
    for one in transfers:
        if isp_id := by_account.get(one.from_account):
            wallets[isp_id] -= one.amount_cents
            yield f"KES {grouped(one.amount_cents)} left the wallet, which holds KES {grouped(wallets[isp_id])} now"


def _transfers(connection: Connection, stored: StoredPayment, by: str) -> list[Transfer]:
    """From wherever its money is, to what is held."""
    there = reading.balances_of(connection, stored.trans_id)
    first = posting.count_transfers(connection, stored.trans_id) + 1
    gone = [(account, cents) for account, cents in sorted(there.items()) if cents > 0]
    return [
        Transfer(stored.trans_id, number, TransferKind.UNASSIGNMENT, account, ledger.HELD, cents, by)
        for number, (account, cents) in enumerate(gone, first)
    ]


def _date(connection: Connection, stored: StoredPayment) -> Iterator[str]:
    """Give the customer the due date from before, if it is still the one that this payment gave."""
    if stored.outcome is not Outcome.CUSTOMER_PAID or not stored.customer_id:
        return
    payees.lock_by_id(connection, [stored.customer_id], None)
    customer = payees.get_customers(connection, [stored.customer_id]).get(stored.customer_id)
    given = store.find_given_date(connection, stored.trans_id)
    if customer and given and customer.next_payment_date == given.due_date:
        store.set_due_date(connection, customer.customer_id, given)
        yield f"the due date is {_day(given.previous_due_date)} again"
    else:
        yield f"the due date stays as it is ({_now(customer, given)}): change it by hand if it must be another"


def _now(customer: Customer | None, given: GivenDate | None) -> str:
    known = _day(customer.next_payment_date) if customer else "no customer"
    return f"{known}, which is not what this payment gave" if given else f"{known}; what this payment gave is not known"


def _day(day: date | None) -> str:
    return day.isoformat() if day else "none"


def _line(stored: StoredPayment) -> Iterator[str]:
    if stored.outcome is Outcome.CUSTOMER_PAID:
        yield "a line that was switched on stays on: `rejesha access disable` switches it off"


def _notice(connection: Connection, policy: Policy, stored: StoredPayment, text: str, number: int) -> Notice:
    """To the ISP whose money it was, and the admins. `number` makes the messages' ids unique."""
    isp = payees.get_isps(connection, [stored.isp_id or 0]).get(stored.isp_id or 0)
    facts = {"trans_id": stored.trans_id, "error": text}
    contact = isp.contact_phone if isp else ""
    return Notice(event=f"unassigned:{number}", facts=facts, isp=contact, admins=policy.admin_phones)
