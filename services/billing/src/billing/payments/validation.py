"""Says whether a payment could be placed, before M-Pesa takes the money. Stores nothing."""

from collections.abc import Sequence

from servicekit.database import current_time, transact
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.accounts import store as accounts
from billing.payments import routing, settlement
from billing.payments.rules import Payment, Receipt, normalise
from billing.policy import Policy


def validate(engine: Engine, policy: Policy, batch: Sequence[Payment]) -> list[Receipt]:
    """The receipts that these payments would get now, in their order."""

    def work(connection: Connection) -> list[Receipt]:
        references = sorted({normalise(payment.bill_ref_number) for payment in batch})
        directory = accounts.load_directory(connection, references, lock=False)
        today = calendar.today(current_time(connection))
        routes = [routing.route_payment(payment, directory, policy.shortcodes) for payment in batch]
        return [
            settlement.settle(payment, found, today).receipt() for payment, found in zip(batch, routes, strict=True)
        ]

    return transact(engine, work)
