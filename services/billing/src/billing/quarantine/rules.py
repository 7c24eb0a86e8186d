"""What a quarantined callback is, and how its state may move. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_BODY_BYTES = 65_536
MAX_KEY_LENGTH = 64


class QuarantineState(StrEnum):
    """How far a quarantined callback got."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISMISSED = "dismissed"


# From which states a callback may be closed. A replayed one stays: it names the payment that it became. A dismissed one
# may still become a payment, then there was money in it.
CLOSABLE = {
    QuarantineState.REPLAYED: (QuarantineState.OPEN, QuarantineState.DISMISSED),
    QuarantineState.DISMISSED: (QuarantineState.OPEN,),
}


@dataclass(frozen=True, slots=True)
class NewCallback:
    """A raw body and what was wrong with it. `idempotency_key`: what is kept under it is not kept again."""

    idempotency_key: str
    callback_body: bytes
    fault: str
    source_address: str = ""
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class QuarantinedCallback:
    """A callback as it is kept; `callback_body` is empty in a list."""

    callback_id: int
    callback_body: bytes
    truncated: bool
    fault: str
    source_address: str
    create_time: datetime
    state: QuarantineState
    trans_id: str
    note: str
