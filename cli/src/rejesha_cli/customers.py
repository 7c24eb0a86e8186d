"""`rejesha customer …`: those who buy internet from an ISP."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rejesha.billing.v1.directory_service_pb2 import (
    CreateCustomerResult,
    CreateCustomersRequest,
    Customer,
    CustomerStatus,
    GetCustomerRequest,
    ListCustomersRequest,
)

from rejesha_cli.channels import Channels
from rejesha_cli.context import AsJson, DryRun, Limit, amount, connections
from rejesha_cli.csv_rows import BadValue, Field, Line, bounded, day, read_amount, wanted_id
from rejesha_cli.csv_rows import phone as read_phone
from rejesha_cli.errors import CommandFailed
from rejesha_cli.imports import LineResult, Parsed, run_import
from rejesha_cli.names import Names
from rejesha_cli.pages import read_pages
from rejesha_cli.records import Record, record, words
from rejesha_cli.tables import Column, moment, money, print_json, say, show_list, show_record, state

app = typer.Typer(no_args_is_help=True, help="Customers of the ISPs.")

COLUMNS = (
    Column("Account", "account_name"),
    Column("Name", "full_name"),
    Column("Status", "status", state),
    Column("Paid until", "next_payment_date"),
    Column("Package KES", "package", money),
    Column("ISP", "isp"),
    Column("Router", "router"),
    Column("Username", "username"),
    Column("Phone", "phone"),
    Column("Last on", "last_reconnect_time", moment),
)

# Also the column names of the predecessor's table, so that its export can be imported as it is.
FIELDS = (
    Field("id", also=("customer_id", "user_id")),
    Field("account_name", also=("account",), required=True),
    Field("full_name", also=("name", "customer")),
    Field("username", also=("pppoe_username", "pppoe_user")),
    Field("package", also=("amount", "package_amount", "price")),
    # An id, or a name: whether it is one or the other is refused where it could be both.
    Field("router", also=("router_name",)),
    Field("router_id"),
    Field("isp", also=("isp_name",)),
    Field("isp_id"),
    Field("phone", also=("phone_number", "mobile")),
    Field("next_payment_date", also=("paid_until", "due_date")),
    Field("status"),
)
_STATUSES = words(CustomerStatus.DESCRIPTOR)
# Under the contract's limit of 1000, so that a stop loses sight of few lines.
_BATCH = 500


@app.command("add")
def add(  # noqa: PLR0913, PLR0917
    ctx: typer.Context,
    account: Annotated[str, typer.Argument(help="The reference that the customer types when paying.")],
    name: Annotated[str, typer.Option(help="The customer's full name.")] = "",
    isp: Annotated[str, typer.Option(help="The ISP, by id or name.")] = "",
    package: Annotated[int, typer.Option(parser=amount, metavar="KES", help="The price of a month.")] = 0,
    router: Annotated[str, typer.Option(help="The router, by id or name.")] = "",
    username: Annotated[str, typer.Option(help="The name of the PPPoE secret.")] = "",
    phone: Annotated[str, typer.Option(parser=read_phone, metavar="PHONE", help="A Kenyan mobile number.")] = "",
    next_payment_date: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="Paid until this day.")] = "",
    status: Annotated[Literal["active", "inactive"], typer.Option(help="Whether the line is on now.")] = "inactive",
    as_json: AsJson = False,
) -> None:
    """Add a customer."""
    channels = connections(ctx).channels
    names = Names(channels)
    customer = Customer(
        account_name=account,
        full_name=name,
        isp_id=names.isp_id(isp),
        package_cents=package,
        router_id=names.router_id(router),
        username=username,
        phone=phone,
        next_payment_date=next_payment_date,
        status=CustomerStatus.ValueType(_STATUSES[status]),
    )
    (result,) = channels.directory.CreateCustomers(CreateCustomersRequest(customers=[customer])).results
    if result.error:
        raise CommandFailed(f"{account} is not added: {result.error}.")
    if as_json:
        print_json(record(result))
    else:
        say(f"{account} {'is there already, unchanged' if result.unchanged else 'is added'}.")


@app.command("list")
def list_customers(
    ctx: typer.Context,
    isp: Annotated[str, typer.Option(help="Only this ISP's, by id or name.")] = "",
    paid_but_not_on: Annotated[
        bool, typer.Option("--paid-but-not-on", help="Only those who have paid and whose line is not confirmed on.")
    ] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List customers."""
    channels = connections(ctx).channels
    names = Names(channels)
    isp_id = names.isp_id(isp)

    def fetch(size: int, token: str) -> object:
        return channels.directory.ListCustomers(
            ListCustomersRequest(isp_id=isp_id, paid_but_not_on=paid_but_not_on, page_size=size, page_token=token)
        )

    records, more = read_pages(fetch, "customers", limit)
    shown = records if as_json else [_labelled(one, names) for one in records]
    show_list("customers", COLUMNS, (shown, more), as_json=as_json)


