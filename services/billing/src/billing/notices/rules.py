"""Who is told what. Pure.

A message task keeps one Notice: recipients and facts. Which text is true may change while the task waits, so the
messages are composed when the task is leased, from the notice and the task's variant: see composing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from servicekit.money import grouped
from servicekit.phones import is_mobile

from billing.notices import others
from billing.overpayments import rules as overpayments
from billing.payees.rules import Customer
from billing.payments.rules import Outcome
from billing.payments.settlement import Settlement


class Variant(StrEnum):
    """What is known about the line when the message is sent."""

    WAITING = "waiting"
    CONNECTED = "connected"
    GIVEN_UP = "given_up"
    NO_LINE = "no_line"
    PARTIAL = "partial"
    KEPT = "kept"  # likewise, as the customer's credit


@dataclass(slots=True)
class Notice:
    """What a message task keeps. `event` is part of the messages' ids: unique for its payment.

    `router_id`: of the line it is about; the router's name is put in when the messages are composed.
    """

    event: str
    facts: dict[str, str]
    customer: str = ""
    isp: str = ""
    admins: Sequence[str] = ()
    router_id: int | None = None

    @property
    def has_recipients(self) -> bool:
        return bool(self.customer or self.isp or self.admins)


def of_settlement(settlement: Settlement, balance_cents: int, admins: Sequence[str]) -> tuple[Notice, Variant | None]:
    """What is to be told after a payment was placed or held. `balance_cents`: the ISP's wallet after it."""
    isp = settlement.isp.contact_phone if settlement.isp else ""
    if settlement.customer:
        notice = Notice(
            event="payment",
            facts=_customer_facts(settlement, balance_cents),
            customer=phone_of(settlement.customer, settlement.payment.msisdn),
            isp=isp,
            admins=admins,
            router_id=settlement.customer.router_id,
        )
        return notice, _first_variant(settlement)
    event, facts = others.facts_of(settlement, balance_cents)
    return Notice(event=event, facts=facts, isp=isp, admins=admins), None


def _first_variant(settlement: Settlement) -> Variant:
    if settlement.outcome is Outcome.CUSTOMER_PARTIAL:
        return Variant.KEPT if settlement.credit_cents else Variant.PARTIAL
    return Variant.WAITING if settlement.line else Variant.NO_LINE


def _customer_facts(settlement: Settlement, balance_cents: int) -> dict[str, str]:
    customer, payment, package = settlement.customer, settlement.payment, settlement.package_cents
    assert customer
    return {
        "amount": grouped(payment.amount_cents),
        "trans_id": payment.trans_id,
        "customer": customer.full_name or customer.account_name,
        "account": customer.account_name,
        "username": customer.username or "-",
        "router": "-",
        "package": grouped(package) + (overpayments.note(settlement) if payment.amount_cents > package else ""),
        "missing": grouped(settlement.missing_cents),
        "previous_due_date": day(settlement.previous_due_date),
        "due_date": day(settlement.due_date),
        "wallet": grouped(balance_cents),
    }


def phone_of(customer: Customer, msisdn: str = "") -> str:
    """The customer's number on record, if it is one; else the payer's, if M-Pesa sent it whole; else nothing."""
    return next((phone for phone in (customer.phone.strip(), msisdn) if is_mobile(phone)), "")


@lru_cache(maxsize=1024)
def day(value: date | None) -> str:
    """A day as people read it: 23 Dec 2026."""
    return f"{value.day} {value:%b %Y}" if value else "-"
