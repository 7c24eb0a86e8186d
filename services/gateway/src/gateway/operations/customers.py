"""A customer's timeline as JSON, from what billing and notify know of it. Pure."""

from collections.abc import Iterator, Sequence

from servicekit.money import in_shillings

from gateway.callbacks.rules import Body, timestamp
from gateway.clients.customers import MAX_EVENTS, CustomerRecord, CustomerTimeline
from gateway.clients.timeline import MessageRecord
from gateway.operations.timeline import Moment, message_body, message_moments


def compose(known: CustomerTimeline, messages: Sequence[MessageRecord] | None, notes: Sequence[str]) -> Body:
    """The body of GET /customers/{account}. `messages` is None when notify could not be asked; `notes` say so."""
    # Beyond the oldest event that is told, messages alone would look as if nothing else had happened.
    start = known.events[-1].time if known.more else None
    told = [one for one in messages or () if start is None or one.create_time >= start]
    moments = [*_moments(known), *message_moments(told)]
    moments.sort(key=lambda moment: moment[0], reverse=True)
    older = [f"only the newest {MAX_EVENTS} events are shown, and messages since then"] if known.more else []
    return {
        "customer": _customer(known.customer),
        "timeline": [{"time": timestamp(when), **event} for when, event in moments],
        "messages": None if messages is None else [message_body(message) for message in told],
        "notes": [*older, *notes],
    }


def _moments(known: CustomerTimeline) -> Iterator[Moment]:
    for one in known.events:
        event = {"source": "billing", "event": one.event, "message": one.message, "details": dict(one.details)}
        yield one.time, event


def _customer(customer: CustomerRecord) -> Body:
    return {
        "customerId": customer.customer_id,
        "account": customer.account_name,
        "fullName": customer.full_name or None,
        "phone": customer.phone or None,
        "package": in_shillings(customer.package_cents) if customer.package_cents else None,
        "packageName": customer.package_name or None,
        "period": customer.period or None,
        "ispId": customer.isp_id or None,
        "routerId": customer.router_id or None,
        "username": customer.username or None,
        "nextPaymentDate": customer.due_date or None,
        "status": customer.status or None,
        "closed": customer.closed,
    }
