"""The callbacks that the sender plays M-Pesa with, from one seed, and what each of them must lead to.

The expectations are worked out here from the promise's words, not with the services' code.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

PACKAGE_CENTS = 100_000
SHORTCODE = "600100"
# The account of the stage's second ISP, which nobody pays into unless a scenario does.
OTHER_ISP = "ACC002"
_SMS_CREDIT_CENTS = 50
_OF_ISPS = {"SMS001": "sms_credits", "ACC001": "service_payment", OTHER_ISP: "service_payment"}


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of the stage's ISP, on one of its routers, counted from 0."""

    account: str
    phone: str
    router: int


@dataclass(frozen=True, slots=True)
class Callback:
    """One delivery. Two with the same TransID and other content contradict each other."""

    trans_id: str
    reference: str
    amount_cents: int
    customer: Customer | None = None

    @property
    def content(self) -> tuple[str, int]:
        """What decides about money."""
        return self.reference, self.amount_cents

    @property
    def is_full(self) -> bool:
        """Whether it pays for a month."""
        return self.customer is not None and self.amount_cents >= PACKAGE_CENTS

    @property
    def outcome(self) -> str:
        """What the first delivery must be answered with."""
        if self.customer:
            return "customer_paid" if self.is_full else "customer_partial"
        return _OF_ISPS.get(self.reference, "unmatched")

    @property
    def wallet_cents(self) -> int:
        """What it must add to the ISP's wallet: credits are whole, what remains is money."""
        if self.reference == "SMS001":
            return self.amount_cents % _SMS_CREDIT_CENTS
        return 0 if self.outcome == "unmatched" else self.amount_cents

    def body(self) -> bytes:
        """The JSON that M-Pesa would post."""
        return json.dumps(
            {
                "TransactionType": "Pay Bill",
                "TransID": self.trans_id,
                "TransTime": "20261123101500",
                "TransAmount": f"{self.amount_cents // 100}.{self.amount_cents % 100:02}",
                "BusinessShortCode": SHORTCODE,
                "BillRefNumber": self.reference,
                "MSISDN": "2547 ***** 126",
                "FirstName": "JANE",
            }
        ).encode()


class Callbacks:
    """Makes callbacks: every kind of payment, a share sent again, a share sent again with another amount."""

    def __init__(self, dice: random.Random, prefix: str, customers: Sequence[Customer]) -> None:
        self._dice = dice
        self._prefix = prefix
        self._customers = customers
        self._made: list[Callback] = []

    def full(self, customer: Customer | None = None) -> Callback:
        """A month's payment."""
        who = customer or self._dice.choice(self._customers)
        return self._remember(who.account, PACKAGE_CENTS + self._dice.choice((0, 0, 0, 100, 12_345)), who)

    def fresh(self) -> Callback:
        """A payment of any kind."""
        kind = self._dice.random()
        if kind < 0.4:
            return self.full()
        if kind < 0.55:
            who = self._dice.choice(self._customers)
            return self._remember(who.account, self._dice.randrange(100, PACKAGE_CENTS), who)
        reference = "ACC001" if kind < 0.8 else "SMS001" if kind < 0.9 else f"NOBODY{self._dice.randrange(100)}"
        return self._remember(reference, self._dice.randrange(100, 500_000))

    def to_other_isp(self) -> Callback:
        """A payment into the second ISP's account."""
        return self._remember(OTHER_ISP, self._dice.randrange(100, 500_000))

    def mixed(self, again: float = 0.04, changed: float = 0.02) -> Iterator[Callback]:
        """An endless stream with repeats, as M-Pesa could send them."""
        while True:
            chance = self._dice.random()
            if not self._made or chance > again + changed:
                yield self.fresh()
            elif chance < changed:
                yield self.contradicting(self._dice.choice(self._made))
            else:
                yield self._dice.choice(self._made)

    def contradicting(self, first: Callback) -> Callback:
        """The same TransID with another amount."""
        return replace(first, amount_cents=first.amount_cents + self._dice.randrange(100, 100_000))

    def _remember(self, reference: str, amount_cents: int, customer: Customer | None = None) -> Callback:
        trans_id = f"{self._prefix}{len(self._made):08d}"
        self._made.append(Callback(trans_id, reference, amount_cents, customer))
        return self._made[-1]
