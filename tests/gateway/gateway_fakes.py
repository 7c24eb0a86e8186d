"""Billing, router-control and notify as the gateway sees them: real gRPC on loopback, everything in dicts."""

# ruff: noqa: N802  # the RPCs' names are the protos'

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from lipanet.billing.v1 import payment_service_pb2 as pb
from lipanet.billing.v1 import payment_service_pb2_grpc, task_service_pb2_grpc
from lipanet.billing.v1 import task_service_pb2 as task_pb
from lipanet.notify.v1 import notify_service_pb2 as notify_pb
from lipanet.notify.v1 import notify_service_pb2_grpc
from lipanet.router_control.v1 import router_control_service_pb2 as router_pb
from lipanet.router_control.v1 import router_control_service_pb2_grpc


async def abort(context, code, reason, message="said the fake"):
    """End an RPC as servicekit does."""
    status = status_pb2.Status(code=code_pb2.Code.Value(code.name), message=message)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="lipanet"))
    await context.abort_with_status(rpc_status.to_status(status))


def now():
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp


class Health(health_pb2_grpc.HealthServicer):
    serving = True

    async def Check(self, request, context):
        states = health_pb2.HealthCheckResponse
        return states(status=states.SERVING if self.serving else states.NOT_SERVING)


@dataclass
class FakeTask:
    """A task with its lease; `done` is the report that ended it."""

    task: task_pb.Task
    due: float = 0.0
    epoch: int = 0
    leased: bool = False
    done: task_pb.TaskReport | None = None


