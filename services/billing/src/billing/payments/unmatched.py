"""How a timeline tells that a payment is held, and why. Pure.

A module of its own: no payment that is placed comes here.
"""

from servicekit.money import grouped

from billing.payees.rules import IspAccount
from billing.payments.rules import TimelineEntry, UnmatchedReason, normalise
from billing.payments.settlement import Settlement

_NOT_FOUND_CATEGORY = {
    IspAccount.SMS: "SMS_ISP_NOT_FOUND",
    IspAccount.WHATSAPP: "WHATSAPP_ISP_NOT_FOUND",
    IspAccount.SERVICE: "ISP_SERVICE_NOT_FOUND",
}

_WHY_UNMATCHED = {
    UnmatchedReason.UNKNOWN_REFERENCE: "has the shape of no account",
    UnmatchedReason.USER_NOT_FOUND: "is no customer's account",
    UnmatchedReason.ISP_NOT_FOUND: "leads to no ISP",
    UnmatchedReason.UNKNOWN_SHORTCODE: "was paid to a shortcode that is not ours",
    UnmatchedReason.AMBIGUOUS_REFERENCE: "is the account of more than one",
    UnmatchedReason.REVERSAL: "is named by a reversal, which pays nothing",
    UnmatchedReason.UNASSIGNED: "was taken back from where it was placed",
    UnmatchedReason.PACKAGE_NOT_SET: "belongs to a customer whose package has no amount",
    UnmatchedReason.ACCOUNT_CLOSED: "belongs to a customer or an ISP that is closed",
}


def held(settlement: Settlement) -> TimelineEntry:
    """The entry of a payment that is held: why it could not be placed."""
    payment, reason = settlement.payment, settlement.reason
    assert reason
    message = f"Held: {payment.bill_ref_number or '(no reference)'} {_WHY_UNMATCHED[reason]}"
    details = {"reason": reason, "reference": payment.bill_ref_number, "amount": grouped(payment.amount_cents)}
    return TimelineEntry(payment.trans_id, _category(reason, payment.bill_ref_number), message, details)


def _category(reason: UnmatchedReason, reference: str) -> str:
    if reason is UnmatchedReason.USER_NOT_FOUND:
        return "USER_NOT_FOUND"
    if reason is UnmatchedReason.ISP_NOT_FOUND:
        by_prefix = (name for account, name in _NOT_FOUND_CATEGORY.items() if normalise(reference).startswith(account))
        return next(by_prefix, "ISP_SERVICE_NOT_FOUND")
    return "UNKNOWN_REFERENCE"
