"""AccountService."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from rejesha.billing.v1 import account_service_pb2 as pb
from rejesha.billing.v1 import account_service_pb2_grpc
from sqlalchemy import Engine

from billing import calendar
from billing.accounts import service
from billing.accounts.errors import InvalidChange
from billing.accounts.rules import CustomerFilter, StoredCustomer, StoredIsp
from billing.accounts.service import CustomerResult
from billing.changes import service as changes
from billing.changes import undoing
from billing.changes.authors import read_author
from billing.changes.rules import (
    CUSTOMER_FIELDS,
    ISP_FIELDS,
    ChangeFilter,
    CustomerUpdate,
    Noun,
    UpdateResult,
)
from billing.events.servicer import account_change, event, field_change, list_events
from billing.held import settling
from billing.paging import last_id, next_token, page_size
from billing.payees.rules import Customer, Isp
from billing.payments.rules import check_batch, normalise
from billing.policy import Policy
from servicekit import references

_STATUSES = {"active": pb.CUSTOMER_STATUS_ACTIVE, "inactive": pb.CUSTOMER_STATUS_INACTIVE}


class AccountServicer(account_service_pb2_grpc.AccountServiceServicer):
    """See the proto for what each RPC does."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self._engine = engine
        self._policy = policy

    def CreateIsp(self, request: pb.CreateIspRequest, context: grpc.ServicerContext) -> pb.CreateIspResponse:
        isp = replace(_read_isp(request.isp), closed=False)
        isp_id = service.create_isp(self._engine, isp, validate_only=request.validate_only)
        if request.validate_only:
            return pb.CreateIspResponse(isp=request.isp)
        return pb.CreateIspResponse(isp=self._isp(isp_id))

    def UpdateIsp(self, request: pb.UpdateIspRequest, context: grpc.ServicerContext) -> pb.UpdateIspResponse:
        wanted, fields = _read_isp(request.isp), _fields(request.update_mask, ISP_FIELDS)
        author = read_author(request.actor, request.reason)
        made = changes.update_isp(self._engine, wanted, fields, author, validate_only=request.validate_only)
        return pb.UpdateIspResponse(isp=self._isp(wanted.isp_id), changes=[field_change(one) for one in made])

    def _isp(self, isp_id: int) -> pb.Isp:
        return _isp(next(one for one in service.list_isps(self._engine) if one.isp.isp_id == isp_id))

    def ListIsps(self, request: pb.ListIspsRequest, context: grpc.ServicerContext) -> pb.ListIspsResponse:
        return pb.ListIspsResponse(isps=[_isp(one) for one in service.list_isps(self._engine)])

    def CreateCustomers(
        self, request: pb.CreateCustomersRequest, context: grpc.ServicerContext
    ) -> pb.CreateCustomersResponse:
        check_batch(len(request.customers), 1000)
        read = [_read(message) for message in request.customers]
        good = [one for one in read if isinstance(one, Customer)]
        made = iter(service.create_customers(self._engine, good, validate_only=request.validate_only))
        results = [one if isinstance(one, CustomerResult) else next(made) for one in read]
        return pb.CreateCustomersResponse(
            results=[
                pb.CreateCustomerResult(customer_id=result.customer_id, unchanged=result.unchanged, error=result.error)
                for result in results
            ]
        )

    def UpdateCustomers(
        self, request: pb.UpdateCustomersRequest, context: grpc.ServicerContext
    ) -> pb.UpdateCustomersResponse:
        check_batch(len(request.updates), 1000)
        author = read_author(request.actor, request.reason)
        read = [_read_update(message) for message in request.updates]
        good = [one for one in read if isinstance(one, CustomerUpdate)]
        made = iter(
            changes.update_customers(self._engine, self._policy, good, author, validate_only=request.validate_only)
        )
        results = [next(made) if isinstance(one, CustomerUpdate) else one for one in read]
        if mended := _mended(read, results) if not request.validate_only else ():
            settling.settle(self._engine, self._policy, mended, author.actor)
        return pb.UpdateCustomersResponse(results=[_updated(one) for one in results])

    def ListChanges(self, request: pb.ListChangesRequest, context: grpc.ServicerContext) -> pb.ListChangesResponse:
        limit = page_size(request.page_size)
        noun = {"isp_id": Noun.ISP, "customer_id": Noun.CUSTOMER, None: None}[request.WhichOneof("whose")]
        since = request.since.ToDatetime(tzinfo=UTC) if request.HasField("since") else None
        asked = ChangeFilter(noun, request.isp_id or request.customer_id, request.actor.strip(), since)
        found = changes.list_changes(self._engine, asked, last_id(request.page_token), limit)
        return pb.ListChangesResponse(
            changes=[account_change(one) for one in found],
            next_page_token=next_token([one.change_id for one in found], limit),
        )

    def UndoChange(self, request: pb.UndoChangeRequest, context: grpc.ServicerContext) -> pb.UndoChangeResponse:
        author = read_author(request.actor, request.reason)
        undone = undoing.undo(self._engine, self._policy, request.change_id, author)
        whose = "isp_id" if undone.noun is Noun.ISP else "customer_id"
        if undone.noun is Noun.CUSTOMER and settling.MENDED & {one.field for one in undone.changes}:
            settling.settle(self._engine, self._policy, [undone.noun_id], author.actor)
        made = [field_change(one) for one in undone.changes]
        return pb.UndoChangeResponse(changes=made, **{whose: undone.noun_id})

    def GetCustomer(self, request: pb.GetCustomerRequest, context: grpc.ServicerContext) -> pb.GetCustomerResponse:
        found = service.get_customer(self._engine, request.account_name, request.customer_id)
        return pb.GetCustomerResponse(customer=_customer(found))

    def ListCustomers(
        self, request: pb.ListCustomersRequest, context: grpc.ServicerContext
    ) -> pb.ListCustomersResponse:
        limit = page_size(request.page_size)
        wanted = CustomerFilter(
            isp_id=request.isp_id,
            paid_beyond=calendar.today(datetime.now(UTC)) if request.paid_but_not_on else None,
            account=normalise(request.account_name),
            matching=request.matching.strip(),
            without_number=request.without_number,
        )
        found = service.list_customers(self._engine, wanted, last_id(request.page_token), limit)
        return pb.ListCustomersResponse(
            customers=[_customer(one) for one in found],
            next_page_token=next_token([one.customer.customer_id for one in found], limit),
        )

    def ListCustomerEvents(
        self, request: pb.ListCustomerEventsRequest, context: grpc.ServicerContext
    ) -> pb.ListCustomerEventsResponse:
        customer, events, token = list_events(self._engine, request)
        return pb.ListCustomerEventsResponse(
            customer=_customer(customer), events=[event(one) for one in events], next_page_token=token
        )


