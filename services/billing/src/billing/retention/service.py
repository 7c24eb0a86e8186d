"""Deletes old records, a bite in a transaction of its own; and takes a person out of them, when they ask for it."""

from datetime import datetime

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.retention import Bite, check_age
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.accounts.errors import CustomerNotFound
from billing.changes import store as changes
from billing.changes.rules import Author, FieldChange, Noun
from billing.payees import store as payees
from billing.retention import store
from billing.retention.errors import CustomerNotClosed, TasksOpen
from billing.retention.rules import RecordKind


def purge(engine: Engine, kind: RecordKind, before: datetime, after_id: int, asked: int) -> Bite:
    """Delete what is old of the next rows. Raises InvalidRetention."""

    def work(connection: Connection) -> Bite:
        check_age(before, current_time(connection))
        return store.purge(connection, kind, before, after_id, asked)

    return transact(engine, work)


def erase(engine: Engine, customer_id: int, author: Author, *, validate_only: bool = False) -> list[str]:
    """Take a person out of the records of a closed customer, or only look; answers the TransIDs of the payments.

    Raises CustomerNotFound, CustomerNotClosed, TasksOpen.
    """

    def work(connection: Connection) -> list[str]:
        customer = payees.get_customers(connection, [customer_id]).get(customer_id)
        if customer is None:
            raise CustomerNotFound(f"no customer {customer_id}")
        if not customer.closed:
            raise CustomerNotClosed(f"{customer.account_name} is a customer still: close the account first")
        trans_ids = store.payments_of(connection, customer_id)
        if store.has_open_tasks(connection, customer_id, trans_ids):
            raise TasksOpen("a message or a line waits: erase when it is done")
        if validate_only:
            return trans_ids
        store.erase(connection, customer_id, trans_ids, customer.phone)
        with together(connection) as writes:
            said = [FieldChange("personal_data", "", "erased")]
            changes.insert(writes, Noun.CUSTOMER, customer_id, said, author, current_time(connection))
        return trans_ids

    return transact(engine, work)
