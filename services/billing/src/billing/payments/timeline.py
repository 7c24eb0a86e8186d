"""A payment's timeline: what happened to it, in entries under the predecessor's categories. Pure.

A module of its own: the one place that words for people what the rules decided.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from servicekit.money import grouped

from billing.overpayments import rules as overpayments
from billing.part_payments import rules as part_payments
from billing.payments import unmatched
from billing.payments.rules import Outcome, Payment, TimelineEntry
from billing.payments.settlement import Settlement

_ISP_CATEGORY = {
    Outcome.SMS_CREDITS: "SMS_PROCESSING",
    Outcome.WHATSAPP_CREDITS: "WHATSAPP_PROCESSING",
    Outcome.SERVICE_PAYMENT: "ISP_SERVICE_PAYMENT",
}


def received(payment: Payment, at: datetime) -> TimelineEntry:
    """The first entry of every payment."""
    reference = payment.bill_ref_number or "(no reference)"
    return TimelineEntry(
        payment.trans_id,
        "PAYMENT_RECEIVED",
        f"Received KES {grouped(payment.amount_cents)} for {reference}{payment.entered}",
        {
            "amount": grouped(payment.amount_cents),
            "reference": payment.bill_ref_number,
            "shortcode": payment.business_short_code,
            "type": payment.transaction_type,
            "trans_time": payment.trans_time,
        },
        at,
    )


def settled(settlement: Settlement, balance_cents: int | None, assigned_by: str = "") -> Iterator[TimelineEntry]:
    """The entries of placing a payment. `balance_cents`: the wallet after it; None when it got nothing."""
    if settlement.outcome is Outcome.UNMATCHED:
        yield unmatched.held(settlement)
    elif settlement.customer:
        yield from _customer_entries(settlement, balance_cents, assigned_by)
    else:
        yield from _isp_entries(settlement, balance_cents, assigned_by)


def _customer_entries(settlement: Settlement, balance_cents: int | None, assigned_by: str) -> Iterator[TimelineEntry]:
    trans_id, customer, paid = settlement.payment.trans_id, settlement.customer, settlement.payment.amount_cents
    assert customer
    start = {"assigned_by": assigned_by, "account": customer.account_name} if assigned_by else {}
    yield TimelineEntry(trans_id, "CUSTOMER_PAYMENT_START", "Applying a customer's payment", start)
    yield TimelineEntry(
        trans_id,
        "USER_FOUND",
        f"{customer.full_name or 'Customer'}, account {customer.account_name}",
        {
            "customer_id": customer.customer_id,
            "username": customer.username,
            "router_id": customer.router_id,
            "package": grouped(settlement.package_cents),
        },
    )
    yield TimelineEntry(trans_id, "TRANSACTION_RECORDED", f"KES {grouped(paid)} recorded", {"amount": grouped(paid)})
    if settlement.credit_cents:
        yield part_payments.entry(settlement)
    if settlement.wallet_cents:
        yield _wallet_updated(settlement, balance_cents)
    yield from _line_entries(settlement)
    yield _complete(settlement, "PROCESSING_COMPLETE")


def _line_entries(settlement: Settlement) -> Iterator[TimelineEntry]:
    trans_id, paid, package = settlement.payment.trans_id, settlement.payment.amount_cents, settlement.package_cents
    if settlement.outcome is Outcome.CUSTOMER_PARTIAL:
        missing = grouped(settlement.missing_cents)
        facts = {"paid": grouped(paid), "package": grouped(package), "missing": missing}
        yield TimelineEntry(trans_id, "INSUFFICIENT_PAYMENT", f"KES {missing} short of the package", facts)
    elif settlement.packages > 1:
        yield overpayments.entry(settlement)
    if settlement.outcome is Outcome.CUSTOMER_PAID and settlement.line is None:
        kept_off = settlement.customer and settlement.customer.hold
        why = "Staff keep the line off" if kept_off else "No router or username on record"
        yield TimelineEntry(trans_id, "NO_ROUTER_CONFIG", f"{why}: the line is not switched")


def _isp_entries(settlement: Settlement, balance_cents: int | None, assigned_by: str) -> Iterator[TimelineEntry]:
    trans_id, isp, category = settlement.payment.trans_id, settlement.isp, _ISP_CATEGORY[settlement.outcome]
    assert isp
    start = {"isp_id": isp.isp_id} | ({"assigned_by": assigned_by} if assigned_by else {})
    yield TimelineEntry(trans_id, f"{category}_START", f"Applying a payment of {isp.name}", start)
    if settlement.wallet_cents:
        yield _wallet_updated(settlement, balance_cents)
    yield _complete(settlement, f"{category}_COMPLETE")


def _wallet_updated(settlement: Settlement, balance_cents: int | None) -> TimelineEntry:
    assert settlement.isp
    added, balance = grouped(settlement.wallet_cents), grouped(balance_cents or 0)
    return TimelineEntry(
        settlement.payment.trans_id,
        "WALLET_UPDATED",
        f"KES {added} to {settlement.isp.name}'s wallet",
        {"isp_id": settlement.isp.isp_id, "amount": added, "balance": balance},
    )


def _complete(settlement: Settlement, category: str) -> TimelineEntry:
    facts: dict[str, Any] = {"outcome": settlement.outcome}
    message = "Done"
    if settlement.credits:
        facts |= {"credits": settlement.credits.count, "credit_type": settlement.credits.credit_type}
        message = f"{settlement.credits.count} {settlement.credits.credit_type} credits added"
    if settlement.outcome is Outcome.CUSTOMER_PAID:
        previous = settlement.previous_due_date
        facts |= {"previous_due_date": previous.isoformat() if previous else None, "due_date": str(settlement.due_date)}
        facts |= {"previous_due_day": settlement.previous_due_day} if settlement.previous_due_day else {}
        facts |= {"paused_since": str(settlement.paused_since)} if settlement.paused_since else {}
        message = f"Paid until {settlement.due_date}"
    return TimelineEntry(settlement.payment.trans_id, category, message, facts)
