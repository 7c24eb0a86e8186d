"""The real services on SQLite, served in this process, and what tests do in the place of payers and the dispatcher."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import billing.__main__
import grpc
import notify.__main__
import router_control.__main__
import sqlalchemy as sa
from billing.settings import BillingSettings
from cryptography.fernet import Fernet, MultiFernet
from notify.messages.servicer import NotifyServicer
from rejesha.billing.v1 import account_service_pb2 as account
from rejesha.billing.v1 import account_service_pb2_grpc as account_grpc
from rejesha.billing.v1 import payment_service_pb2 as payment
from rejesha.billing.v1 import payment_service_pb2_grpc as payment_grpc
from rejesha.billing.v1 import quarantine_service_pb2 as quarantine
from rejesha.billing.v1 import quarantine_service_pb2_grpc as quarantine_grpc
from rejesha.billing.v1 import task_service_pb2 as task
from rejesha.billing.v1 import task_service_pb2_grpc as task_grpc
from rejesha.notify.v1 import notify_service_pb2 as notify_pb
from rejesha.notify.v1 import notify_service_pb2_grpc as notify_grpc
from rejesha.router_control.v1 import router_control_service_pb2 as router_pb
from rejesha.router_control.v1 import router_control_service_pb2_grpc as router_grpc
from router_control.routeros.pool import Pool
from router_control.routers.targets import Defaults, Targets
from servicekit.rpc.server import Server

from servicekit import engines, migrate
from tests.billing.serving import build

MIGRATIONS = {
    "billing": billing.__main__.MIGRATIONS,
    "router_control": router_control.__main__.MIGRATIONS,
    "notify": notify.__main__.MIGRATIONS,
}
# Nobody but M-Pesa's callbacks has one; any is ours in the sandbox.
SHORTCODE = "600000"


def migrated(service: str, directory: Path) -> Path:
    """A file with a service's tables, to be copied."""
    path = directory / f"{service}.db"
    engine = engines.create_engine(f"sqlite:///{path}")
    migrate.upgrade(engine, service, MIGRATIONS[service])
    engine.dispose()
    return path


@contextmanager
def copied(file: Path, directory: Path) -> Iterator[sa.Engine]:
    engine = engines.create_engine(f"sqlite:///{shutil.copy(file, directory)}")
    yield engine
    engine.dispose()


@contextmanager
def listening(server: Server) -> Iterator[str]:
    """Its target."""
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop(grace=0)


