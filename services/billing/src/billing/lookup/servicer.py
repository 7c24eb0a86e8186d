"""The answers of those RPCs of PaymentService that only read."""

from collections.abc import Sequence
from datetime import UTC

from rejesha.billing.v1 import payment_service_pb2 as pb
from rejesha.billing.v1 import task_service_pb2 as task_pb
from sqlalchemy import Engine

from billing.finding.rules import PaymentFilter, spellings
from billing.lookup import service
from billing.lookup.rules import (
    Delivery,
    StoredEntry,
    StoredPayment,
    StoredTask,
    WaitingRouter,
)
from billing.notices.composing import Message, of_task
from billing.notices.rules import Notice
from billing.paging import last_id, next_token, page_size
from billing.payees.rules import Line
from billing.payments.errors import InvalidFilter
from billing.payments.rules import Outcome, UnmatchedReason, normalise
from billing.tasks.rules import TaskState
from billing.tasks.servicer import work_fields
from servicekit import phones

OUTCOMES = {outcome: pb.PaymentOutcome.Value(f"PAYMENT_OUTCOME_{outcome.name}") for outcome in Outcome}
_OUTCOMES_BACK = {number: outcome for outcome, number in OUTCOMES.items()}
REASONS = {None: pb.UNMATCHED_REASON_UNSPECIFIED} | {
    reason: pb.UnmatchedReason.Value(f"UNMATCHED_REASON_{reason.name}") for reason in UnmatchedReason
}
_STATES = {state: task_pb.TaskState.Value(f"TASK_STATE_{state.name}") for state in TaskState}


def get_payment(engine: Engine, trans_id: str) -> pb.GetPaymentResponse:
    found = service.get_payment(engine, trans_id)
    return pb.GetPaymentResponse(
        payment=_payment(found.payment),
        timeline=[_entry(entry) for entry in found.entries],
        tasks=[_task(task) for task in found.tasks],
        deliveries=[_delivery(delivery) for delivery in found.deliveries],
    )


def list_payments(engine: Engine, request: pb.ListPaymentsRequest) -> pb.ListPaymentsResponse:
    limit = page_size(request.page_size)
    found = service.list_payments(engine, _wanted(request), last_id(request.page_token), limit)
    return pb.ListPaymentsResponse(
        payments=[_payment(payment) for payment in found],
        next_page_token=next_token([payment.payment_id for payment in found], limit),
    )


def _wanted(request: pb.ListPaymentsRequest) -> PaymentFilter:
    return PaymentFilter(
        outcome=_OUTCOMES_BACK.get(request.outcome),
        account=normalise(request.account_reference),
        customer_id=request.customer_id,
        isp_id=request.isp_id,
        msisdns=spellings(_number(request.phone)) if request.phone.strip() else (),
        payer=request.payer.strip(),
        least_cents=request.min_amount_cents,
        most_cents=request.max_amount_cents,
        since=request.received_from.ToDatetime(tzinfo=UTC) if request.HasField("received_from") else None,
        until=request.received_before.ToDatetime(tzinfo=UTC) if request.HasField("received_before") else None,
    )


def _number(written: str) -> str:
    try:
        return phones.normalise(written)
    except phones.NotAMobileNumber as error:
        raise InvalidFilter("phone: not a Kenyan mobile number") from error


def count_waiting(engine: Engine, request: pb.CountWaitingRequest) -> pb.CountWaitingResponse:
    waiting = service.count_waiting(engine, count_lines=request.count_lines)
    return pb.CountWaitingResponse(
        open_callbacks=waiting.open_callbacks,
        unmatched_payments=waiting.unmatched_payments,
        paid_but_not_on=waiting.paid_but_not_on,
        oldest_callback_time=waiting.oldest_callback_time,
        oldest_unmatched_time=waiting.oldest_unmatched_time,
        oldest_line_time=waiting.oldest_line_time,
        waiting_routers=[_router(one) for one in waiting.routers],
        untellable_customers=waiting.untellable_customers,
    )


def _router(waiting: WaitingRouter) -> pb.WaitingRouter:
    return pb.WaitingRouter(
        router_id=waiting.router_id,
        router_name=waiting.name,
        lines=waiting.lines,
        oldest_line_time=waiting.since,
        last_error=waiting.last_error,
    )


def _payment(payment: StoredPayment) -> pb.PaymentRecord:
    return pb.PaymentRecord(
        trans_id=payment.trans_id,
        amount_cents=payment.amount_cents,
        business_short_code=payment.business_short_code,
        bill_ref_number=payment.bill_ref_number,
        assigned_reference=payment.assigned_reference,
        first_name=payment.first_name,
        trans_time=payment.trans_time,
        receive_time=payment.receive_time,
        outcome=OUTCOMES[payment.outcome],
        unmatched_reason=REASONS[payment.reason],
        isp_id=payment.isp_id or 0,
        customer_id=payment.customer_id or 0,
        msisdn=payment.msisdn,
    )


def _entry(entry: StoredEntry) -> pb.TimelineEntry:
    return pb.TimelineEntry(
        create_time=entry.create_time,
        category=entry.category,
        message=entry.message,
        details_json=entry.details_json,
    )


def _delivery(delivery: Delivery) -> pb.PaymentDelivery:
    return pb.PaymentDelivery(
        receive_time=delivery.receive_time,
        conflicting=delivery.conflicting,
        callback_body=delivery.callback_body,
        source_address=delivery.source_address,
    )


def _task(task: StoredTask) -> task_pb.TaskRecord:
    work: Line | Sequence[Message] = (
        of_task(task.task_id, task.trans_id, task.work, task.variant, task.router_name, task.language)
        if isinstance(task.work, Notice)
        else task.work
    )
    return task_pb.TaskRecord(
        task_id=task.task_id,
        kind=task.kind,
        state=_STATES[task.state],
        attempts=task.attempts,
        create_time=task.create_time,
        due_time=task.due_time,
        lease_expire_time=task.lease_expire_time,
        end_time=task.end_time,
        last_error=task.last_error,
        **work_fields(work),
    )
