"""Who may send callbacks, and what a payment is answered. Pure: the clock is handed in.

M-Pesa signs nothing, so a secret in the path and the sender's network are all there is to go by. The keys of an answer
are the predecessor's, with M-Pesa's ResultCode and ResultDesc beside them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hmac import compare_digest
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from gateway.clients.billing import Receipt

IpAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Body = dict[str, Any]

# Characters; what is longer is no address, even with a zone and a port, and must not fill the memory of addresses.
_MAX_ADDRESS = 80

# Outcomes after which the money is where it belongs; any other payment is held.
_PLACED = {
    "customer_paid",
    "customer_partial",
    "sms_credits",
    "whatsapp_credits",
    "service_payment",
    "predecessor",
}


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """CIDR blocks or single addresses. Raises ValueError for anything else."""
    return tuple(ip_network(text) for text in texts)


@dataclass(frozen=True)
class Sources:
    """Who may send callbacks. Where no secret, or no network, is set, that check is off."""

    secrets: Sequence[str] = ()
    allowed: Sequence[Network] = ()
    trusted_proxies: Sequence[Network] = ()

    def sender(self, peer: str, forwarded_for: Sequence[str]) -> IpAddress | None:
        """Who really sent the request; None when that cannot be told.

        `peer`: the connection's other end. `forwarded_for`: the X-Forwarded-For headers in their order. Only what
        a trusted proxy says is believed, so the list is walked from the right to the first untrusted hop:
        everything left of it was written by the sender.
        """
        sender = _ip_address(peer)
        hops = [hop for header in forwarded_for for hop in header.split(",")]
        while sender is not None and hops and _within(sender, self.trusted_proxies):
            sender = _ip_address(hops.pop())
        return sender

    def admits(self, sender: IpAddress | None, secret: str) -> bool:
        """Whether a callback from `sender` that carries `secret` ("" for none) is taken."""
        return self.knows(secret) and (not self.allowed or (sender is not None and _within(sender, self.allowed)))

    def knows(self, secret: str) -> bool:
        """Whether a secret is live; without secrets any is."""
        # Every live secret is compared, so that time does not tell which one was nearly right.
        matches = [compare_digest(live.encode(), secret.encode()) for live in self.secrets]
        return any(matches) or not self.secrets


def _within(address: IpAddress, blocks: Iterable[Network]) -> bool:
    return any(address in block for block in blocks)


def _ip_address(text: str) -> IpAddress | None:
    text = text.strip()
    return _read_ip_address(text) if len(text) <= _MAX_ADDRESS else None


@lru_cache(maxsize=1024)  # few senders send many callbacks
def _read_ip_address(text: str) -> IpAddress | None:
    if text.startswith("["):  # [2001:db8::1]:443
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:443
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def recorded(receipt: Receipt, now: datetime) -> Body:
    """The payment is stored for good; `processingResult` says what became of it."""
    result = {"outcome": receipt.outcome, "success": receipt.outcome in _PLACED, "repeated": receipt.repeated}
    where = {"reason": receipt.reason, "ispId": receipt.isp_id, "customerId": receipt.customer_id}
    return {
        "ResultCode": 0,
        "ResultDesc": "Accepted",
        "success": True,
        "processed": True,
        "transactionId": receipt.trans_id,
        "processingResult": result | {key: value for key, value in where.items() if value},
        "timestamp": timestamp(now),
    }


def timestamp(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC with milliseconds: 2026-01-31T09:15:00.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
