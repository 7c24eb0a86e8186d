"""billing, served in this process, a client of it, and words for what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import billing.__main__
import grpc
import pytest
import sqlalchemy as sa
from billing.settings import BillingSettings
from rejesha.billing.v1 import account_service_pb2 as account_pb
from rejesha.billing.v1 import (
    account_service_pb2_grpc,
    payment_service_pb2_grpc,
    quarantine_service_pb2_grpc,
    task_service_pb2_grpc,
)
from rejesha.billing.v1 import payment_service_pb2 as pb
from rejesha.billing.v1 import task_service_pb2 as task_pb
from servicekit.rpc import channel
from servicekit.rpc.errors import ServiceError
from servicekit.rpc.server import Server

from tests.billing.desk import SHORTCODE


def build(settings: BillingSettings, engine: sa.Engine) -> Server:
    """As billing's `__main__` puts it together, but that it takes its database for fit.

    To look at all tables takes longer than most tests do otherwise; tests/security and tests/system let it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(billing.__main__, "Readiness", lambda _selftest: lambda: True)
        return billing.__main__.build(settings, engine)


@dataclass
class Client:
    """The four services behind one port."""

    payments: Any
    quarantine: Any
    tasks: Any
    accounts: Any

    @classmethod
    def of(cls, connected: grpc.Channel) -> "Client":
        return cls(
            payment_service_pb2_grpc.PaymentServiceStub(connected),
            quarantine_service_pb2_grpc.QuarantineServiceStub(connected),
            task_service_pb2_grpc.TaskServiceStub(connected),
            account_service_pb2_grpc.AccountServiceStub(connected),
        )

    def record(self, *payments: pb.Payment, wait_for_ready: bool = False) -> list[pb.PaymentReceipt]:
        request = pb.RecordPaymentsRequest(payments=payments)
        return list(self.payments.RecordPayments(request, timeout=30, wait_for_ready=wait_for_ready).receipts)

    def outcome(self, *payments: pb.Payment) -> list[str]:
        return [outcome(receipt.outcome) for receipt in self.record(*payments)]

    def get(self, trans_id: str) -> pb.GetPaymentResponse:
        return self.payments.GetPayment(pb.GetPaymentRequest(trans_id=trans_id), timeout=10)

    def lease(self, **fields: Any) -> task_pb.LeaseTasksResponse:
        request = task_pb.LeaseTasksRequest(**({"owner": "test", "max_tasks": 100} | fields))
        if "lease_duration" not in fields:
            request.lease_duration.FromSeconds(30)
        return self.tasks.LeaseTasks(request, timeout=10)

    def create_customers(self, *customers: account_pb.Customer, validate_only: bool = False) -> list[Any]:
        request = account_pb.CreateCustomersRequest(customers=customers, validate_only=validate_only)
        return list(self.accounts.CreateCustomers(request, timeout=10).results)


def connect(port: int) -> tuple[grpc.Channel, Client]:
    connected = channel.connect(f"127.0.0.1:{port}", service="billing")
    return connected, Client.of(connected)


def payment(trans_id: str, reference: str = "0949AQ", cents: int = 100_000, **fields: Any) -> pb.Payment:
    defaults = {"business_short_code": SHORTCODE, "callback_body": b"{}", "first_name": "JOHN"}
    return pb.Payment(trans_id=trans_id, bill_ref_number=reference, amount_cents=cents, **(defaults | fields))


def outcome(number: int) -> str:
    return pb.PaymentOutcome.Name(number).removeprefix("PAYMENT_OUTCOME_").lower()


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    """The status code and reason with which a call fails."""
    try:
        answer = call()
    except ServiceError as error:
        return error.status.name, error.reason
    raise AssertionError(f"answered {answer}")


def pages(call, request, field):
    """All items of all pages, and how many there were on each."""
    found, sizes = [], []
    while True:
        answer = call(request)
        items = list(getattr(answer, field))
        found += items
        sizes.append(len(items))
        if not answer.next_page_token:
            return found, sizes
        request.page_token = answer.next_page_token
