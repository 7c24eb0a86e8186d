"""Billing as the gateway sees it: real gRPC on loopback, everything in dicts."""

# ruff: noqa: N802  # the RPCs' names are the protos'

import asyncio
from dataclasses import dataclass, field

import grpc
from fake_tasks import FakeTasks
from gateway_fakes import FakeService, abort, now
from rejesha.billing.v1 import account_service_pb2 as account_pb
from rejesha.billing.v1 import (
    account_service_pb2_grpc,
    payment_service_pb2_grpc,
    quarantine_service_pb2_grpc,
    task_service_pb2_grpc,
)
from rejesha.billing.v1 import payment_service_pb2 as pb
from rejesha.billing.v1 import quarantine_service_pb2 as quarantine_pb
from rejesha.billing.v1 import task_service_pb2 as task_pb


@dataclass
class FakeBilling(
    payment_service_pb2_grpc.PaymentServiceServicer,
    account_service_pb2_grpc.AccountServiceServicer,
    quarantine_service_pb2_grpc.QuarantineServiceServicer,
    FakeTasks,
):
    """Keeps payments by TransID with the idempotency rule, and callbacks in quarantine.

    References: 0949AQ is a customer of KES 1000 on router 1, SMS… buys credits, anything else is unmatched.
    """

    shortcodes: set[str] = field(default_factory=lambda: {"600000"})
    payments: dict[str, pb.Payment] = field(default_factory=dict)
    receipts: dict[str, pb.PaymentReceipt] = field(default_factory=dict)
    conflicts: list[pb.Payment] = field(default_factory=list)
    kept: dict[int, quarantine_pb.QuarantinedCallback] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    record_sizes: list[int] = field(default_factory=list)
    records_at_once: int = 0
    max_records_at_once: int = 0
    # Faults on demand.
    database_refuses: str = ""  # the TransID with which no batch can be stored
    hangs: str = ""  # the TransID that RecordPayments never answers
    hangs_until: asyncio.Event | None = None  # RecordPayments waits for it and has then run out of time
    unmatched: int = 0
    counted: int = 0
    count_delay: float = 0.0
    refuses: str = ""  # the TransID or reference that RecordPayments refuses
    breaks: str = ""  # the TransID that RecordPayments breaks on
    defers: set[str] = field(default_factory=set)  # the references whose rows "another transaction holds"
    quarantines: str = ""  # the TransID whose row "the database refuses"
    quarantine_fails: bool = False
    quarantine_delay: float = 0.0
    quarantine_answers_late: float = 0.0  # once it has kept them
    quarantine_breaks: bool = False
    creates_tasks: bool = False

    async def RecordPayments(self, request, context):
        self.record_sizes.append(len(request.payments))
        if not 1 <= len(request.payments) <= 500:
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, "BATCH_TOO_LARGE")
        self.records_at_once += 1
        self.max_records_at_once = max(self.max_records_at_once, self.records_at_once)
        try:
            if hung := self.hangs_until:
                await hung.wait()
                await abort(context, grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
            await self._misbehave(context)
        finally:
            self.records_at_once -= 1
        if self.refuses and any(
            self.refuses in (payment.trans_id, payment.bill_ref_number) for payment in request.payments
        ):
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAYMENT", "said no")
        if any(payment.trans_id == self.database_refuses for payment in request.payments):
            await abort(context, grpc.StatusCode.UNAVAILABLE, "DATABASE_REFUSES", "1644")
        if any(payment.trans_id == self.hangs for payment in request.payments):
            await asyncio.sleep(3600)
        if any(payment.trans_id == self.breaks for payment in request.payments):
            await abort(context, grpc.StatusCode.INTERNAL, "INTERNAL")
        return pb.RecordPaymentsResponse(receipts=[self._record(payment) for payment in request.payments])

    def _record(self, payment):
        first = self.payments.get(payment.trans_id)
        if first is None and payment.bill_ref_number in self.defers:
            return pb.PaymentReceipt(trans_id=payment.trans_id, outcome=pb.PAYMENT_OUTCOME_DEFERRED)
        if payment.trans_id == self.quarantines:
            return pb.PaymentReceipt(trans_id=payment.trans_id, outcome=pb.PAYMENT_OUTCOME_QUARANTINED)
        if first is None:
            self.payments[payment.trans_id] = payment
            self.receipts[payment.trans_id] = receipt = self._route(payment)
            if self.creates_tasks:
                self.add_task(access=(1, f"user-{payment.trans_id}"), trans_id=payment.trans_id)
            return receipt
        if _content(first) != _content(payment):
            self.conflicts.append(payment)
            return pb.PaymentReceipt(trans_id=payment.trans_id, outcome=pb.PAYMENT_OUTCOME_CONFLICT, repeated=True)
        again = pb.PaymentReceipt()
        again.CopyFrom(self.receipts[payment.trans_id])
        again.repeated = True
        return again

    def _route(self, payment):
        reference = "".join(payment.bill_ref_number.split()).upper()
        receipt = pb.PaymentReceipt(trans_id=payment.trans_id)
        reasons = {
            "": pb.UNMATCHED_REASON_UNKNOWN_REFERENCE,
            "SMS999": pb.UNMATCHED_REASON_ISP_NOT_FOUND,
            "TWICE1": pb.UNMATCHED_REASON_AMBIGUOUS_REFERENCE,
            "NOPACK": pb.UNMATCHED_REASON_PACKAGE_NOT_SET,
        }
        if payment.business_short_code not in self.shortcodes:
            receipt.outcome, receipt.unmatched_reason = (
                pb.PAYMENT_OUTCOME_UNMATCHED,
                pb.UNMATCHED_REASON_UNKNOWN_SHORTCODE,
            )
        elif reference == "0949AQ":
            full = payment.amount_cents >= 100_000
            receipt.outcome = pb.PAYMENT_OUTCOME_CUSTOMER_PAID if full else pb.PAYMENT_OUTCOME_CUSTOMER_PARTIAL
            receipt.isp_id, receipt.customer_id = 1, 7
        elif reference == "SMS001":
            receipt.outcome, receipt.isp_id = pb.PAYMENT_OUTCOME_SMS_CREDITS, 1
        else:
            receipt.outcome = pb.PAYMENT_OUTCOME_UNMATCHED
            receipt.unmatched_reason = reasons.get(reference, pb.UNMATCHED_REASON_USER_NOT_FOUND)
        return receipt

    async def ValidatePayments(self, request, context):
        await self._misbehave(context)
        receipts = [self._route(payment) for payment in request.payments]
        return pb.ValidatePaymentsResponse(
            verdicts=[
                pb.PaymentVerdict(outcome=receipt.outcome, unmatched_reason=receipt.unmatched_reason)
                for receipt in receipts
            ]
        )

    async def GetPayment(self, request, context):
        await self._misbehave(context)
        payment = self.payments.get(request.trans_id)
        if payment is None:
            await abort(context, grpc.StatusCode.NOT_FOUND, "PAYMENT_NOT_FOUND")
        receipt = self.receipts[request.trans_id]
        record = pb.PaymentRecord(
            trans_id=payment.trans_id,
            amount_cents=payment.amount_cents,
            business_short_code=payment.business_short_code,
            bill_ref_number=payment.bill_ref_number,
            first_name=payment.first_name,
            trans_time=payment.trans_time,
            receive_time=now(),
            outcome=receipt.outcome,
            unmatched_reason=receipt.unmatched_reason,
            isp_id=receipt.isp_id,
            customer_id=receipt.customer_id,
        )
        step = pb.TimelineEntry(
            create_time=now(), category="WALLET_UPDATED", message="wallet credited", details_json='{"cents": 1}'
        )
        delivery = pb.PaymentDelivery(
            receive_time=record.receive_time,
            callback_body=payment.callback_body,
            source_address=payment.source_address,
        )
        tasks = [self._task_record(held) for held in self.tasks.values() if held.task.trans_id == payment.trans_id]
        return pb.GetPaymentResponse(payment=record, timeline=[step], deliveries=[delivery], tasks=tasks)

    async def ListCustomerEvents(self, request, context):
        await self._misbehave(context)
        if request.account_name != "0949AQ":
            await abort(context, grpc.StatusCode.NOT_FOUND, "CUSTOMER_NOT_FOUND")
        changed = account_pb.AccountChange(
            change_id=3, change=account_pb.FieldChange(field="hold", after="paused"), actor="Asha", reason="away"
        )
        events = [
            account_pb.CustomerEvent(create_time=now(), change=changed),
            *(
                account_pb.CustomerEvent(
                    create_time=now(),
                    payment=account_pb.PaymentEvent(
                        trans_id=one.trans_id, amount_cents=one.amount_cents, due_date_after="2026-12-31",
                        outcome=pb.PAYMENT_OUTCOME_CUSTOMER_PAID, bill_ref_number=one.bill_ref_number,
                    ),
                )
                for one in self.payments.values()
            ),
        ]  # fmt: skip
        customer = account_pb.Customer(customer_id=7, account_name="0949AQ", phone="254700000126")
        return account_pb.ListCustomerEventsResponse(customer=customer, events=events)

    def _task_record(self, held):
        record = task_pb.TaskRecord(
            task_id=held.task.task_id,
            kind="set_access",
            state=task_pb.TASK_STATE_DONE if held.done else task_pb.TASK_STATE_OPEN,
            attempts=1 if held.done else 0,
            create_time=now(),
            access=held.task.access,
        )
        if held.done:
            record.end_time.CopyFrom(now())
        return record

    async def QuarantineCallbacks(self, request, context):
        await self._misbehave(context)
        await asyncio.sleep(self.quarantine_delay)
        if self.quarantine_breaks:
            await abort(context, grpc.StatusCode.INTERNAL, "INTERNAL")
        if self.quarantine_fails:
            await abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "QUARANTINE_FULL")
        ids = []
        for callback in request.callbacks:
            assert len(callback.callback_body) <= 65_536
            assert len(callback.fault) <= 255
            if again := self.keys.get(callback.idempotency_key):
                ids.append(again)
                continue
            callback.callback_id = self.keys[callback.idempotency_key] = len(self.kept) + 1
            callback.state = quarantine_pb.QUARANTINE_STATE_OPEN
            self.kept[callback.callback_id] = callback
            ids.append(callback.callback_id)
        await asyncio.sleep(self.quarantine_answers_late)
        return quarantine_pb.QuarantineCallbacksResponse(callback_ids=ids)

    async def GetQuarantinedCallback(self, request, context):
        await self._misbehave(context)
        if request.callback_id not in self.kept:
            await abort(context, grpc.StatusCode.NOT_FOUND, "CALLBACK_NOT_FOUND")
        return quarantine_pb.GetQuarantinedCallbackResponse(callback=self.kept[request.callback_id])

    async def ResolveQuarantinedCallback(self, request, context):
        if request.callback_id not in self.kept:
            await abort(context, grpc.StatusCode.NOT_FOUND, "CALLBACK_NOT_FOUND")
        kept = self.kept[request.callback_id]
        if kept.state == quarantine_pb.QUARANTINE_STATE_REPLAYED and kept.trans_id != request.trans_id:
            await abort(context, grpc.StatusCode.FAILED_PRECONDITION, "CALLBACK_ALREADY_RESOLVED")
        kept.state, kept.trans_id, kept.note = quarantine_pb.QUARANTINE_STATE_REPLAYED, request.trans_id, request.note
        return quarantine_pb.ResolveQuarantinedCallbackResponse(callback=kept)

    async def CountWaiting(self, request, context):
        still_open = [kept for kept in self.kept.values() if kept.state == quarantine_pb.QUARANTINE_STATE_OPEN]
        self.counted += 1
        await asyncio.sleep(self.count_delay)
        return pb.CountWaitingResponse(open_callbacks=len(still_open), unmatched_payments=self.unmatched)


def _content(payment):
    return payment.amount_cents, payment.business_short_code, "".join(payment.bill_ref_number.split()).upper()


def billing_service():
    return FakeService(
        FakeBilling(),
        payment_service_pb2_grpc.add_PaymentServiceServicer_to_server,
        account_service_pb2_grpc.add_AccountServiceServicer_to_server,
        quarantine_service_pb2_grpc.add_QuarantineServiceServicer_to_server,
        task_service_pb2_grpc.add_TaskServiceServicer_to_server,
    )
