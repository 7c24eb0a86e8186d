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
