"""What the operator set. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

STAFF_MESSAGES_PER_HOUR = 30
# More than an ISP of a thousand customers gets on the busiest day of a month.
RECEIPTS_PER_HOUR = 500
PART_PAYMENTS_PER_HOUR = 5


@dataclass(frozen=True, slots=True)
class Policy:
    """Who the admins are, which shortcodes are ours (none named: all), and what is sent one by one; see
    notices.throttle.

    `paybill`: where customers are told to pay; may be empty. `manages_lines`: who does not pay is switched off by us;
    else somebody else does that, and we only say whom we would.
    """

    admin_phones: Sequence[str] = ()
    shortcodes: frozenset[str] = frozenset()
    paybill: str = field(default="", kw_only=True)
    manages_lines: bool = field(default=False, kw_only=True)
    staff_messages_per_hour: int = STAFF_MESSAGES_PER_HOUR
    receipts_per_hour: int = RECEIPTS_PER_HOUR
    part_payments_per_hour: int = PART_PAYMENTS_PER_HOUR
