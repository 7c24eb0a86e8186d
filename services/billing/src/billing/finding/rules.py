"""What payments are looked for by. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.payments.rules import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFilter:
    """Which payments are looked for: all that is given must hold. `account`: normalised; amounts: cents, 0 for any."""

    outcome: Outcome | None = None
    account: str = ""
    customer_id: int = 0
    isp_id: int = 0
    msisdns: Sequence[str] = ()  # as M-Pesa may have sent it
    payer: str = ""
    least_cents: int = 0
    most_cents: int = 0
    since: datetime | None = None
    until: datetime | None = None


def spellings(phone: str) -> Sequence[str]:
    """How M-Pesa may send a number, given as 254 and nine digits: whole, hashed, and masked in its two ways."""
    digest = hashlib.sha256(phone.encode()).hexdigest()
    masked = f"{phone[:4]} ***** {phone[-3:]}", f"{phone[:5]}****{phone[-3:]}"
    return phone, f"+{phone}", f"0{phone[3:]}", digest, digest.upper(), *masked