@app.command("show")
def show(
    ctx: typer.Context,
    account: Annotated[str, typer.Argument(help="The account; case and spaces do not matter.")],
    as_json: AsJson = False,
) -> None:
    """Show one customer."""
    channels = connections(ctx).channels
    found = record(channels.directory.GetCustomer(GetCustomerRequest(account_name=account)).customer)
    if as_json:
        print_json(found)
    else:
        show_record(f"Customer {found['customer_id']}", COLUMNS, _labelled(found, Names(channels)))


@app.command("import")
def import_customers(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a header row; columns: account_name, full_name, package, …")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add the customers of a CSV file; those that are there already stay as they are."""
    channels = connections(ctx).channels
    names = Names(channels)

    def read(line: Line) -> Parsed[Customer]:
        return _read(line, names)

    def create(items: Sequence[Parsed[Customer]], *, dry_run: bool) -> Iterator[LineResult]:
        return _create(channels, items, dry_run=dry_run)

    run_import(file, FIELDS, read, create, dry_run=dry_run, as_json=as_json)


def _labelled(customer: Record, names: Names) -> Record:
    isp, router = names.isp_label(customer["isp_id"]), names.router_label(customer["router_id"])
    return {**customer, "isp": isp, "router": router}


def _read(line: Line, names: Names) -> Parsed[Customer]:
    account = bounded(line.get("account_name"), "account", 100)
    customer = Customer(
        customer_id=wanted_id(line.get("id")),
        account_name=account,
        full_name=line.get("full_name"),
        username=line.get("username"),
        package_cents=read_amount(line.get("package")),
        router_id=names.router_id(line.get("router"), line.get("router_id")),
        isp_id=names.isp_id(line.get("isp"), line.get("isp_id")),
        phone=read_phone(line.get("phone")),
        next_payment_date=day(line.get("next_payment_date")),
        status=_status(line.get("status")),
    )
    return Parsed(line.number, account, "".join(account.split()).casefold(), customer, customer.customer_id)


def _status(text: str) -> CustomerStatus.ValueType:
    if text and text.lower() not in _STATUSES:
        raise BadValue(f"the status {text!r} is none of {', '.join(_STATUSES)}")
    return CustomerStatus.ValueType(_STATUSES.get(text.lower(), 0))


def _create(channels: Channels, items: Sequence[Parsed[Customer]], *, dry_run: bool) -> Iterator[LineResult]:
    for start in range(0, len(items), _BATCH):
        batch = items[start : start + _BATCH]
        request = CreateCustomersRequest(customers=[item.item for item in batch], validate_only=dry_run)
        results = channels.directory.CreateCustomers(request).results
        for item, result in zip(batch, results, strict=True):
            yield LineResult(item.number, item.name, _word(result), result.error, result.customer_id)


def _word(result: CreateCustomerResult) -> Literal["created", "unchanged", "bad"]:
    if result.error:
        return "bad"
    return "unchanged" if result.unchanged else "created"
