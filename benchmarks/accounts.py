"""The ISPs and customers of a run. An account is four digits and a suffix, which says what the customer is for.

HW: customers of one ISP, whose wallet is hot. MW: customers of many ISPs. RC: customers of one ISP on one router.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import grpc
from rejesha.billing.v1 import account_service_pb2 as pb
from rejesha.billing.v1.account_service_pb2_grpc import AccountServiceStub

PACKAGE_CENTS = 100_000
_PER_CALL = 500
_OVERDUE = "2026-01-15"


@dataclass(frozen=True)
class Size:
    """How many customers of each kind, at most 10,000 (an account has four digits), and ISPs that share the MW ones."""

    hot: int
    many: int
    many_isps: int
    waiting: int

    def of(self, suffix: str) -> int:
        return {"HW": self.hot, "MW": self.many, "RC": self.waiting}[suffix]


def router_of(suffix: str, number: int, router_ids: Sequence[int]) -> int:
    """The router of a customer: paying ones are spread over all towers, waiting ones are on the first returning router.

    `router_ids`: the towers, then the returning routers.
    """
    towers = router_ids[:-2]
    return router_ids[-2] if suffix == "RC" else towers[number % len(towers)]


def create(channel: grpc.Channel, size: Size, router_ids: Sequence[int]) -> None:
    """Create all of them in billing, and close the channel to it."""
    with channel:
        stub = AccountServiceStub(channel)
        _create_customers(stub, "HW", size.hot, [_isp(stub, "Hot")], router_ids)
        isps = [_isp(stub, f"Many {number}") for number in range(size.many_isps)]
        _create_customers(stub, "MW", size.many, isps, router_ids)
        _create_customers(stub, "RC", size.waiting, [_isp(stub, "Waiting")], router_ids)


def _isp(stub: AccountServiceStub, name: str) -> int:
    isp = pb.Isp(name=name, contact_phone="254711000001")
    return stub.CreateIsp(pb.CreateIspRequest(isp=isp)).isp.isp_id


def _create_customers(
    stub: AccountServiceStub, suffix: str, count: int, isps: Sequence[int], router_ids: Sequence[int]
) -> None:
    customers = list(_customers(suffix, count, isps, router_ids))
    for start in range(0, count, _PER_CALL):
        answer = stub.CreateCustomers(pb.CreateCustomersRequest(customers=customers[start : start + _PER_CALL]))
        faults = [result.error for result in answer.results if result.error]
        if faults:
            raise AssertionError(f"{len(faults)} customers were refused, the first: {faults[0]}")


def _customers(suffix: str, count: int, isps: Sequence[int], router_ids: Sequence[int]) -> Iterator[pb.Customer]:
    for number in range(count):
        account = f"{number:04d}{suffix}"
        yield pb.Customer(
            full_name=f"Customer {account}",
            username=account,
            account_name=account,
            package_cents=PACKAGE_CENTS,
            router_id=router_of(suffix, number, router_ids),
            isp_id=isps[number % len(isps)],
            phone=f"25471{number:07d}",
            next_payment_date=_OVERDUE,
        )
