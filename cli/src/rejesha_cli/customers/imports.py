"""Customers from a CSV file: what its columns mean, and what becomes of each line."""

from collections.abc import Iterator, Sequence
from typing import Literal

from rejesha.billing.v1.account_service_pb2 import (
    CreateCustomerResult,
    CreateCustomersRequest,
    Customer,
    CustomerStatus,
)

from rejesha_cli.channels import Channels
from rejesha_cli.imports.rules import BadValue, Field, Line, bounded, day, phone, read_amount, wanted_id
from rejesha_cli.imports.service import LineResult, Parsed
from rejesha_cli.names import Names
from rejesha_cli.records import value_numbers
from servicekit import references

# Also the column names of the predecessor's table, so that its export can be imported as it is.
FIELDS = (
    Field("id", also=("customer_id", "user_id")),
    Field("account_name", also=("account",), required=True),
    Field("full_name", also=("name", "customer")),
    Field("username", also=("pppoe_username", "pppoe_user")),
    Field("package", also=("amount", "package_amount", "price")),
    Field("package_name", also=("plan",)),
    # An id, or a name: whether it is one or the other is refused where it could be both.
    Field("router", also=("router_name",)),
    Field("router_id"),
    Field("isp", also=("isp_name",)),
    Field("isp_id"),
    Field("phone", also=("phone_number", "mobile")),
    Field("next_payment_date", also=("paid_until", "due_date")),
    Field("status"),
)
STATUSES = value_numbers(CustomerStatus.DESCRIPTOR)
# Under the contract's limit of 1000, so that a stop loses sight of few lines.
BATCH = 500


def read(names: Names, line: Line) -> Parsed[Customer]:
    """A line as a customer. Raises BadValue, NoSuchName or AmbiguousName."""
    account = bounded(line.get("account_name"), "account", 100)
    customer = Customer(
        customer_id=wanted_id(line.get("id")),
        account_name=account,
        full_name=line.get("full_name"),
        username=line.get("username"),
        package_cents=read_amount(line.get("package")),
        package_name=line.get("package_name"),
        router_id=names.router_id(line.get("router"), line.get("router_id")),
        isp_id=names.isp_id(line.get("isp"), line.get("isp_id")),
        phone=phone(line.get("phone")),
        next_payment_date=day(line.get("next_payment_date")),
        status=_status(line.get("status")),
    )
    return Parsed(line.number, account, references.normalise(account), customer, customer.customer_id)


def _status(text: str) -> CustomerStatus.ValueType:
    if text and text.lower() not in STATUSES:
        raise BadValue(f"the status {text!r} is none of {', '.join(STATUSES)}")
    return CustomerStatus.ValueType(STATUSES.get(text.lower(), 0))


def create(channels: Channels, items: Sequence[Parsed[Customer]], *, dry_run: bool) -> Iterator[LineResult]:
    """Add what is not there yet, or say what adding it would come to; batch after batch."""
    for start in range(0, len(items), BATCH):
        batch = items[start : start + BATCH]
        request = CreateCustomersRequest(customers=[item.item for item in batch], validate_only=dry_run)
        results = channels.accounts.CreateCustomers(request).results
        for item, result in zip(batch, results, strict=True):
            yield LineResult(item.number, item.name, _word(result), result.error, result.customer_id)


def _word(result: CreateCustomerResult) -> Literal["created", "unchanged", "bad"]:
    if result.error:
        return "bad"
    return "unchanged" if result.unchanged else "created"
