"""What a quarantined callback is. Pure."""

from dataclasses import dataclass
from enum import StrEnum

MAX_BODY_BYTES = 65_536


class QuarantineState(StrEnum):
    """How far a quarantined callback got."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Callback:
    """A raw body and what was wrong with it."""

    callback_body: bytes
    fault: str
    source_address: str = ""
    truncated: bool = False
