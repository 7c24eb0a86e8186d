"""Decides on payments below or above the package by what was kept for their customers, and what their ISPs decided.

Nothing is read before the first such payment. The customers are locked by whoever places their payments.
"""

from collections import defaultdict
from datetime import date
from functools import cached_property

from sqlalchemy import Connection

from billing.decisions import store as decisions
from billing.decisions.store import Decided
from billing.ledger import rules as ledger
from billing.ledger.store import reading
from billing.overpayments import rules as overpayments
from billing.part_payments import rules
from billing.payees.rules import Customer
from billing.payments.rules import Outcome
from billing.payments.settlement import Settlement
from billing.policies.rules import Overpayments, PartPayments


class Keeping:
    """The uneven payments of a transaction, one after the other; each sees the credit as the one before left it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._moved: dict[int, int] = defaultdict(int)  # by customer, of what is not written yet

    def settle(self, uneven: Settlement, today: date) -> Settlement:
        """What becomes of a payment below or above the package."""
        assert uneven.customer
        settled = self._divided(uneven) if uneven.outcome is Outcome.CUSTOMER_PAID else self._part(uneven, today)
        self._moved[uneven.customer.customer_id] += settled.credit_cents
        return settled

    def _part(self, part: Settlement, today: date) -> Settlement:
        assert part.customer
        credit = self._credit(part.customer)
        if credit + part.payment.amount_cents >= part.package_cents:
            return rules.spend(part, credit, today)
        keeps = self._decided.of(part.customer).part_payments is PartPayments.CREDIT
        return rules.keep(part, credit) if keeps else part

    def _divided(self, paid: Settlement) -> Settlement:
        assert paid.customer
        policy = self._decided.of(paid.customer)
        if policy.overpayments is Overpayments.WALLET:
            return paid
        return overpayments.divide(paid, policy, self._credit(paid.customer))

    def _credit(self, customer: Customer) -> int:
        there = reading.balance(self._connection, ledger.credit(customer.customer_id))
        return there + self._moved[customer.customer_id]

    @cached_property
    def _decided(self) -> Decided:
        return decisions.decided(self._connection, ["part_payments", "overpayments"])
