"""A callback as it came, before anybody has read it: what the spool and the quarantine keep. Pure."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

# The longest body that is read and kept; source: Payment.callback_body.
MAX_BODY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class RawCallback:
    """A callback as it came. `trans_id` is "" and `fault` is not when it could not become a payment."""

    body: bytes
    source_address: str
    receive_time: datetime
    trans_id: str = ""
    fault: str = ""
    truncated: bool = False

    @property
    def malformed(self) -> bool:
        """Whether it is for the quarantine."""
        return bool(self.fault)

    @property
    def key(self) -> str:
        """The same whenever this arrival of it is handed over: SHA-256 in hexadecimal, 64 characters."""
        arrival = f"{self.receive_time.timestamp():.6f} {self.source_address} "
        return sha256(arrival.encode() + self.body).hexdigest()