class Billing:
    """billing with its one ISP, Demo Networks; what is on record, and what payers and the dispatcher do."""

    def __init__(self, engine: sa.Engine, target: str) -> None:
        self.engine, self.target = engine, target
        channel = grpc.insecure_channel(target)
        self.close = channel.close
        self.accounts = account_grpc.AccountServiceStub(channel)
        self.payments = payment_grpc.PaymentServiceStub(channel)
        self.quarantined = quarantine_grpc.QuarantineServiceStub(channel)
        self.tasks = task_grpc.TaskServiceStub(channel)
        self.add_isp("Demo Networks", sms_account="SMS001", pay_account_number="ACC001")

    def add_isp(self, name: str, **facts: Any) -> int:
        request = account.CreateIspRequest(isp=account.Isp(name=name, **facts))
        return int(self.accounts.CreateIsp(request).isp.isp_id)

    def isps(self) -> dict[int, account.Isp]:
        return {isp.isp_id: isp for isp in self.accounts.ListIsps(account.ListIspsRequest()).isps}

    def add_customers(self, *names: str, **facts: Any) -> None:
        """`username` may hold {name}: no two may have the same on one router."""
        customers = [account.Customer(account_name=name, **{"isp_id": 1} | facts) for name in names]
        for customer in customers:
            customer.username = customer.username.format(name=customer.account_name)
        answer = self.accounts.CreateCustomers(account.CreateCustomersRequest(customers=customers))
        assert not [result.error for result in answer.results if result.error]

    def customers(self) -> dict[str, account.Customer]:
        answer = self.accounts.ListCustomers(account.ListCustomersRequest(page_size=500))
        return {customer.account_name: customer for customer in answer.customers}

    def count_customers(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM pppoe_users").scalar_one())

    def pay(self, trans_id: str, reference: str, cents: int = 100_000, **facts: Any) -> None:
        one = payment.Payment(
            trans_id=trans_id,
            bill_ref_number=reference,
            amount_cents=cents,
            business_short_code=SHORTCODE,
            **{"first_name": "JANE", "callback_body": b"{}"} | facts,
        )
        self.payments.RecordPayments(payment.RecordPaymentsRequest(payments=[one]))

    def get(self, trans_id: str) -> payment.GetPaymentResponse:
        return self.payments.GetPayment(payment.GetPaymentRequest(trans_id=trans_id))

    def keep(self, body: bytes, fault: str = "TransAmount: not a number") -> int:
        """Quarantine a callback; its id."""
        kept = quarantine.QuarantinedCallback(
            idempotency_key=uuid4().hex, callback_body=body, fault=fault, source_address="196.201.214.200"
        )
        request = quarantine.QuarantineCallbacksRequest(callbacks=[kept])
        return int(self.quarantined.QuarantineCallbacks(request).callback_ids[0])

    def callback(self, callback_id: int) -> quarantine.QuarantinedCallback:
        request = quarantine.GetQuarantinedCallbackRequest(callback_id=callback_id)
        return self.quarantined.GetQuarantinedCallback(request).callback

    def fail_lines(
        self, outcome: task.AccessOutcome.ValueType = task.ACCESS_OUTCOME_NO_SUCH_SECRET, router_name: str = ""
    ) -> int:
        """Report of all lines that are to be switched that they could not be; how many that were."""
        request = task.LeaseTasksRequest(owner="test", max_tasks=100)
        request.lease_duration.FromSeconds(30)
        lines = [one for one in self.tasks.LeaseTasks(request).tasks if one.HasField("access")]
        failed = task.AccessReport(outcome=outcome, router_name=router_name)
        reports = [
            task.TaskReport(task_id=one.task_id, fencing_token=one.fencing_token, access=failed) for one in lines
        ]
        self.tasks.CompleteTasks(task.CompleteTasksRequest(reports=reports))
        return len(lines)


@contextmanager
def serve_billing(file: Path, directory: Path) -> Iterator[Billing]:
    # Its settings by the names that a variable of the environment has.
    named: dict[str, Any] = {
        "REJESHA_BILLING_DATABASE_URL": "sqlite://",
        "sandbox": True,
        "billing_port": 0,
        "plaintext": True,
    }
    with (
        copied(file, directory) as engine,
        listening(build(BillingSettings(**named), engine)) as target,
    ):
        served = Billing(engine, target)
        yield served
        served.close()


class RouterControl:
    """router-control with one router, Tower 1."""

    def __init__(self, targets: Targets, target: str) -> None:
        self.targets, self.target = targets, target
        channel = grpc.insecure_channel(target)
        self.close = channel.close
        self.stub = router_grpc.RouterControlServiceStub(channel)
        self.add("Tower 1", "10.0.0.1")

    def add(self, name: str, address: str, **facts: Any) -> int:
        router = router_pb.Router(name=name, address=address, **{"username": "api"} | facts)
        return int(self.stub.CreateRouter(router_pb.CreateRouterRequest(router=router)).router.router_id)

    def routers(self) -> dict[int, router_pb.Router]:
        return {one.router_id: one for one in self.stub.ListRouters(router_pb.ListRoutersRequest()).routers}

    def get(self, router_id: int) -> router_pb.Router:
        return self.stub.GetRouter(router_pb.GetRouterRequest(router_id=router_id)).router

    def password(self, router_id: int) -> str:
        """What would be sent to it; that never comes out over gRPC."""
        return self.targets.of(self.targets.registration(router_id)).login.password

    def trust(self, router_id: int, certificate: str) -> None:
        self.stub.TrustRouter(router_pb.TrustRouterRequest(router_id=router_id, certificate_sha256=certificate))


@contextmanager
def serve_router_control(file: Path, directory: Path) -> Iterator[RouterControl]:
    with copied(file, directory) as engine:
        pool, keys = Pool(), MultiFernet([Fernet(Fernet.generate_key())])
        defaults = Defaults("default", "default-word", 8728)
        servicer = router_control.__main__.RouterControlServicer(engine, keys, defaults, pool)
        server = Server("127.0.0.1:0", threads=4, probe=lambda: True)
        server.add(router_grpc.add_RouterControlServiceServicer_to_server, servicer)
        with listening(server) as target:
            served = RouterControl(Targets(engine, keys, defaults), target)
            yield served
            served.close()
        pool.close()


class Notify:
    """notify, which accepts messages; nobody sends them."""

    def __init__(self, engine: sa.Engine, target: str) -> None:
        self.engine, self.target = engine, target
        channel = grpc.insecure_channel(target)
        self.close = channel.close
        self.stub = notify_grpc.NotifyServiceStub(channel)

    def accept(self, message_id: str, subject: str, state: str = "QUEUED", phone: str = "254712345678") -> None:
        """Accept a message; `state`: how far its sending got."""
        text = "You are on."
        message = notify_pb.OutgoingMessage(message_id=message_id, phone=phone, text=text, subject=subject)
        self.stub.SendMessages(notify_pb.SendMessagesRequest(messages=[message]))
        with self.engine.begin() as connection:
            query = "UPDATE messages SET state = ? WHERE message_id = ?"
            connection.exec_driver_sql(query, (state, message_id))


@contextmanager
def serve_notify(file: Path, directory: Path) -> Iterator[Notify]:
    with copied(file, directory) as engine:
        server = Server("127.0.0.1:0", threads=4, probe=lambda: True)
        wake: Callable[[], None] = lambda: None  # noqa: E731
        server.add(notify_grpc.add_NotifyServiceServicer_to_server, NotifyServicer(engine, wake))
        with listening(server) as target:
            served = Notify(engine, target)
            yield served
            served.close()
