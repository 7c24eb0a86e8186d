"""The demo data: an ISP, its router and its customers, made through the same RPCs that an operator uses."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from rejesha.billing.v1 import account_service_pb2 as pb
from rejesha.billing.v1.account_service_pb2_grpc import AccountServiceStub
from rejesha.router_control.v1 import router_control_service_pb2 as routers
from rejesha.router_control.v1.router_control_service_pb2_grpc import RouterControlServiceStub
from servicekit.rpc.channel import connect
from servicekit.rpc.errors import ServiceError

from deploy.local import settings
from deploy.local.settings import DEMO_ROUTER_PORT
from deploy.local.system import DEMO_ACCOUNTS, DEMO_ROUTER_PASSWORD
from servicekit import database

ISP = "Demo Networks"
ROUTER = "Demo Tower"
PACKAGE_CENTS = 100_000
_CONTACT = "254711000001"
# Whoever has rows in one of these has a business.
_BUSINESS = ("isps", "pppoe_users", "paybill_payments", "isp_wallet", "routers")


class DemoRefused(Exception):
    """The demo data would stand among somebody's own; the text says what to do."""


def refuse_business(url: str) -> None:
    """Raise DemoRefused where a database is neither empty nor holds the demo's ISP alone."""
    engine = database.create_engine(url)
    try:
        with engine.connect() as connection:
            used = _used_tables(connection)
    except sa.exc.DBAPIError:
        return  # whoever migrates next says what is wrong, and better
    finally:
        engine.dispose()
    if used:
        raise DemoRefused(
            f"{settings.DEMO}=true would put made-up ISPs and customers into a database that is in use"
            f" ({', '.join(used)} have rows): leave {settings.DEMO} out, or name an empty database."
        )


def _used_tables(connection: sa.Connection) -> list[str]:
    """Those that hold rows; none where the only ISP is the demo's."""
    there = sa.inspect(connection).get_table_names()
    rows: dict[str, sa.Select[Any]] = {
        name: sa.select(sa.literal_column("1")).select_from(sa.table(name)).limit(1) for name in _BUSINESS
    }
    used = [name for name in _BUSINESS if name in there and connection.execute(rows[name]).first()]
    if "isps" in used:
        query: sa.Select[Any] = sa.select(sa.literal_column("name")).select_from(sa.table("isps")).limit(2)
        return [] if list(connection.execute(query).scalars()) == [ISP] else used
    return used


def create(values: Mapping[str, str]) -> None:
    """Create what is missing; running it again changes nothing. Raises DemoRefused."""
    # The numbers are made up, and may be somebody's.
    phones = not settings.reaches_people(values)
    try:
        with connect(values["REJESHA_ROUTER_CONTROL_TARGET"], service="router-control") as channel:
            router_id = _router(RouterControlServiceStub(channel), int(values[DEMO_ROUTER_PORT]))
        with connect(values["REJESHA_BILLING_TARGET"], service="billing") as channel:
            stub = AccountServiceStub(channel)
            _customers(stub, _isp(stub, phones=phones), router_id, phones=phones)
    except ServiceError as error:
        raise DemoRefused(f"the demo data cannot be created: {error}; {settings.DEMO}=false leaves it out.") from error


def _router(stub: RouterControlServiceStub, port: int) -> int:
    there = [router for router in stub.ListRouters(routers.ListRoutersRequest()).routers if router.name == ROUTER]
    if there:
        return there[0].router_id
    router = routers.Router(
        name=ROUTER, address="127.0.0.1", port=port, username="rejesha", password=DEMO_ROUTER_PASSWORD
    )
    return stub.CreateRouter(routers.CreateRouterRequest(router=router)).router.router_id


def _isp(stub: AccountServiceStub, *, phones: bool) -> int:
    there = [isp for isp in stub.ListIsps(pb.ListIspsRequest()).isps if isp.name == ISP]
    if there:
        if there[0].contact_phone and not phones:
            _refuse_numbers()
        return there[0].isp_id
    isp = pb.Isp(
        name=ISP,
        sms_account="SMS001",
        wa_account="WA001",
        pay_account_number="ACC001",
        contact_phone=_CONTACT if phones else "",
    )
    return stub.CreateIsp(pb.CreateIspRequest(isp=isp)).isp.isp_id


def _refuse_numbers() -> None:
    raise DemoRefused(
        "the demo data here has made-up numbers, and messages would reach whoever has them:"
        f" name another {settings.STATE_DIRECTORY}, or {settings.DEMO}=false."
    )


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
        for number, account in enumerate(DEMO_ACCOUNTS, 1)
    ]
    stub.CreateCustomers(pb.CreateCustomersRequest(customers=customers))
