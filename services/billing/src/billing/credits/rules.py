"""What a purchase of credits is, and what they cost. Pure."""

from dataclasses import dataclass

SMS_CREDIT_CENTS = 50
_UNIT_CENTS = {"sms": SMS_CREDIT_CENTS, "whatsapp": 20}


@dataclass(slots=True)
class CreditPurchase:
    """Credits bought: `credit_type` is the predecessor's "sms" or "whatsapp", `unit_cents` the price of one."""

    isp_id: int
    trans_id: str
    credit_type: str
    count: int
    unit_cents: int


def purchase(isp_id: int, trans_id: str, credit_type: str, paid_cents: int) -> tuple[CreditPurchase, int]:
    """The credits that a payment buys, and the cents that remain: credits are whole."""
    unit_cents = _UNIT_CENTS[credit_type]
    count, remainder = divmod(paid_cents, unit_cents)
    return CreditPurchase(isp_id, trans_id, credit_type, count, unit_cents), remainder


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
