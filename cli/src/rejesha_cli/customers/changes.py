"""`rejesha customer update | close | reopen | history`: a customer's record, changed with what was kept."""

from typing import Any

import click
from rejesha.billing.v1.account_service_pb2 import (
    Customer,
    CustomerUpdate,
    GetCustomerRequest,
    ListChangesRequest,
    UpdateCustomerResult,
    UpdateCustomersRequest,
)
from rejesha.billing.v1.line_service_pb2 import GetLineRequest, LineOwner

from rejesha_cli import changes
from rejesha_cli.channels import Channels
from rejesha_cli.context import (
    PHONE,
    Connections,
    ReadAs,
    with_author,
    with_connections,
    with_csv,
    with_json,
    with_limit,
    with_yes,
)
from rejesha_cli.errors import CommandFailed
from rejesha_cli.money import parse_cents
from rejesha_cli.names import Names
from rejesha_cli.records import record
from rejesha_cli.tables import print_json, remark, say

_FIELDS = {
    "account": "account_name", "name": "full_name", "isp": "isp_id", "package": "package_cents", "router": "router_id"
}  # fmt: skip
with_customer = click.argument("who", metavar="CUSTOMER")


def whom(text: str) -> tuple[int, str]:
    """A customer's id, or 0 and an account: "id:12" is the customer 12, anything else an account."""
    number = text.strip().removeprefix("id:")
    return (int(number), "") if number != text.strip() and number.isascii() and number.isdigit() else (0, text)


def get(channels: Channels, who: str) -> Customer:
    """Raises ServiceRefused when nobody has the account or the id."""
    customer_id, account = whom(who)
    return channels.accounts.GetCustomer(GetCustomerRequest(customer_id=customer_id, account_name=account)).customer


@click.command("update")
@with_customer
@click.option("--account", help="Another reference to type when paying.")
@click.option("--name", help="The full name.")
@click.option("--isp", help="Another ISP, by id or name.")
@click.option("--package", type=ReadAs("KES", parse_cents), help="The price of a month, or of a package.")
@click.option("--package-name", metavar="NAME", help="On record with this package from now on; '' for none.")
@click.option("--router", help="Another router, by id or name; '' for none.")
@click.option("--username", help="The name of the PPPoE secret; '' for none.")
@click.option("--phone", type=PHONE, help="A Kenyan mobile number; '' for none.")
@click.option("--next-payment-date", metavar="YYYY-MM-DD", help="Paid until this day; needs --reason.")
@changes.with_how
@with_connections
def update(
    connected: Connections, /, who: str, reason: str, by: str, *, dry_run: bool, as_json: bool, **given: Any
) -> None:
    """Change what is given of a customer; the rest stays, and what was before is kept.

    CUSTOMER is an account, or id:12 for the customer of that id. A reconnection that waits goes on with the new line.
    """
    channels = connected.channels
    wanted = _wanted(Names(channels), {field: value for field, value in given.items() if value is not None})
    if not wanted:
        raise click.UsageError("say what is to be changed: --account, --name, --isp, --package, …")
    request = _request(who, wanted, by, reason, dry_run=dry_run)
    result = _change(channels, who, request)
    if as_json:
        print_json({**record(result), "dry_run": dry_run})
    else:
        changes.show(who, result.changes, dry_run=dry_run)


def _wanted(names: Names, given: dict[str, Any]) -> dict[str, Any]:
    """The contract's fields of what is given."""
    ids = {"isp": names.isp_id, "router": names.router_id}
    return {_FIELDS.get(name, name): ids[name](value) if name in ids else value for name, value in given.items()}


def _request(who: str, wanted: dict[str, Any], by: str, reason: str, *, dry_run: bool) -> UpdateCustomersRequest:
    customer_id, account = whom(who)
    one = CustomerUpdate(
        customer_id=customer_id, account=account, customer=Customer(**wanted), update_mask=changes.mask(wanted)
    )
    return UpdateCustomersRequest(updates=[one], actor=by, reason=reason, validate_only=dry_run)


def _change(channels: Channels, who: str, request: UpdateCustomersRequest) -> UpdateCustomerResult:
    (result,) = channels.accounts.UpdateCustomers(request).results
    if result.error:
        raise CommandFailed(f"{who} is not changed: {result.error}.")
    return result


@click.command("close")
@with_customer
@click.option("--reason", required=True, metavar="WHY", help="Why, for the log.")
@with_author
@with_yes
@with_json
@with_connections
def close(connected: Connections, who: str, *, reason: str, by: str, yes: bool, as_json: bool) -> None:
    """Close a customer's account, and switch the line off.

    Payments to it are held from now on, no reconnection happens any more, the username is free for another. The
    account itself stays the customer's; `reopen` undoes it.
    """
    channels = connected.channels
    customer = get(channels, who)
    if not yes:
        question = f"Close {customer.account_name}, {customer.full_name or 'without a name'}?"
        click.confirm(question, abort=True, err=True)
    request = _request(f"id:{customer.customer_id}", {"closed": True}, by, reason, dry_run=False)
    result = _change(channels, who, request)
    line = channels.lines.GetLine(GetLineRequest(owner=LineOwner(customer_id=customer.customer_id))).line
    if result.line_shared:
        remark(f"{line.username} on this router is another customer's line too: it is as that one needs it.")
    if as_json:
        print_json({**record(result), "line": record(line)})
        return
    say(f"{customer.account_name} is closed{': payments to it are held from now on' if result.changes else ''}.")
    if line.waits and not result.line_shared:
        say("Its line is switched off as soon as the router answers.")


@click.command("reopen")
@with_customer
@changes.with_reason
@with_author
@with_json
@with_connections
def reopen(connected: Connections, who: str, *, reason: str, by: str, as_json: bool) -> None:
    """Open a closed account again; payments that were held meanwhile stay held, `payment assign` places them."""
    channels = connected.channels
    customer = get(channels, who)
    request = _request(f"id:{customer.customer_id}", {"closed": False}, by, reason, dry_run=False)
    result = _change(channels, who, request)
    if as_json:
        print_json(record(result))
    else:
        say(f"{customer.account_name} is {'open again' if result.changes else 'open, unchanged'}.")


@click.command("history")
@with_customer
@with_limit
@with_csv
@with_json
@with_connections
def history(connected: Connections, who: str, *, limit: int, as_json: bool, as_csv: bool) -> None:
    """Show what was changed on a customer's record, by whom and why; newest first. `undo` takes its numbers."""
    channels = connected.channels
    request = ListChangesRequest(customer_id=get(channels, who).customer_id)
    changes.show_history(channels, request, limit, as_json=as_json, as_csv=as_csv)