def _mended(read: Sequence[CustomerUpdate | UpdateResult], results: Sequence[UpdateResult]) -> set[int]:
    """The customers who have been given what their payments may have been held for want of."""
    return {
        result.customer_id
        for update, result in zip(read, results, strict=True)
        if isinstance(update, CustomerUpdate) and not result.error and settling.MENDING & set(update.fields)
    }


def _isp(stored: StoredIsp) -> pb.Isp:
    isp = stored.isp
    return pb.Isp(
        isp_id=isp.isp_id,
        name=isp.name,
        sms_account=isp.sms_account,
        wa_account=isp.wa_account,
        pay_account_number=isp.pay_account_number,
        contact_phone=isp.contact_phone,
        wallet_cents=stored.wallet_cents,
        sms_credits=stored.sms_credits,
        whatsapp_credits=stored.whatsapp_credits,
        closed=isp.closed,
        close_time=stored.close_time,
    )


def _read_isp(message: pb.Isp) -> Isp:
    return Isp(
        isp_id=message.isp_id,
        name=message.name.strip(),
        contact_phone=_digits(message.contact_phone),
        sms_account=references.clean(message.sms_account),
        wa_account=references.clean(message.wa_account),
        pay_account_number=references.clean(message.pay_account_number),
        closed=message.closed,
    )


def _fields(mask: FieldMask, known: Sequence[str]) -> Sequence[str]:
    """The fields that a request wants to change. Raises InvalidChange."""
    paths = list(dict.fromkeys(mask.paths))
    if not paths or not set(paths) <= set(known):
        raise InvalidChange(f"update_mask: some of {', '.join(known)}")
    return paths


def _read_update(message: pb.CustomerUpdate) -> CustomerUpdate | UpdateResult:
    """An update of a request, or what is wrong with its date. Raises InvalidChange."""
    fields = _fields(message.update_mask, CUSTOMER_FIELDS)
    customer = _read(message.customer)
    if isinstance(customer, CustomerResult):
        return UpdateResult(error=customer.error)
    customer.closed = message.customer.closed
    return CustomerUpdate(message.customer_id, message.account, fields, customer)


def _updated(result: UpdateResult) -> pb.UpdateCustomerResult:
    return pb.UpdateCustomerResult(
        customer_id=result.customer_id,
        changes=[field_change(one) for one in result.changes],
        error=result.error,
        line_shared=result.line_shared,
    )


def _digits(phone: str) -> str:
    """A number without the spaces and dashes that people write into it."""
    return "".join(phone.split()).replace("-", "")


def _day(text: str) -> date | None:
    if not text:
        return None
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError(text)  # 20260131 and 2026-W05-6 are days too, but not as we promised
    return day


def _read(message: pb.Customer) -> Customer | CustomerResult:
    """The customer of a request, or what is wrong with its date."""
    try:
        due_date = _day(message.next_payment_date)
    except ValueError:
        return CustomerResult(error="next_payment_date: not a day as YYYY-MM-DD")
    return Customer(
        customer_id=message.customer_id,
        account_name=references.clean(message.account_name),
        full_name=message.full_name.strip(),
        username=message.username.strip(),
        phone=_digits(message.phone),
        package_cents=message.package_cents or None,
        router_id=message.router_id or None,
        isp_id=message.isp_id or None,
        next_payment_date=due_date,
        active=message.status == pb.CUSTOMER_STATUS_ACTIVE,
        package_name=message.package_name.strip(),
    )


def _customer(stored: StoredCustomer) -> pb.Customer:
    customer = stored.customer
    return pb.Customer(
        customer_id=customer.customer_id,
        full_name=customer.full_name,
        username=customer.username,
        account_name=customer.account_name,
        package_cents=customer.package_cents or 0,
        router_id=customer.router_id or 0,
        isp_id=customer.isp_id or 0,
        phone=customer.phone,
        next_payment_date=customer.next_payment_date.isoformat() if customer.next_payment_date else "",
        status=_STATUSES.get(stored.status, pb.CUSTOMER_STATUS_UNSPECIFIED),
        last_reconnect_time=stored.last_reconnect_time,
        closed=customer.closed,
        close_time=stored.close_time,
        package_name=customer.package_name,
        period=str(customer.period),
        line_package=customer.line_package,
        package_day=customer.package_day.isoformat() if customer.package_day else "",
    )
