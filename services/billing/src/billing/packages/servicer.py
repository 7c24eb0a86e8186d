"""PackageService."""

from collections.abc import Iterable

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from rejesha.billing.v1 import package_service_pb2 as pb
from rejesha.billing.v1 import package_service_pb2_grpc
from sqlalchemy import Engine

from billing.calendar import MONTH
from billing.changes.authors import read_author
from billing.changes.rules import FieldChange
from billing.held import settling
from billing.lines.service import Whom
from billing.packages import service
from billing.packages.errors import InvalidPackage
from billing.packages.rules import Package, read_period
from billing.packages.service import Order, Sold
from billing.policy import Policy

_FIELDS = ("price_cents", "period", "profile", "closed")
_AT_RENEWAL = {pb.PACKAGE_START_AT_ONCE: False, pb.PACKAGE_START_AT_RENEWAL: True}


class PackageServicer(package_service_pb2_grpc.PackageServiceServicer):
    """See the proto for what each RPC does."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self._engine = engine
        self._policy = policy

    def CreatePackage(
        self, request: pb.CreatePackageRequest, context: grpc.ServicerContext
    ) -> pb.CreatePackageResponse:
        request.package.closed = False
        author = read_author(request.actor, request.reason)
        return pb.CreatePackageResponse(package=_package(service.create(self._engine, _read(request.package), author)))

    def ListPackages(self, request: pb.ListPackagesRequest, context: grpc.ServicerContext) -> pb.ListPackagesResponse:
        found = service.list_packages(self._engine, request.isp_id)
        return pb.ListPackagesResponse(packages=[_package(one) for one in found])

    def UpdatePackage(
        self, request: pb.UpdatePackageRequest, context: grpc.ServicerContext
    ) -> pb.UpdatePackageResponse:
        author = read_author(request.actor, request.reason)
        wanted, fields = _read(request.package), _fields(request.update_mask)
        sold, made = service.update(self._engine, wanted, fields, author, validate_only=request.validate_only)
        return pb.UpdatePackageResponse(package=_package(sold), changes=_told(made))

    def ChangePackage(
        self, request: pb.ChangePackageRequest, context: grpc.ServicerContext
    ) -> pb.ChangePackageResponse:
        if request.start not in _AT_RENEWAL:
            raise InvalidPackage("start: AT_ONCE or AT_RENEWAL")
        author = read_author(request.actor, request.reason)
        order = Order(request.package_name.strip(), _AT_RENEWAL[request.start])
        whom, only = Whom(request.customer_id, request.account_name), request.validate_only
        done, made = service.change(self._engine, self._policy, whom, order, author, validate_only=only)
        if not only and any(one.field == "package" for one in made):
            settling.settle(self._engine, self._policy, {done.customer.customer_id}, author.actor)
        return pb.ChangePackageResponse(
            customer_id=done.customer.customer_id,
            unused_days=done.unused_days,
            given_days=done.given_days,
            start_day=done.day.isoformat() if done.day else "",
            changes=_told(made),
        )

    def CancelPackageChange(
        self, request: pb.CancelPackageChangeRequest, context: grpc.ServicerContext
    ) -> pb.CancelPackageChangeResponse:
        author = read_author(request.actor, request.reason)
        whom = Whom(request.customer_id, request.account_name)
        undone = service.cancel(self._engine, self._policy, whom, author)
        return pb.CancelPackageChangeResponse(customer_id=undone.noun_id, changes=_told(undone.changes))


def _read(message: pb.Package) -> Package:
    """Raises InvalidPackage."""
    try:
        period = read_period(message.period) if message.period.strip() else MONTH
    except ValueError as error:
        raise InvalidPackage(f"period: {error}") from error
    name, profile = message.name.strip(), message.profile.strip()
    return Package(message.isp_id, name, message.price_cents, period, profile, message.closed)


def _fields(mask: FieldMask) -> list[str]:
    paths = list(dict.fromkeys(mask.paths))
    if not paths or not set(paths) <= set(_FIELDS):
        raise InvalidPackage(f"update_mask: some of {', '.join(_FIELDS)}")
    return paths


def _package(sold: Sold) -> pb.Package:
    package = sold.package
    return pb.Package(
        isp_id=package.isp_id,
        name=package.name,
        price_cents=package.price_cents,
        period=str(package.period),
        profile=package.profile,
        closed=package.closed,
        customers=sold.customers,
    )


def _told(made: Iterable[FieldChange]) -> list[pb.PackageFieldChange]:
    return [pb.PackageFieldChange(field=one.field, before=one.before, after=one.after) for one in made]
