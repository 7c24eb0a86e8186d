"""Pays customers' credits out, and takes that back. A person hands the money over; here it leaves the books.

Of an open customer as of one who is closed; with the customer's row locked, as every other spending of a credit.
"""

from collections.abc import Callable
from dataclasses import dataclass

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.money import in_shillings
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.accounts import store as accounts
from billing.accounts.errors import CustomerNotFound, InvalidChange
from billing.changes import store as change_store
from billing.changes.rules import Author, FieldChange, Noun
from billing.ledger.rules import Transfer
from billing.ledger.store import posting
from billing.payees import store as payees
from billing.payments.rules import normalise
from billing.payouts import rules, store
from billing.payouts.errors import NothingToPayOut
from billing.renewals import store as credits_
from billing.renewals.rules import Credit


@dataclass(frozen=True, slots=True)
class Moved:
    """What left a customer's credit, or came back to it, and what is left there."""

    customer_id: int
    cents: int
    left_cents: int


def pay_out(engine: Engine, account: str, customer_id: int, author: Author) -> Moved:
    """Pay out all that is kept for a customer. Raises CustomerNotFound, InvalidChange, NothingToPayOut."""

    def work(connection: Connection) -> Moved:
        whose, credit = _lock(connection, account, customer_id)
        if credit.cents <= 0:
            raise NothingToPayOut(f"nothing is kept for customer {whose}")
        transfer = rules.pay_out(whose, credit.transfers + 1, credit.cents, author.actor)
        return _move(connection, whose, credit, transfer, -credit.cents, author)

    return _carry_out(engine, work, author)


def take_back(engine: Engine, account: str, customer_id: int, author: Author) -> Moved:
    """Keep all that was paid out to a customer again. Raises CustomerNotFound, InvalidChange, NothingToPayOut."""

    def work(connection: Connection) -> Moved:
        whose, credit = _lock(connection, account, customer_id)
        cents = store.paid_out(connection, whose)
        if cents <= 0:
            raise NothingToPayOut(f"nothing was paid out to customer {whose}")
        transfer = rules.take_back(whose, credit.transfers + 1, cents, author.actor)
        return _move(connection, whose, credit, transfer, cents, author)

    return _carry_out(engine, work, author)


def _carry_out(engine: Engine, work: Callable[[Connection], Moved], author: Author) -> Moved:
    """Not again after a COMMIT whose answer was lost: the second time nothing would be there."""
    if not author.reason:
        raise InvalidChange("reason: 1 to 255 characters")
    return transact(engine, work, once=True)


def _lock(connection: Connection, account: str, customer_id: int) -> tuple[int, Credit]:
    found = accounts.stored_customers(connection, normalise(account), customer_id)
    if not found:
        raise CustomerNotFound(f"no customer {customer_id or account}")
    whose = min((one.customer for one in found), key=lambda one: one.closed).customer_id
    payees.lock_customers(connection, [whose])
    return whose, credits_.credits_of(connection, [whose]).get(whose, Credit(0, 0))


def _move(
    connection: Connection, customer_id: int, credit: Credit, transfer: Transfer, cents: int, author: Author
) -> Moved:
    left, now = credit.cents + cents, current_time(connection)
    change = FieldChange("credit", in_shillings(credit.cents), in_shillings(left))
    with together(connection) as writes:
        posting.append(writes, [transfer], now)
        change_store.insert(writes, Noun.CUSTOMER, customer_id, [change], author, now)
    return Moved(customer_id, transfer.amount_cents, left)