@dataclass
class FakeBilling(payment_service_pb2_grpc.PaymentServiceServicer, task_service_pb2_grpc.TaskServiceServicer):
    """Keeps payments by TransID with the idempotency rule, and tasks with leases and epochs.

    References: 0949AQ is a customer of KES 1000 on router 1, SMS… buys credits, anything else is unmatched.
    """

    shortcodes: set[str] = field(default_factory=lambda: {"600000"})
    payments: dict[str, pb.Payment] = field(default_factory=dict)
    receipts: dict[str, pb.PaymentReceipt] = field(default_factory=dict)
    conflicts: list[pb.Payment] = field(default_factory=list)
    kept: dict[int, pb.QuarantinedCallback] = field(default_factory=dict)
    tasks: dict[int, FakeTask] = field(default_factory=dict)
    record_sizes: list[int] = field(default_factory=list)
    records_at_once: int = 0
    most_records_at_once: int = 0
    reports: list[task_pb.TaskReport] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)
    busy_router_ids: list[list[int]] = field(default_factory=list)
    # Faults on demand.
    delay: float = 0.0
    fail_with: grpc.StatusCode | None = None
    refuses: str = ""  # the TransID or reference that RecordPayments refuses
    breaks: str = ""  # the TransID that RecordPayments breaks on
    quarantines: str = ""  # the TransID whose row "the database refuses"
    quarantine_fails: bool = False
    quarantine_breaks: bool = False
    reports_fail: int = 0
    reports_take: float = 0
    report_sizes: list[int] = field(default_factory=list)
    creates_tasks: bool = False

    def add_task(self, **work):
        """A due task; `access=(router, username, enabled)` or `messages=[(id, phone, template)]`."""
        task = task_pb.Task(task_id=len(self.tasks) + 1, trans_id=work.pop("trans_id", "TASKTEST01"), expire_time=now())
        task.expire_time.seconds += 3600
        if "access" in work:
            router_id, username, enabled = work["access"]
            task.access.CopyFrom(task_pb.AccessWork(router_id=router_id, username=username, enabled=enabled))
        for message_id, phone, template in work.get("messages", ()):
            task.messages.messages.add(message_id=message_id, phone=phone, template=template, facts={"name": "Asha"})
        self.tasks[task.task_id] = FakeTask(task)
        return task.task_id

    async def _misbehave(self, context):
        await asyncio.sleep(self.delay)
        if self.fail_with:
            await abort(context, self.fail_with, "DATABASE_UNAVAILABLE")

    async def RecordPayments(self, request, context):
        self.record_sizes.append(len(request.payments))
        if not 1 <= len(request.payments) <= 500:
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, "BATCH_TOO_LARGE")
        self.records_at_once += 1
        self.most_records_at_once = max(self.most_records_at_once, self.records_at_once)
        try:
            await self._misbehave(context)
        finally:
            self.records_at_once -= 1
        if self.refuses and any(
            self.refuses in (payment.trans_id, payment.bill_ref_number) for payment in request.payments
        ):
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAYMENT", "said no")
        if any(payment.trans_id == self.breaks for payment in request.payments):
            await abort(context, grpc.StatusCode.INTERNAL, "INTERNAL")
        return pb.RecordPaymentsResponse(receipts=[self._record(payment) for payment in request.payments])

    def _record(self, payment):
        first = self.payments.get(payment.trans_id)
        if payment.trans_id == self.quarantines:
            return pb.PaymentReceipt(trans_id=payment.trans_id, outcome=pb.PAYMENT_OUTCOME_QUARANTINED)
        if first is None:
            self.payments[payment.trans_id] = payment
            self.receipts[payment.trans_id] = receipt = self._route(payment)
            if self.creates_tasks:
                self.add_task(access=(1, f"user-{payment.trans_id}", True), trans_id=payment.trans_id)
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
        step = pb.PaymentStep(
            create_time=now(), category="WALLET_UPDATED", message="wallet credited", details_json='{"cents": 1}'
        )
        delivery = pb.PaymentDelivery(
            receive_time=record.receive_time,
            callback_body=payment.callback_body,
            source_address=payment.source_address,
        )
        tasks = [self._task_record(held) for held in self.tasks.values() if held.task.trans_id == payment.trans_id]
        return pb.GetPaymentResponse(payment=record, steps=[step], deliveries=[delivery], tasks=tasks)

    def _task_record(self, held):
        record = task_pb.TaskRecord(
            task_id=held.task.task_id,
            kind="set_access",
            state=task_pb.TASK_STATE_DONE if held.done else task_pb.TASK_STATE_OPEN,
            epoch=held.epoch,
            create_time=now(),
            access=held.task.access,
        )
        if held.done:
            record.end_time.CopyFrom(now())
        return record

    async def QuarantineCallbacks(self, request, context):
        await self._misbehave(context)
        if self.quarantine_breaks:
            await abort(context, grpc.StatusCode.INTERNAL, "INTERNAL")
        if self.quarantine_fails:
            await abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "QUARANTINE_FULL")
        ids = []
        for callback in request.callbacks:
            assert len(callback.callback_body) <= 65_536
            assert len(callback.fault) <= 255
            callback.callback_id = len(self.kept) + 1
            callback.state = pb.QUARANTINE_STATE_OPEN
            self.kept[callback.callback_id] = callback
            ids.append(callback.callback_id)
        return pb.QuarantineCallbacksResponse(callback_ids=ids)

    async def GetQuarantinedCallback(self, request, context):
        await self._misbehave(context)
        if request.callback_id not in self.kept:
            await abort(context, grpc.StatusCode.NOT_FOUND, "CALLBACK_NOT_FOUND")
        return pb.GetQuarantinedCallbackResponse(callback=self.kept[request.callback_id])

    async def ResolveQuarantinedCallback(self, request, context):
        kept = self.kept[request.callback_id]
        kept.state, kept.trans_id, kept.note = pb.QUARANTINE_STATE_REPLAYED, request.trans_id, request.note
        return pb.ResolveQuarantinedCallbackResponse(callback=kept)

    async def LeaseTasks(self, request, context):
        await self._misbehave(context)
        if request.kind == task_pb.TASK_KIND_SET_ACCESS:
            self.busy_router_ids.append(list(request.busy_router_ids))
        moment, leased = time.monotonic(), []
        lease = request.lease_duration.ToMicroseconds() / 1e6
        asked_for = [held for held in self.tasks.values() if _kind(held.task) == request.kind]
        for held in asked_for:
            busy = held.task.HasField("access") and held.task.access.router_id in request.busy_router_ids
            if held.done or held.due > moment or busy or len(leased) == request.max_tasks:
                continue
            held.epoch += 1
            held.leased = True
            held.due = moment + lease
            held.task.epoch = held.epoch
            leased.append(held.task)
        response = task_pb.LeaseTasksResponse(tasks=leased)
        waiting = [held.due - moment for held in asked_for if not held.done]
        response.next_due_in.FromMicroseconds(int(max(0.0, min([60.0, *waiting])) * 1e6))
        return response

    async def CompleteTasks(self, request, context):
        self.report_sizes.append(len(request.reports))
        await asyncio.sleep(self.reports_take)
        if self.reports_fail:
            self.reports_fail -= 1
            await abort(context, grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        if self.fail_with:
            await abort(context, self.fail_with, "DATABASE_UNAVAILABLE")
        stale = []
        for report in request.reports:
            held = self.tasks[report.task_id]
            if not held.leased or held.epoch != report.epoch:
                stale.append(report.task_id)
                continue
            self.reports.append(report)
            held.leased = False
            if _ends(report):
                held.done = report
            else:
                held.due = time.monotonic() + 0.05
        self.stale += stale
        return task_pb.CompleteTasksResponse(stale_task_ids=stale)


def _kind(task):
    return task_pb.TASK_KIND_SET_ACCESS if task.HasField("access") else task_pb.TASK_KIND_SEND_MESSAGES


def _ends(report):
    if report.HasField("access"):
        return report.access.result in (task_pb.ACCESS_RESULT_CHANGED, task_pb.ACCESS_RESULT_ALREADY_SO)
    return report.HasField("messages") and report.messages.accepted


def _content(payment):
    return payment.amount_cents, payment.business_short_code, "".join(payment.bill_ref_number.split()).upper()


@dataclass
class FakeRouterControl(router_control_service_pb2_grpc.RouterControlServiceServicer):
    """Keeps what each router holds. `dead` routers are unreachable after `dead_after` seconds."""

    lines: dict[tuple[int, str], bool] = field(default_factory=dict)
    calls: list[router_pb.SetAccessRequest] = field(default_factory=list)
    at_once: Counter = field(default_factory=Counter)
    most_at_once: Counter = field(default_factory=Counter)
    dead: set[int] = field(default_factory=set)
    dead_after: float = 0.0
    hangs: set[int] = field(default_factory=set)
    delay: float = 0.0
    refuses: str = ""  # the username that no request may hold

    async def SetAccess(self, request, context):
        self.calls.append(request)
        self.at_once[request.router_id] += 1
        self.most_at_once[request.router_id] = max(
            self.at_once[request.router_id], self.most_at_once[request.router_id]
        )
        try:
            return await self._set(request, context)
        finally:
            self.at_once[request.router_id] -= 1

    async def _set(self, request, context):
        users = [change.username for change in request.changes]
        if len(set(users)) != len(users) or self.refuses in users:
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ACCESS_REQUEST")
        if request.router_id in self.hangs:
            await asyncio.sleep(3600)
        dead = request.router_id in self.dead
        await asyncio.sleep(self.dead_after if dead else self.delay)
        results = [self._change(request.router_id, change, dead=dead) for change in request.changes]
        return router_pb.SetAccessResponse(results=results, router_name=f"router-{request.router_id}")

    def _change(self, router_id, change, *, dead):
        if dead:
            return router_pb.AccessResult(
                username=change.username, outcome=router_pb.ACCESS_OUTCOME_UNREACHABLE, detail="no route to host"
            )
        wanted = change.access == router_pb.ACCESS_ENABLED
        same = self.lines.get((router_id, change.username)) is wanted
        self.lines[router_id, change.username] = wanted
        outcome = router_pb.ACCESS_OUTCOME_ALREADY_SO if same else router_pb.ACCESS_OUTCOME_CHANGED
        return router_pb.AccessResult(username=change.username, outcome=outcome, access=change.access)


@dataclass
class FakeNotify(notify_service_pb2_grpc.NotifyServiceServicer):
    """Accepts a message once by its id."""

    messages: dict[str, notify_pb.OutgoingMessage] = field(default_factory=dict)
    call_sizes: list[int] = field(default_factory=list)
    refuses: str = ""  # the message_id that no request may hold

    async def SendMessages(self, request, context):
        self.call_sizes.append(len(request.messages))
        if any(message.message_id == self.refuses for message in request.messages):
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_MESSAGE_ID")
        receipts = []
        for message in request.messages:
            repeated = message.message_id in self.messages
            self.messages.setdefault(message.message_id, message)
            receipts.append(notify_pb.MessageReceipt(message_id=message.message_id, repeated=repeated))
        return notify_pb.SendMessagesResponse(receipts=receipts)

    async def ListMessages(self, request, context):
        found = [
            notify_pb.Message(
                message_id=message.message_id,
                phone=message.phone,
                text="you are on",
                subject=message.subject,
                state=notify_pb.MESSAGE_STATE_SENT,
                create_time=now(),
                update_time=now(),
            )
            for message in self.messages.values()
            if message.subject == request.subject
        ]
        return notify_pb.ListMessagesResponse(messages=found[::-1])


class FakeService:
    """A fake behind a real port; may go down and come back on the same port."""

    def __init__(self, fake, *registrations):
        self.fake = fake
        self.health = Health()
        self.port = 0
        self._registrations = (*registrations,)
        self._server = None

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    async def up(self):
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        for register in self._registrations:
            register(self.fake, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()
        return self

    async def down(self):
        if self._server:
            await self._server.stop(None)
            self._server = None


def billing_service():
    return FakeService(
        FakeBilling(),
        payment_service_pb2_grpc.add_PaymentServiceServicer_to_server,
        task_service_pb2_grpc.add_TaskServiceServicer_to_server,
    )


def router_control_service():
    return FakeService(FakeRouterControl(), router_control_service_pb2_grpc.add_RouterControlServiceServicer_to_server)


def notify_service():
    return FakeService(FakeNotify(), notify_service_pb2_grpc.add_NotifyServiceServicer_to_server)
