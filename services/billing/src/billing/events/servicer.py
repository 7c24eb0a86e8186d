"""How changes and events look in responses."""

from datetime import UTC

from rejesha.billing.v1 import account_service_pb2 as pb
from sqlalchemy import Engine

from billing.accounts.rules import StoredCustomer
from billing.changes.rules import FieldChange, Noun, StoredChange
from billing.events import service
from billing.events.rules import Event, PaymentMade, place_of
from billing.lookup.servicer import OUTCOMES
from billing.paging import page_size


def list_events(engine: Engine, request: pb.ListCustomerEventsRequest) -> tuple[StoredCustomer, list[Event], str]:
    """Whose events, a page of them, and the token for the next."""
    limit = page_size(request.page_size)
    since = request.since.ToDatetime(tzinfo=UTC) if request.HasField("since") else None
    whom = request.customer_id, request.account_name
    customer, events = service.list_events(engine, whom, since, place_of(request.page_token), limit)
    return customer, events, events[-1].place.token() if len(events) == limit else ""


def event(one: Event) -> pb.CustomerEvent:
    content, time = one.content, one.place.time
    if isinstance(content, StoredChange):
        return pb.CustomerEvent(create_time=time, change=account_change(content))
    if isinstance(content, PaymentMade):
        return pb.CustomerEvent(create_time=time, payment=_payment(content))
    step = pb.StepEvent(trans_id=content.trans_id, category=content.category, message=content.message)
    return pb.CustomerEvent(create_time=time, step=step)


def _payment(made: PaymentMade) -> pb.PaymentEvent:
    return pb.PaymentEvent(
        trans_id=made.trans_id,
        amount_cents=made.amount_cents,
        outcome=OUTCOMES[made.outcome],
        bill_ref_number=made.bill_ref_number,
        due_date_before=made.due_date_before,
        due_date_after=made.due_date_after,
        taken_back=made.taken_back,
    )


def account_change(one: StoredChange) -> pb.AccountChange:
    return pb.AccountChange(
        change_id=one.change_id,
        change=field_change(one.change),
        actor=one.author.actor,
        reason=one.author.reason,
        create_time=one.create_time,
        isp_id=one.noun_id if one.noun is Noun.ISP else 0,
        customer_id=one.noun_id if one.noun is Noun.CUSTOMER else 0,
    )


def field_change(change: FieldChange) -> pb.FieldChange:
    return pb.FieldChange(field=change.field, before=change.before, after=change.after)
