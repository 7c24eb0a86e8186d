"""The demo data: an ISP, its router and its customers, made through the same RPCs that an operator uses."""

from collections.abc import Mapping
from datetime import date, timedelta

import grpc
from lipanet.billing.v1 import directory_service_pb2 as directory
from lipanet.billing.v1.directory_service_pb2_grpc import DirectoryServiceStub
from lipanet.router_control.v1 import router_control_service_pb2 as routers
from lipanet.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceStub

from deploy.local.settings import DEMO_ROUTER_PORT
from deploy.local.system import DEMO_ACCOUNTS, DEMO_ROUTER_PASSWORD

ISP = "Demo Networks"
ROUTER = "Demo Tower"
PACKAGE_CENTS = 100_000


def create(values: Mapping[str, str]) -> None:
    """Create what is missing; running it again changes nothing."""
    with grpc.insecure_channel(values["LIPANET_ROUTER_CONTROL_TARGET"]) as channel:
        router_id = _router(RouterControlServiceStub(channel), int(values[DEMO_ROUTER_PORT]))
    with grpc.insecure_channel(values["LIPANET_BILLING_TARGET"]) as channel:
        stub = DirectoryServiceStub(channel)
        _customers(stub, _isp(stub), router_id)


def _router(stub: RouterControlServiceStub, port: int) -> int:
    there = [router for router in stub.ListRouters(routers.ListRoutersRequest()).routers if router.name == ROUTER]
    if there:
        return there[0].router_id
    router = routers.Router(
        name=ROUTER, address="127.0.0.1", port=port, username="lipanet", password=DEMO_ROUTER_PASSWORD
    )
    return stub.CreateRouter(routers.CreateRouterRequest(router=router)).router.router_id


def _isp(stub: DirectoryServiceStub) -> int:
    there = [isp for isp in stub.ListIsps(directory.ListIspsRequest()).isps if isp.name == ISP]
    if there:
        return there[0].isp_id
    isp = directory.Isp(
        name=ISP, sms_account="SMS001", wa_account="WA001", pay_account_number="ACC001", contact_phone="254711000001"
    )
    return stub.CreateIsp(directory.CreateIspRequest(isp=isp)).isp.isp_id


def _customers(stub: DirectoryServiceStub, isp_id: int, router_id: int) -> None:
    overdue = (date.today() - timedelta(days=10)).isoformat()  # noqa: DTZ011  # any day in the past will do
    customers = [
        directory.Customer(
            full_name=f"Demo Customer {number}",
            username=account,
            account_name=account,
            package_cents=PACKAGE_CENTS,
            router_id=router_id,
            isp_id=isp_id,
            phone=f"25471200000{number}",
            next_payment_date=overdue,
        )
        for number, account in enumerate(DEMO_ACCOUNTS, 1)
    ]
    stub.CreateCustomers(directory.CreateCustomersRequest(customers=customers))
