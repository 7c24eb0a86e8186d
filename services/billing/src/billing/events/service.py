"""Tells what happened to a customer. Changes nothing."""

from datetime import datetime

from servicekit.database import transact
from sqlalchemy import Connection, Engine

from billing.accounts.rules import StoredCustomer
from billing.accounts.service import get_customer
from billing.events import store
from billing.events.rules import Event, Place, newest

_SOURCES = (store.find_payments, store.find_changes, store.find_steps)


def list_events(
    engine: Engine, whom: tuple[int, str], since: datetime | None, before: Place | None, limit: int
) -> tuple[StoredCustomer, list[Event]]:
    """The customer with an id or, where that is 0, an account; their events, newest first, that were before another.

    Raises CustomerNotFound.
    """
    customer_id, account = whom
    customer = get_customer(engine, account, customer_id)

    def work(connection: Connection) -> list[Event]:
        found_id = customer.customer.customer_id
        return newest([find(connection, found_id, since, before, limit) for find in _SOURCES], limit)

    return customer, transact(engine, work)
