"""The transfers of payouts. Pure."""

from billing.ledger import rules as ledger
from billing.ledger.rules import Transfer, TransferKind


def pay_out(customer_id: int, number: int, cents: int, actor: str) -> Transfer:
    """Out of a customer's credit. `number`: its place among all transfers of that credit."""
    accounts = ledger.credit(customer_id), ledger.PAYOUT
    return Transfer(_name(customer_id), number, TransferKind.PAYOUT, *accounts, cents, actor)


def take_back(customer_id: int, number: int, cents: int, actor: str) -> Transfer:
    """Into the credit again: the payout was not made after all."""
    accounts = ledger.PAYOUT, ledger.credit(customer_id)
    return Transfer(_name(customer_id), number, TransferKind.PAYOUT, *accounts, cents, actor)


def _name(customer_id: int) -> str:
    """It belongs to no payment: no TransID has a dash."""
    return f"PAYOUT-{customer_id}"
