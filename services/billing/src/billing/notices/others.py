"""What is told of payments that are no customer's: those that are held, and an ISP's own. Pure.

A module of its own: what is told of a customer's payment has nothing in common with it.
"""

from servicekit.money import grouped

from billing.payments.settlement import Settlement


def facts_of(settlement: Settlement, balance_cents: int) -> tuple[str, dict[str, str]]:
    """The event, and what is told of it."""
    payment, isp = settlement.payment, settlement.isp
    facts = {"trans_id": payment.trans_id, "amount": grouped(payment.amount_cents)}
    if isp is None:
        reason = (settlement.reason or "").replace("_", " ")
        reference = payment.bill_ref_number.strip() or "-"
        return "unmatched", facts | {"reference": reference, "reason": reason, "name": payment.first_name or "-"}
    facts |= {"isp": isp.name, "wallet": grouped(balance_cents)}
    if settlement.credits:
        kind = {"sms": "SMS", "whatsapp": "WhatsApp"}[settlement.credits.credit_type]
        return "credits", facts | {"kind": kind, "credits": f"{settlement.credits.count:,}"}
    return "service", facts
