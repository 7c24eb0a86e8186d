"""Which callback an address means, also where it was registered a little wrong, and who may send one. Pure.

M-Pesa registers whatever it is given and tells nobody of a 404. So slashes, case and stray blanks do not matter, and an
address that has a live secret in it is never simply unknown. But a validation's body looks like a confirmation's, and
its money has not been paid: only an address that says which of the two it is stands for one of them.

M-Pesa signs nothing, so a secret in the path and the sender's network are all there is to go by.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hmac import compare_digest
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network
from urllib.parse import unquote

IpAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Characters; what is longer is no address, even with a zone and a port, and must not fill the memory of addresses.
_MAX_ADDRESS = 80
# What no secret contains parts the words of an address. Honest ones have few; each costs a comparison.
_NO_SECRET = re.compile(r"[^A-Za-z0-9_.~-]+", re.ASCII)
_MAX_WORDS = 50
# The widest ranges that somebody can own, by version: 10.0.0.0/8, fc00::/7.
_WIDEST = {4: 8, 6: 7}


class Kind(StrEnum):
    """What is posted to an address."""

    CONFIRMATION = "confirmation"
    VALIDATION = "validation"
    UNCLEAR = "unclear"


PATHS = {
    "/callbackprocess": Kind.CONFIRMATION,
    "/c2b/confirmation": Kind.CONFIRMATION,
    "/c2b/validation": Kind.VALIDATION,
}
_PATHS = {tuple(path.split("/")[1:]): kind for path, kind in PATHS.items()}
# What a part of an odd address may look like in a log: too short for a secret.
_PART = re.compile(r"[a-z0-9_-]{1,12}|callbackprocess", re.ASCII)


@dataclass(frozen=True, slots=True)
class CallbackAddress:
    """`route` tells the address without its secret, for logs; `secret`: what stands where it belongs, or ""."""

    route: str
    kind: Kind
    secret: str


def decoded(target: str) -> str:
    """A path or query without its escapes; some senders escape what is escaped already."""
    for _ in range(2 if "%" in target else 0):
        target = unquote(target)
    return target


def exact_address(path: str) -> CallbackAddress | None:
    """The address of a decoded path that is one of PATHS, or one with a single part more, the secret."""
    parts = _parts(path)
    lowered = tuple(part.lower() for part in parts)
    if kind := _PATHS.get(lowered):
        return CallbackAddress("/" + "/".join(lowered), kind, "")
    if kind := _PATHS.get(lowered[:-1]):
        return CallbackAddress("/".join(("", *lowered[:-1], "{secret}")), kind, parts[-1])
    return None


def guessed_address(path: str, secret: str) -> CallbackAddress:
    """The address of any decoded path with a live secret somewhere in the request's target."""
    parts = _parts(path)
    words = "/".join(part.replace(secret, "") for part in parts).lower()
    validates, confirms = "valid" in words, "confirm" in words or "callbackprocess" in words
    kind = Kind.UNCLEAR if validates == confirms else Kind.VALIDATION if validates else Kind.CONFIRMATION
    return CallbackAddress("/".join(("", *(_shown(part, secret) for part in parts))), kind, secret)


def _parts(path: str) -> list[str]:
    return [stripped for part in path.split("/") if (stripped := part.strip())]


def _shown(part: str, secret: str) -> str:
    if secret in part:
        return "{secret}"
    return part.lower() if _PART.fullmatch(part.lower()) else "*"


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """CIDR blocks or single addresses. Raises ValueError for anything else."""
    return tuple(ip_network(text) for text in texts)


def too_wide(blocks: Iterable[Network]) -> Network | None:
    """The first block, or several taken together, that is wider than any network of one owner; None when none is."""
    blocks = list(blocks)
    taken_together: list[Network] = [
        *collapse_addresses(block for block in blocks if isinstance(block, IPv4Network)),
        *collapse_addresses(block for block in blocks if isinstance(block, IPv6Network)),
    ]
    return next((block for block in taken_together if block.prefixlen < _WIDEST[block.version]), None)


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

    def live_secret_in(self, target: str) -> str:
        """The live secret that is a word of a request's path or query; "" when none is."""
        words = _NO_SECRET.split(target)[:_MAX_WORDS] if self.secrets else []
        live = [word for word in words if self.knows(word)]
        return live[0] if live else ""


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
