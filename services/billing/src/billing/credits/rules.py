"""What a purchase of credits is. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class CreditPurchase:
    """Credits bought: `credit_type` is the predecessor's "sms" or "whatsapp", `unit_cents` the price of one."""

    isp_id: int
    trans_id: str
    credit_type: str
    count: int
    unit_cents: int


@dataclass(slots=True)
class CreditsTaken:
    """Credits that were taken back of an ISP; `left`: what it has then, less than nothing if it has spent them."""

    credit_type: str
    count: int
    left: int

    @property
    def spent(self) -> int:
        """How many of them were spent before they were taken back."""
        return min(self.count, max(-self.left, 0))
