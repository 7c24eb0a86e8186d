"""What a payment is, and what may become of it. Pure: no database, no protobuf, no clock."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from servicekit.money import grouped
from servicekit.rpc.errors import BatchTooLarge

from servicekit import references

# A reference as it is compared.
normalise = references.normalise
MAX_BATCH = 500  # payments, or quarantined callbacks, in one call


def check_batch(count: int, most: int = MAX_BATCH) -> None:
    """Raise BatchTooLarge unless 1 <= count <= most."""
    if not 1 <= count <= most:
        raise BatchTooLarge(f"a batch holds 1 to {most} items, not {count}")


class Outcome(StrEnum):
    """What became of a payment; the words of `paybill_payments.outcome` and of the proto's enum."""

    CUSTOMER_PAID = "customer_paid"
    CUSTOMER_PARTIAL = "customer_partial"
    SMS_CREDITS = "sms_credits"
    WHATSAPP_CREDITS = "whatsapp_credits"
    SERVICE_PAYMENT = "service_payment"
    UNMATCHED = "unmatched"
    PREDECESSOR = "predecessor"
    CONFLICT = "conflict"  # of a delivery, never of a stored payment
    QUARANTINED = "quarantined"  # likewise
    DEFERRED = "deferred"  # likewise: nothing is stored, it is to be sent again
    DISMISSED = "dismissed"  # was held, and closed without crediting anybody
    REVERSED = "reversed"  # its money went back to the payer, for good

    @classmethod
    def of_row(cls, word: str | None) -> "Outcome":
        """The outcome of a stored payment; those of the predecessor have none."""
        return cls(word) if word else cls.PREDECESSOR


# Nobody was credited: an operator may still say who is.
HELD = (Outcome.UNMATCHED, Outcome.DISMISSED)


class UnmatchedReason(StrEnum):
    """Why a payment is held."""

    UNKNOWN_REFERENCE = "unknown_reference"
    USER_NOT_FOUND = "user_not_found"
    ISP_NOT_FOUND = "isp_not_found"
    UNKNOWN_SHORTCODE = "unknown_shortcode"
    AMBIGUOUS_REFERENCE = "ambiguous_reference"
    PACKAGE_NOT_SET = "package_not_set"
    ACCOUNT_CLOSED = "account_closed"
    REVERSAL = "reversal"
    UNASSIGNED = "unassigned"

    @classmethod
    def of_row(cls, word: str | None) -> "UnmatchedReason | None":
        return cls(word) if word else None


# Payment and what is made of it are not frozen, though nothing changes them: Python takes three times as long to make
# a frozen one, and a payment makes a dozen.
@dataclass(slots=True, kw_only=True)
class Payment:
    """A confirmation as it came in; amounts in cents, texts as received."""

    trans_id: str
    amount_cents: int
    business_short_code: str
    bill_ref_number: str
    transaction_type: str = ""
    trans_time: str = ""
    invoice_number: str = ""
    org_account_balance_cents: int | None = None
    third_party_trans_id: str = ""
    msisdn: str = ""
    first_name: str = ""
    callback_body: bytes = b""
    source_address: str = ""
    receive_time: datetime | None = None  # by the gateway's clock; None: not known
    entered: str = ""  # by hand: who did and why

    def effective_time(self, now: datetime) -> datetime:
        """The moment by which it is dated; `now` if the gateway named none, or one that is yet to come."""
        return min(self.receive_time or now, now)

    @property
    def content(self) -> "Content":
        """What a further delivery is compared with."""
        return Content.of(self.amount_cents, self.business_short_code, self.bill_ref_number)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a delivery. `repeated`: it was not the first one of its TransID."""

    trans_id: str
    outcome: Outcome
    reason: UnmatchedReason | None = None
    isp_id: int | None = None
    customer_id: int | None = None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """What decides about money. Two deliveries of one TransID that differ in it contradict each other."""

    amount_cents: int
    business_short_code: str
    reference: str

    @classmethod
    def of(cls, amount_cents: int, business_short_code: str, bill_ref_number: str) -> "Content":
        return cls(amount_cents, business_short_code.strip(), normalise(bill_ref_number))

    def __str__(self) -> str:
        return f"KES {grouped(self.amount_cents)} to {self.business_short_code} for {self.reference or '(none)'}"


@dataclass(slots=True)
class TimelineEntry:
    """One row of payment_debug_log: a category, a sentence for people, the facts. `create_time`: None is now."""

    trans_id: str
    category: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    create_time: datetime | None = None
