"""Decides on payments below the package by what was kept for their customers, and by what their ISPs decided.

Nothing is read before the first such payment. The customers are locked by whoever places their payments.
"""

from collections import defaultdict
from datetime import date
from functools import cached_property

from sqlalchemy import Connection

from billing.ledger import rules as ledger
from billing.ledger.store import reading
from billing.part_payments import rules
from billing.payments.settlement import Settlement
from billing.policies import store as policies
from billing.policies.rules import PartPayments
from billing.policies.store import Decided


class Keeping:
    """The part payments of a transaction, one after the other; each sees the credit as the one before left it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._moved: dict[int, int] = defaultdict(int)  # by customer, of what is not written yet

    def settle(self, part: Settlement, today: date) -> Settlement:
        """What becomes of a part payment."""
        assert part.customer
        customer_id = part.customer.customer_id
        credit = reading.balance(self._connection, ledger.credit(customer_id)) + self._moved[customer_id]
        if credit + part.payment.amount_cents >= part.package_cents:
            settled = rules.spend(part, credit, today)
        elif self._decided.of(part.customer).part_payments is PartPayments.CREDIT:
            settled = rules.keep(part, credit)
        else:
            return part
        self._moved[customer_id] += settled.credit_cents
        return settled

    @cached_property
    def _decided(self) -> Decided:
        return policies.decided(self._connection, ["part_payments"])
