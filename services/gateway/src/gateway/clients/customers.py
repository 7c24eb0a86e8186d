"""Asks billing what happened to a customer. Protobuf stops here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rejesha.billing.v1 import account_service_pb2 as pb
from servicekit.money import in_shillings

from gateway.clients.billing import name_of, outcome

if TYPE_CHECKING:
    from rejesha.billing.v1.account_service_pb2_grpc import AccountServiceAsyncStub

# How long an operator's question may take, in seconds.
_QUESTION = 5.0
MAX_EVENTS = 200


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """A customer as on record. `due_date`: YYYY-MM-DD or ""; `status`: active, inactive, or ""."""

    customer_id: int
    account_name: str
    full_name: str
    phone: str
    package_cents: int
    package_name: str
    period: str
    isp_id: int
    router_id: int
    username: str
    due_date: str
    status: str
    closed: bool


@dataclass(frozen=True, slots=True)
class CustomerEvent:
    """Something that happened. `event`: a word; `details`: what belongs to it, ready for JSON."""

    time: datetime
    event: str
    message: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CustomerTimeline:
    """A customer with the newest events, newest first; `more`: whether there are older ones."""

    customer: CustomerRecord
    events: list[CustomerEvent]
    more: bool


class Customers:
    """billing's AccountService, as people need it."""

    def __init__(self, stub: "AccountServiceAsyncStub") -> None:
        self._stub = stub

    async def get_timeline(self, account: str) -> CustomerTimeline:
        """The customer with an account, and the newest MAX_EVENTS of what happened to them. Raises ServiceError."""
        request = pb.ListCustomerEventsRequest(account_name=account, page_size=MAX_EVENTS)
        found = await self._stub.ListCustomerEvents(request, timeout=_QUESTION)
        return CustomerTimeline(
            _customer(found.customer), [_event(one) for one in found.events], bool(found.next_page_token)
        )


def _customer(one: pb.Customer) -> CustomerRecord:
    status = name_of(pb.CustomerStatus, "CUSTOMER_STATUS_", one.status) if one.status else ""
    return CustomerRecord(
        one.customer_id, one.account_name, one.full_name, one.phone, one.package_cents, one.package_name,
        one.period, one.isp_id, one.router_id, one.username, one.next_payment_date, status, one.closed,
    )  # fmt: skip


def _event(one: pb.CustomerEvent) -> CustomerEvent:
    time = one.create_time.ToDatetime(tzinfo=UTC)
    if one.HasField("payment"):
        return _payment(time, one.payment)
    if one.HasField("change"):
        return _change(time, one.change)
    return CustomerEvent(time, one.step.category, one.step.message, {"transactionId": one.step.trans_id})


def _payment(time: datetime, paid: pb.PaymentEvent) -> CustomerEvent:
    details = {
        "transactionId": paid.trans_id,
        "amount": in_shillings(paid.amount_cents),
        "outcome": outcome(paid.outcome),
        "reference": paid.bill_ref_number,
        "dueDateBefore": paid.due_date_before or None,
        "dueDateAfter": paid.due_date_after or None,
        "takenBack": paid.taken_back,
    }
    since = ", taken back since" if paid.taken_back else ""
    return CustomerEvent(time, "PAYMENT", f"KES {details['amount']} for {paid.bill_ref_number}{since}", details)


def _change(time: datetime, made: pb.AccountChange) -> CustomerEvent:
    change = made.change
    details = {
        "changeId": made.change_id,
        "field": change.field,
        "before": change.before or None,
        "after": change.after or None,
        "actor": made.actor,
        "reason": made.reason or None,
    }
    message = f"{change.field}: {change.before or 'none'} → {change.after or 'none'}"
    return CustomerEvent(time, "RECORD_CHANGED", message, details)
