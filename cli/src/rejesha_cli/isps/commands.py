"""`rejesha isp …`: the internet providers that are paid."""

from functools import partial
from pathlib import Path

import click
from rejesha.billing.v1.account_service_pb2 import CreateIspRequest, Isp, ListIspsRequest

from rejesha_cli.changes import undo, with_reason
from rejesha_cli.context import (
    PHONE,
    Connections,
    with_author,
    with_connections,
    with_csv,
    with_dry_run,
    with_export,
    with_file,
    with_json,
    with_update,
)
from rejesha_cli.imports.exporting import export as write_file
from rejesha_cli.imports.service import Author, run_import
from rejesha_cli.isps import changes, imports, updates
from rejesha_cli.records import record
from rejesha_cli.tables import Column, moment, money, print_json, say, show_list

COLUMNS = (
    Column("Id", "isp_id"),
    Column("Name", "name"),
    Column("SMS account", "sms_account"),
    Column("WhatsApp account", "wa_account"),
    Column("Wallet account", "pay_account_number"),
    Column("Contact", "contact_phone"),
    Column("Wallet KES", "wallet", money),
    Column("SMS credits", "sms_credits"),
    Column("WhatsApp credits", "whatsapp_credits"),
    Column("Closed", "close_time", moment),
)


@click.group(help="Internet providers.")
def isp() -> None:
    """Only holds its commands."""


for _change in (changes.update, changes.close, changes.reopen, changes.history, undo):
    isp.add_command(_change)


@isp.command("add")
@click.argument("name")
@click.option("--sms-account", default="", help="Reference that buys SMS credits, such as SMS001.")
@click.option("--wa-account", default="", help="Reference that buys WhatsApp credits, such as WA001.")
@click.option("--pay-account", default="", help="Reference that pays into the wallet, such as ACC001.")
@click.option("--contact-phone", type=PHONE, default="", help="Where the ISP gets its messages.")
@with_json
@with_connections
def add(
    connected: Connections,
    *,
    name: str,
    sms_account: str,
    wa_account: str,
    pay_account: str,
    contact_phone: str,
    as_json: bool,
) -> None:
    """Add an ISP."""
    wanted = Isp(
        name=name,
        sms_account=sms_account,
        wa_account=wa_account,
        pay_account_number=pay_account,
        contact_phone=contact_phone,
    )
    created = connected.channels.accounts.CreateIsp(CreateIspRequest(isp=wanted)).isp
    if as_json:
        print_json(record(created))
    else:
        say(f"ISP {created.isp_id} is added: {created.name}.")


@isp.command("list")
@with_csv
@with_json
@with_connections
def list_isps(connected: Connections, *, as_json: bool, as_csv: bool) -> None:
    """List the ISPs with their wallets and credits."""
    isps = connected.channels.accounts.ListIsps(ListIspsRequest()).isps
    show_list("isps", COLUMNS, ([record(one) for one in isps], False), as_json=as_json, as_csv=as_csv, title="ISPs")


@isp.command("import")
@with_file
@with_export
@with_update
@with_reason
@with_author
@with_dry_run
@with_json
@with_connections
def import_isps(  # noqa: PLR0913
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
    """Add the ISPs of a file, with its ids; those that are there already stay, unless --update says otherwise.

    FILE is CSV or XLSX and has a header row; columns: id, name, sms_account, … What a line leaves empty stays.
    """
    channels = connected.channels
    if export:
        write_file(file, updates.COLUMNS, updates.rows(channels), as_json=as_json)
        return
    create = partial(updates.update, channels, Author(by, reason)) if update else partial(imports.create, channels)
    about_ids = "ISPs that have no id in the file get a new one: let a customers' file name them, not their ids."
    run_import(file, imports.FIELDS, imports.read, create, dry_run=dry_run, as_json=as_json, about_new_ids=about_ids)
