"""The ISPs, the routers and the customers of a stage, made through the same RPCs that an operator uses."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache

from rejesha.billing.v1 import account_service_pb2 as pb
from rejesha.billing.v1.account_service_pb2_grpc import AccountServiceStub
from rejesha.router_control.v1 import router_control_service_pb2 as registry
from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceStub

from chaos import simulated
from chaos.callbacks import OTHER_ISP, PACKAGE_CENTS, Customer
from deploy.local.certificates import connected

ADMIN = "254700000001"
ISP_PHONE = "254711000001"


@cache
def first_due_date() -> date:
    """A day to come that every month has, so that a month more is a month more whatever today is; the same for all of a
    run, also where a month changes meanwhile.
    """
    return (date.today() + timedelta(days=40)).replace(day=15)  # noqa: DTZ011  # any day to come will do


def customers(count: int, routers: int) -> list[Customer]:
    """So many customers, spread evenly over the routers."""
    return [Customer(f"CH{n:04}", f"2547120{n:05}", n % routers) for n in range(count)]


def create(values: Mapping[str, str], ports: Sequence[int], people: Sequence[Customer]) -> None:
    """Make all of it."""
    with connected(values, "router-control") as channel:
        stub = RouterControlServiceStub(channel)
        router_ids = [_router(stub, number, port) for number, port in enumerate(ports)]
    with connected(values, "billing") as channel:
        _isp_with_customers(AccountServiceStub(channel), router_ids, people)
        _other_isp(AccountServiceStub(channel))


def _router(stub: RouterControlServiceStub, number: int, port: int) -> int:
    router = registry.Router(
        name=f"Tower {number}",
        address="127.0.0.1",
        port=port,
        username=simulated.USER,
        password=simulated.PASSWORD,
    )
    return int(stub.CreateRouter(registry.CreateRouterRequest(router=router)).router.router_id)


def _other_isp(stub: AccountServiceStub) -> None:
    isp = pb.Isp(name="Other Networks", pay_account_number=OTHER_ISP, contact_phone=ISP_PHONE)
    stub.CreateIsp(pb.CreateIspRequest(isp=isp))


def _isp_with_customers(stub: AccountServiceStub, router_ids: Sequence[int], people: Sequence[Customer]) -> None:
    isp = pb.Isp(name="Chaos Networks", sms_account="SMS001", pay_account_number="ACC001", contact_phone=ISP_PHONE)
    isp_id = stub.CreateIsp(pb.CreateIspRequest(isp=isp)).isp.isp_id
    rows = [
        pb.Customer(
            full_name=f"Customer {who.account}",
            username=who.account,
            account_name=who.account,
            package_cents=PACKAGE_CENTS,
            router_id=router_ids[who.router],
            isp_id=isp_id,
            phone=who.phone,
            next_payment_date=first_due_date().isoformat(),
        )
        for who in people
    ]
    answer = stub.CreateCustomers(pb.CreateCustomersRequest(customers=rows))
    if refused := [result.error for result in answer.results if result.error]:
        raise ValueError(f"customers were refused: {refused[0]}")
