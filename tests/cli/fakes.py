"""The services as fakes: real gRPC servers on free ports whose state is in dicts."""

# ruff: noqa: N802 - the methods are named by the protos

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from rejesha.billing.v1 import account_service_pb2 as account_pb
from rejesha.billing.v1 import payment_service_pb2 as payment
from rejesha.billing.v1 import quarantine_service_pb2 as quarantine
from rejesha.billing.v1 import task_service_pb2 as task
from rejesha.notify.v1 import notify_service_pb2 as notify
from rejesha.router_control.v1 import router_control_service_pb2 as routers
from servicekit.rpc.errors import DatabaseUnavailable, NotFound, ServiceError
from servicekit.rpc.server import Server


class Refusal(ServiceError):
    """Any refusal of the contract, by its code and reason."""

    def __init__(self, code: grpc.StatusCode, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.reason = code, reason


def missing(reason: str, sentence: str) -> Refusal:
    return Refusal(grpc.StatusCode.NOT_FOUND, reason, sentence)


def page(items: list[Any], request: Any) -> tuple[list[Any], str]:
    """A page of items; the token is the index to go on from."""
    start, size = int(request.page_token or 0), request.page_size or 50
    end = start + size
    return items[start:end], str(end) if end < len(items) else ""


def key(account: str) -> str:
    return "".join(account.split()).upper()


@dataclass
class FakeBilling:
    """AccountService, PaymentService and TaskService over dicts."""

    isps: dict[int, account_pb.Isp] = field(default_factory=dict)
    customers: dict[str, account_pb.Customer] = field(default_factory=dict)
    payments: dict[str, payment.PaymentRecord] = field(default_factory=dict)
    callbacks: dict[int, quarantine.QuarantinedCallback] = field(default_factory=dict)
    given_up: dict[str, list[int]] = field(default_factory=dict)
    assigned: list[payment.AssignPaymentRequest] = field(default_factory=list)
    page_sizes: list[int] = field(default_factory=list)
    stop_after_batches: int | None = None

    def CreateIsp(self, request, context):
        isp = account_pb.Isp()
        isp.CopyFrom(request.isp)
        if isp.isp_id in self.isps:
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, "ID_TAKEN", f"id {isp.isp_id} is taken")
        if request.validate_only:
            return account_pb.CreateIspResponse(isp=isp)
        isp.isp_id = isp.isp_id or max(self.isps, default=0) + 1
        self.isps[isp.isp_id] = isp
        return account_pb.CreateIspResponse(isp=isp)

    def ListIsps(self, request, context):
        return account_pb.ListIspsResponse(isps=self.isps.values())

    def CreateCustomers(self, request, context):
        if self.stop_after_batches is not None:
            self.stop_after_batches -= 1
            if self.stop_after_batches < 0:
                raise DatabaseUnavailable("the database did not answer")
        results = [self._create(customer, request.validate_only) for customer in request.customers]
        return account_pb.CreateCustomersResponse(results=results)

    def _create(self, customer, validate_only):
        there = self.customers.get(key(customer.account_name))
        if there is not None:
            same = (there.full_name, there.package_cents) == (customer.full_name, customer.package_cents)
            error = "" if same else "account_name: taken"
            return account_pb.CreateCustomerResult(customer_id=there.customer_id, unchanged=same, error=error)
        if customer.isp_id not in self.isps:
            return account_pb.CreateCustomerResult(error="isp_id: there is no such ISP")
        if customer.customer_id in {one.customer_id for one in self.customers.values()} - {0}:
            return account_pb.CreateCustomerResult(error=f"customer_id: id {customer.customer_id} is taken")
        if validate_only:
            return account_pb.CreateCustomerResult()
        customer.customer_id = customer.customer_id or len(self.customers) + 1
        self.customers[key(customer.account_name)] = customer
        return account_pb.CreateCustomerResult(customer_id=customer.customer_id)

    def GetCustomer(self, request, context):
        if key(request.account_name) not in self.customers:
            raise missing("CUSTOMER_NOT_FOUND", f"no customer {request.account_name}")
        return account_pb.GetCustomerResponse(customer=self.customers[key(request.account_name)])

    def ListCustomers(self, request, context):
        self.page_sizes.append(request.page_size)
        inactive = account_pb.CUSTOMER_STATUS_INACTIVE
        found = [
            one
            for one in self.customers.values()
            if request.isp_id in (0, one.isp_id) and (not request.paid_but_not_on or one.status == inactive)
        ]
        customers, token = page(found, request)
        return account_pb.ListCustomersResponse(customers=customers, next_page_token=token)

    def ListPayments(self, request, context):
        found = [one for one in self.payments.values() if request.outcome in (0, one.outcome)]
        payments, token = page(found, request)
        return payment.ListPaymentsResponse(payments=payments, next_page_token=token)

    def AssignPayment(self, request, context):
        if request.trans_id not in self.payments:
            raise missing("PAYMENT_NOT_FOUND", f"no payment {request.trans_id}")
        if key(request.account_reference) not in self.customers:
            code = grpc.StatusCode.FAILED_PRECONDITION
            raise Refusal(code, "ACCOUNT_NOT_FOUND", f"{request.account_reference} leads nowhere")
        self.assigned.append(request)
        outcome = payment.PAYMENT_OUTCOME_CUSTOMER_PAID
        receipt = payment.PaymentReceipt(trans_id=request.trans_id, outcome=outcome, isp_id=1, customer_id=7)
        return payment.AssignPaymentResponse(receipt=receipt)

    def GetQuarantinedCallback(self, request, context):
        return quarantine.GetQuarantinedCallbackResponse(callback=self._callback(request.callback_id))

    def _callback(self, callback_id):
        if callback_id not in self.callbacks:
            raise missing("CALLBACK_NOT_FOUND", f"no callback {callback_id}")
        return self.callbacks[callback_id]

    def ListQuarantinedCallbacks(self, request, context):
        found = [one for one in self.callbacks.values() if request.state in (0, one.state)]
        callbacks, token = page(found, request)
        return quarantine.ListQuarantinedCallbacksResponse(callbacks=callbacks, next_page_token=token)

    def ResolveQuarantinedCallback(self, request, context):
        callback = self._callback(request.callback_id)
        callback.state, callback.note = quarantine.QUARANTINE_STATE_DISMISSED, request.note
        return quarantine.ResolveQuarantinedCallbackResponse(callback=callback)

    def CountWaiting(self, request, context):
        still_open = [one for one in self.callbacks.values() if one.state == quarantine.QUARANTINE_STATE_OPEN]
        held = [one for one in self.payments.values() if one.outcome == payment.PAYMENT_OUTCOME_UNMATCHED]
        off = [one for one in self.customers.values() if one.status == account_pb.CUSTOMER_STATUS_INACTIVE]
        return payment.CountWaitingResponse(
            open_callbacks=len(still_open),
            unmatched_payments=len(held),
            paid_but_not_on=len(off) if request.count_lines else 0,
        )

    def RetryTasks(self, request, context):
        if request.trans_id not in self.payments:
            raise missing("PAYMENT_NOT_FOUND", f"no payment {request.trans_id}")
        return task.RetryTasksResponse(task_ids=self.given_up.pop(request.trans_id, []))

    def GetTaskCounts(self, request, context):
        return task.GetTaskCountsResponse(open_access_tasks=3, open_message_tasks=2, given_up_tasks=len(self.given_up))


