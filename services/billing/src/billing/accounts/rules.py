"""ISPs and customers as they are listed. Pure."""

from dataclasses import dataclass
from datetime import datetime

from billing.payees.rules import Customer, Isp


@dataclass(frozen=True, slots=True)
class StoredIsp:
    """An ISP as it is listed, with what it has."""

    isp: Isp
    wallet_cents: int
    sms_credits: int
    whatsapp_credits: int


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """A customer as it is listed. `status`: "active", "inactive", or whatever else an adopted row says."""

    customer: Customer
    status: str
    last_reconnect_time: datetime | None
