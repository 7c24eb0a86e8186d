"""AccountService."""

from datetime import UTC, date, datetime
from typing import Any

import grpc
from rejesha.billing.v1 import account_service_pb2 as pb
from rejesha.billing.v1 import account_service_pb2_grpc
from servicekit.moments import to_timestamp
from sqlalchemy import Engine

from billing import calendar
from billing.accounts import service as directory
from billing.accounts.rules import Customer, Isp
from billing.accounts.service import CustomerResult
from billing.paging import check_batch, last_id, next_token, page_size

_STATUSES = {"active": pb.CUSTOMER_STATUS_ACTIVE, "inactive": pb.CUSTOMER_STATUS_INACTIVE}


class AccountServicer(account_service_pb2_grpc.AccountServiceServicer):
    """See the proto for what each RPC does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def CreateIsp(self, request: pb.CreateIspRequest, context: grpc.ServicerContext) -> pb.CreateIspResponse:
        isp = Isp(
            isp_id=request.isp.isp_id,
            name=request.isp.name.strip(),
            contact_phone=_digits(request.isp.contact_phone),
            sms_account=request.isp.sms_account.strip(),
            wa_account=request.isp.wa_account.strip(),
            pay_account_number=request.isp.pay_account_number.strip(),
        )
        isp_id = directory.create_isp(self._engine, isp, validate_only=request.validate_only)
        if request.validate_only:
            return pb.CreateIspResponse(isp=request.isp)
        created = next(row for row in directory.list_isps(self._engine) if row.id == isp_id)
        return pb.CreateIspResponse(isp=_isp(created))

    def ListIsps(self, request: pb.ListIspsRequest, context: grpc.ServicerContext) -> pb.ListIspsResponse:
        return pb.ListIspsResponse(isps=[_isp(row) for row in directory.list_isps(self._engine)])

    def CreateCustomers(
        self, request: pb.CreateCustomersRequest, context: grpc.ServicerContext
    ) -> pb.CreateCustomersResponse:
        check_batch(len(request.customers), 1000)
        read = [_read(message) for message in request.customers]
        good = [one for one in read if isinstance(one, Customer)]
        made = iter(directory.create_customers(self._engine, good, validate_only=request.validate_only))
        results = [one if isinstance(one, CustomerResult) else next(made) for one in read]
        return pb.CreateCustomersResponse(
            results=[
                pb.CreateCustomerResult(customer_id=result.customer_id, unchanged=result.unchanged, error=result.error)
                for result in results
            ]
        )

    def GetCustomer(self, request: pb.GetCustomerRequest, context: grpc.ServicerContext) -> pb.GetCustomerResponse:
        return pb.GetCustomerResponse(customer=_customer(directory.get_customer(self._engine, request.account_name)))

    def ListCustomers(
        self, request: pb.ListCustomersRequest, context: grpc.ServicerContext
    ) -> pb.ListCustomersResponse:
        limit = page_size(request.page_size)
        today = calendar.today(datetime.now(UTC)) if request.paid_but_not_on else None
        rows = directory.list_customers(self._engine, request.isp_id, today, last_id(request.page_token), limit)
        return pb.ListCustomersResponse(
            customers=[_customer(row) for row in rows],
            next_page_token=next_token([row.id for row in rows], limit),
        )


def _isp(row: Any) -> pb.Isp:
    return pb.Isp(
        isp_id=row.id,
        name=row.name or "",
        sms_account=row.smsaccount or "",
        wa_account=row.waaccount or "",
        pay_account_number=row.pay_account_number or "",
        contact_phone=row.contact_phone or "",
        wallet_cents=row.balance or 0,
        sms_credits=row.sms_credits or 0,
        whatsapp_credits=row.whatsapp_credits or 0,
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
        account_name=message.account_name.strip(),
        full_name=message.full_name.strip(),
        username=message.username.strip(),
        phone=_digits(message.phone),
        package_cents=message.package_cents or None,
        router_id=message.router_id or None,
        isp_id=message.isp_id or None,
        next_payment_date=due_date,
        active=message.status == pb.CUSTOMER_STATUS_ACTIVE,
    )


def _customer(row: Any) -> pb.Customer:
    return pb.Customer(
        customer_id=row.id,
        full_name=row.full_name or "",
        username=row.username or "",
        account_name=row.account_name or "",
        package_cents=row.amount or 0,
        router_id=row.router_id or 0,
        isp_id=row.isp_id or 0,
        phone=row.phone or "",
        next_payment_date=row.next_payment_date.isoformat() if row.next_payment_date else "",
        status=_STATUSES.get(row.status, pb.CUSTOMER_STATUS_UNSPECIFIED),
        last_reconnect_time=to_timestamp(row.last_reconnected_at),
    )