@dataclass
class FakeRouterControl:
    """The registry in a dict; `lines` says what each username holds, `unreachable` which routers are dead.

    All routers show the same `certificate`.
    """

    registry: dict[int, routers.Router] = field(default_factory=dict)
    passwords: dict[int, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    unreachable: set[int] = field(default_factory=set)
    certificate: str = "ab" * 32

    def CreateRouter(self, request, context):
        if any(other.name == request.router.name for other in self.registry.values()):
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, "ROUTER_NAME_TAKEN", f"{request.router.name} is taken")
        if request.router.router_id in self.registry:
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, "ROUTER_ID_TAKEN", f"id {request.router.router_id} is taken")
        if not request.router.username and not request.use_default_login:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "LOGIN_NEEDED", "a router needs a login of its own")
        router_id = request.router.router_id or max(self.registry, default=0) + 1
        return routers.CreateRouterResponse(router=self._store(router_id, request.router))

    def _store(self, router_id, given):
        router = routers.Router()
        router.CopyFrom(given)
        if given.HasField("password"):
            self.passwords[router_id] = given.password
        router.ClearField("password")
        router.router_id, router.has_password = router_id, bool(self.passwords.get(router_id))
        self.registry[router_id] = router
        return router

    def _get(self, router_id):
        if router_id not in self.registry:
            raise missing("ROUTER_NOT_FOUND", f"no router {router_id}")
        return self.registry[router_id]

    def UpdateRouter(self, request, context):
        present, wanted = self._get(request.router.router_id), request.router
        moved = (wanted.address, wanted.port, wanted.tls) != (present.address, present.port, present.tls)
        if wanted.username and moved and not wanted.HasField("password"):
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "PASSWORD_NEEDED", "it needs the password anew")
        if not wanted.username and (moved or present.username) and not request.use_default_login:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "LOGIN_NEEDED", "it needs a login of its own")
        if not wanted.username:
            self.passwords.pop(wanted.router_id, None)
        return routers.UpdateRouterResponse(router=self._store(request.router.router_id, request.router))

    def GetRouterCertificate(self, request, context):
        remembered = self._get(request.router_id).certificate_sha256
        if request.router_id in self.unreachable:
            outcome = routers.ACCESS_OUTCOME_UNREACHABLE
            return routers.GetRouterCertificateResponse(outcome=outcome, detail="connection refused")
        return routers.GetRouterCertificateResponse(
            outcome=routers.ACCESS_OUTCOME_ALREADY_SO, shown_sha256=self.certificate, remembered_sha256=remembered
        )

    def TrustRouter(self, request, context):
        self._get(request.router_id).certificate_sha256 = request.certificate_sha256
        return routers.TrustRouterResponse(router=self._get(request.router_id))

    def GetRouter(self, request, context):
        return routers.GetRouterResponse(router=self._get(request.router_id))

    def ListRouters(self, request, context):
        return routers.ListRoutersResponse(routers=self.registry.values())

    def DeleteRouter(self, request, context):
        del self.registry[self._get(request.router_id).router_id]
        return routers.DeleteRouterResponse()

    def CheckRouter(self, request, context):
        if self._get(request.router_id).router_id in self.unreachable:
            outcome = routers.ACCESS_OUTCOME_UNREACHABLE
            return routers.CheckRouterResponse(outcome=outcome, detail="connection refused", elapsed_ms=12)
        outcome = routers.ACCESS_OUTCOME_ALREADY_SO
        return routers.CheckRouterResponse(outcome=outcome, identity="Tower", version="7.16 (stable)", elapsed_ms=8)

    def SetAccess(self, request, context):
        wanted = [(change.username, change.access) for change in request.changes]
        results = [self._result(request.router_id, user, access) for user, access in wanted]
        return routers.SetAccessResponse(results=results, router_name=self._get(request.router_id).name)

    def GetAccess(self, request, context):
        results = [self._result(request.router_id, user, 0) for user in request.usernames]
        return routers.GetAccessResponse(results=results, router_name=self._get(request.router_id).name)

    def _result(self, router_id, user, access):
        if router_id in self.unreachable:
            return routers.AccessResult(username=user, outcome=routers.ACCESS_OUTCOME_UNREACHABLE, detail="timed out")
        if user not in self.lines:
            return routers.AccessResult(username=user, outcome=routers.ACCESS_OUTCOME_NO_SUCH_SECRET)
        changed = access not in (0, self.lines[user])
        self.lines[user] = access or self.lines[user]
        outcome = routers.ACCESS_OUTCOME_CHANGED if changed else routers.ACCESS_OUTCOME_ALREADY_SO
        return routers.AccessResult(username=user, outcome=outcome, access=self.lines[user], sessions=1)


@dataclass
class FakeNotify:
    """Messages in a dict by id."""

    messages: dict[str, notify.Message] = field(default_factory=dict)

    def GetMessage(self, request, context):
        if request.message_id not in self.messages:
            raise NotFound(f"no message {request.message_id}")
        return notify.GetMessageResponse(message=self.messages[request.message_id])

    def ListMessages(self, request, context):
        found = [
            one
            for one in self.messages.values()
            if request.subject in ("", one.subject) and request.state in (0, one.state)
        ]
        messages, token = page(found, request)
        return notify.ListMessagesResponse(messages=messages, next_page_token=token)


def serve(servicer: object, *adders: Callable[[Any, grpc.Server], None]) -> Iterator[str]:
    server = Server("127.0.0.1:0", threads=2, probe=lambda: True)
    for add in adders:
        # The generated adders want every method; those that a fake lacks answer UNIMPLEMENTED.
        server.add(add, _Lenient(servicer))
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop(grace=0)


class _Lenient:
    def __init__(self, servicer: object) -> None:
        self._servicer = servicer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._servicer, name, _unimplemented)


def _unimplemented(request: Any, context: grpc.ServicerContext) -> None:
    raise Refusal(grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED", "the fake does not do this")
