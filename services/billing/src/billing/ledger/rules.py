"""What payments move on wallets. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class EntryKind(StrEnum):
    """Why a wallet changed."""

    CUSTOMER_PAYMENT = "customer_payment"
    SERVICE_PAYMENT = "service_payment"
    CREDIT_REMAINDER = "credit_remainder"


# Not frozen, though nothing changes them: see payments.rules.
@dataclass(slots=True)
class WalletEntry:
    """Cents that a payment adds to an ISP's wallet, which may be none. A TransID reaches a wallet once."""

    isp_id: int
    trans_id: str
    kind: EntryKind
    amount_cents: int
