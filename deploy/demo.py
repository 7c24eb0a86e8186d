"""The demo data: an ISP, its router and its customers, made through the same RPCs that an operator uses.

`python -m deploy.demo` makes it for an installation in containers, whose places the environment names.
"""

import os
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import grpc
from rejesha.billing.v1 import account_service_pb2 as pb
from rejesha.billing.v1.account_service_pb2_grpc import AccountServiceStub
from rejesha.router_control.v1 import router_control_service_pb2 as routers
from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceStub
from servicekit.rpc import certificates
from servicekit.rpc.channel import connect
from servicekit.rpc.errors import ServiceError

ISP = "Demo Networks"
ROUTER = "Demo Tower"
ROUTER_PASSWORD = "sandbox"  # noqa: S105  # of a simulated router
ACCOUNTS = ("0949AQ", "0950AR", "0951AS")
PACKAGE_CENTS = 100_000
_CONTACT = "254711000001"


class DemoRefused(Exception):
    """The demo data would stand among somebody's own; the text says what to do."""


class OthersPhones(DemoRefused):
    """The demo data is there with made-up numbers, and messages would reach whoever has them."""


@dataclass(frozen=True)
class Router:
    """Where the simulated router is."""

    address: str
    port: int


def create(router_control: grpc.Channel, billing: grpc.Channel, router: Router, *, phones: bool) -> None:
    """Create what is missing; running it again changes nothing. `phones`: whether customers get made-up numbers.

    Raises DemoRefused, ServiceError.
    """
    router_id = _router(RouterControlServiceStub(router_control), router)
    stub = AccountServiceStub(billing)
    _customers(stub, _isp(stub, phones=phones), router_id, phones=phones)


def _router(stub: RouterControlServiceStub, place: Router) -> int:
    there = [router for router in stub.ListRouters(routers.ListRoutersRequest()).routers if router.name == ROUTER]
    if there:
        return there[0].router_id
    router = routers.Router(
        name=ROUTER, address=place.address, port=place.port, username="rejesha", password=ROUTER_PASSWORD
    )
    return stub.CreateRouter(routers.CreateRouterRequest(router=router)).router.router_id


def _isp(stub: AccountServiceStub, *, phones: bool) -> int:
    there = [isp for isp in stub.ListIsps(pb.ListIspsRequest()).isps if isp.name == ISP]
    if there:
        if there[0].contact_phone and not phones:
            raise OthersPhones("the demo data here has made-up numbers, and messages would reach whoever has them")
        return there[0].isp_id
    isp = pb.Isp(
        name=ISP,
        sms_account="SMS001",
        wa_account="WA001",
        pay_account_number="ACC001",
        contact_phone=_CONTACT if phones else "",
    )
    return stub.CreateIsp(pb.CreateIspRequest(isp=isp)).isp.isp_id


def _customers(stub: AccountServiceStub, isp_id: int, router_id: int, *, phones: bool) -> None:
    overdue = (date.today() - timedelta(days=10)).isoformat()  # noqa: DTZ011  # any day in the past will do
    customers = [
        pb.Customer(
            full_name=f"Demo Customer {number}",
            username=account,
            account_name=account,
            package_cents=PACKAGE_CENTS,
            router_id=router_id,
            isp_id=isp_id,
            phone=f"25471200000{number}" if phones else "",
            next_payment_date=overdue,
        )
        for number, account in enumerate(ACCOUNTS, 1)
    ]
    stub.CreateCustomers(pb.CreateCustomersRequest(customers=customers))


def main() -> int:
    """Create it at the places that the environment names; exit code 1 where that is refused."""
    router = Router(os.environ["REJESHA_DEMO_ROUTER"], int(os.environ["REJESHA_DEMO_ROUTER_PORT"]))
    own = certificates.read(Path(os.environ["REJESHA_TLS_DIRECTORY"]))
    router_target, billing_target = os.environ["REJESHA_ROUTER_CONTROL_TARGET"], os.environ["REJESHA_BILLING_TARGET"]
    try:
        with (
            connect(router_target, service="router-control", certificate=own) as router_control,
            connect(billing_target, service="billing", certificate=own) as billing,
        ):
            _refuse_business(billing)
            create(router_control, billing, router, phones=True)
    except (DemoRefused, ServiceError) as error:
        print(f"rejesha: the demo data cannot be created: {error}", file=sys.stderr)
        return 1
    return 0


def _refuse_business(billing: grpc.Channel) -> None:
    isps = AccountServiceStub(billing).ListIsps(pb.ListIspsRequest()).isps
    if others := [isp.name for isp in isps if isp.name != ISP]:
        raise DemoRefused(f"this installation has ISPs of its own ({len(others)}): start it without the profile try")


if __name__ == "__main__":
    sys.exit(main())
