"""Accounts of money, and the transfers between them. Pure.

A transfer moves a positive amount from one account to another, once, and is never changed: what was wrong is undone by
another transfer. So the balances of all accounts sum to nothing, always.
"""

from dataclasses import dataclass
from enum import StrEnum

HELD = "held"  # payments that nobody could be credited for
DISMISSED = "dismissed"  # those among them that were closed without crediting anybody
OPENING = "opening"  # what wallets held before there was a ledger
PAYOUT = "payout"  # credits that were paid out to customers

_PAYBILL, _WALLET, _REVENUE, _CREDIT = "paybill:", "wallet:", "revenue:", "credit:"


def paybill(shortcode: str) -> str:
    """The money that M-Pesa holds for us."""
    return f"{_PAYBILL}{shortcode.strip()}"


def wallet(isp_id: int) -> str:
    """What is an ISP's."""
    return f"{_WALLET}{isp_id}"


def revenue(credit_type: str) -> str:
    """What ISPs paid for credits, which are "sms" or "whatsapp"."""
    return f"{_REVENUE}{credit_type}"


def credit(customer_id: int) -> str:
    """What is kept for a customer until it makes a package."""
    return f"{_CREDIT}{customer_id}"


def is_credit(account: str) -> bool:
    """Whether it is a customer's."""
    return account.startswith(_CREDIT)


class TransferKind(StrEnum):
    """Why money moved."""

    PAYMENT = "payment"
    ASSIGNMENT = "assignment"  # of a held payment
    DISMISSAL = "dismissal"  # likewise
    UNASSIGNMENT = "unassignment"  # of a payment that was placed where it did not belong
    REVERSAL = "reversal"  # of a payment whose money went back to the payer
    SPENDING = "spending"  # of what was kept for a customer, by a payment
    RENEWAL = "renewal"  # likewise, because the paid time was over
    PAYOUT = "payout"  # likewise, by hand; or that was taken back
    OPENING = "opening"


# Not frozen, though nothing changes them: see payments.rules.
@dataclass(slots=True)
class Transfer:
    """Cents that move from an account to another. `number`: its place among all transfers of its payment; of an opening
    balance, which is no payment's, the ISP; of a renewal or a payout, among all transfers of that credit. `actor`: who
    had it made, "" for M-Pesa.
    """

    trans_id: str
    number: int
    kind: TransferKind
    from_account: str
    to_account: str
    amount_cents: int
    actor: str = ""

    @property
    def key(self) -> str:
        """Unique, so that no transfer happens twice. No TransID has a small letter."""
        return f"{self.trans_id or self.kind}.{self.number}"
