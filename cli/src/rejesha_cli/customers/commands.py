"""`rejesha customer …`: those who buy internet from an ISP."""

from functools import partial
from pathlib import Path

import click
from rejesha.billing.v1.account_service_pb2 import (
    CreateCustomersRequest,
    Customer,
    CustomerStatus,
    ListCustomersRequest,
)

from rejesha_cli.changes import undo, with_reason
from rejesha_cli.context import (
    PHONE,
    Connections,
    ReadAs,
    with_author,
    with_connections,
    with_csv,
    with_dry_run,
    with_export,
    with_file,
    with_json,
    with_limit,
    with_update,
)
from rejesha_cli.customers import changes, imports, updates
from rejesha_cli.customers.credit import credit
from rejesha_cli.customers.overview import show
from rejesha_cli.customers.packages import package as give_package
from rejesha_cli.customers.personal import disclose, erase
from rejesha_cli.customers.timeline import timeline
from rejesha_cli.customers.views import COLUMNS, labelled
from rejesha_cli.errors import CommandFailed
from rejesha_cli.imports.exporting import export as write_file
from rejesha_cli.imports.service import Author, run_import
from rejesha_cli.money import parse_cents
from rejesha_cli.names import Names
from rejesha_cli.records import read_pages, record
from rejesha_cli.tables import print_json, say, show_list


@click.group(help="Customers of the ISPs.")
def customer() -> None:
    """Only holds its commands."""


for _change in (changes.update, changes.close, changes.reopen, changes.history, undo, credit):
    customer.add_command(_change)


@customer.command("add")
@click.argument("account")
@click.option("--name", default="", help="The customer's full name.")
@click.option("--isp", default="", help="The ISP, by id or name.")
@click.option("--package", type=ReadAs("KES", parse_cents), default=0, help="The price of a month, or of a package.")
@click.option("--package-name", default="", metavar="NAME", help="The package, one that the ISP sells.")
@click.option("--router", default="", help="The router, by id or name.")
@click.option("--username", default="", help="The name of the PPPoE secret.")
@click.option("--phone", type=PHONE, default="", help="A Kenyan mobile number.")
@click.option("--next-payment-date", metavar="YYYY-MM-DD", default="", help="Paid until this day.")
@click.option(
    "--status", type=click.Choice(list(imports.STATUSES)), default="inactive", help="Whether the line is on now."
)
@with_json
@with_connections
def add(  # noqa: PLR0913
    connected: Connections,
    *,
    account: str,
    name: str,
    isp: str,
    package: int,
    package_name: str,
    router: str,
    username: str,
    phone: str,
    next_payment_date: str,
    status: str,
    as_json: bool,
) -> None:
    """Add a customer. ACCOUNT is the reference that the customer types when paying."""
    channels = connected.channels
    names = Names(channels)
    wanted = Customer(
        account_name=account,
        full_name=name,
        isp_id=names.isp_id(isp),
        package_cents=package,
        package_name=package_name,
        router_id=names.router_id(router),
        username=username,
        phone=phone,
        next_payment_date=next_payment_date,
        status=CustomerStatus.ValueType(imports.STATUSES[status]),
    )
    (result,) = channels.accounts.CreateCustomers(CreateCustomersRequest(customers=[wanted])).results
    if result.error:
        raise CommandFailed(f"{account} is not added: {result.error}.")
    if as_json:
        print_json(record(result))
    else:
        say(f"{account} {'is there already, unchanged' if result.unchanged else 'is added'}.")


@customer.command("list")
@click.option("--isp", default="", help="Only this ISP's, by id or name.")
@click.option("--paid-but-not-on", is_flag=True, help="Only those who have paid and whose line is not confirmed on.")
@click.option("--without-number", is_flag=True, help="Only those who have no mobile number on record: no SMS goes out.")
@with_limit
@with_csv
@with_json
@with_connections
def list_customers(
    connected: Connections,
    *,
    isp: str,
    paid_but_not_on: bool,
    without_number: bool,
    limit: int,
    as_json: bool,
    as_csv: bool,
) -> None:
    """List customers."""
    channels = connected.channels
    names = Names(channels)
    isp_id = names.isp_id(isp)

    def fetch(size: int, token: str) -> object:
        request = ListCustomersRequest(
            isp_id=isp_id,
            paid_but_not_on=paid_but_not_on,
            without_number=without_number,
            page_size=size,
            page_token=token,
        )
        return channels.accounts.ListCustomers(request)

    records, more = read_pages(fetch, "customers", limit)
    shown = records if as_json or as_csv else [labelled(one, names) for one in records]
    show_list("customers", COLUMNS, (shown, more), as_json=as_json, as_csv=as_csv)


customer.add_command(show)
customer.add_command(timeline)
customer.add_command(give_package)
customer.add_command(disclose)
customer.add_command(erase)


@customer.command("import")
@with_file
@with_export
@with_update
@with_reason
@with_author
@with_dry_run
@with_json
@with_connections
def import_customers(  # noqa: PLR0913
    connected: Connections,
    *,
    file: Path,
    export: bool,
    update: bool,
    reason: str,
    by: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add the customers of a file; those that are there already stay as they are, unless --update says otherwise.

    FILE is CSV or XLSX and has a header row; columns: account_name, full_name, package, … With --update a due date is
    changed only with --reason, and what a line leaves empty stays.
    """
    channels = connected.channels
    if export:
        write_file(file, updates.COLUMNS, updates.rows(channels), as_json=as_json)
        return
    read = partial(imports.read, Names(channels))
    create = partial(updates.update, channels, Author(by, reason)) if update else partial(imports.create, channels)
    run_import(file, imports.FIELDS, read, create, dry_run=dry_run, as_json=as_json)
