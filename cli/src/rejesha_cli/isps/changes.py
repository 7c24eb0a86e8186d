"""`rejesha isp update | close | reopen | history`: an ISP's record, changed with what was kept."""

from typing import Any

import click
from rejesha.billing.v1.account_service_pb2 import (
    Isp,
    ListChangesRequest,
    ListIspsRequest,
    UpdateIspRequest,
    UpdateIspResponse,
)

from rejesha_cli import changes
from rejesha_cli.channels import Channels
from rejesha_cli.context import (
    PHONE,
    Connections,
    with_author,
    with_connections,
    with_csv,
    with_json,
    with_limit,
    with_yes,
)
from rejesha_cli.money import group
from rejesha_cli.names import Names
from rejesha_cli.records import record
from rejesha_cli.tables import print_json, say

with_isp = click.argument("isp", metavar="ISP")


@click.command("update")
@with_isp
@click.option("--name", help="A new name.")
@click.option("--sms-account", help="Reference that buys SMS credits; '' for none.")
@click.option("--wa-account", help="Reference that buys WhatsApp credits; '' for none.")
@click.option("--pay-account", "pay_account_number", help="Reference that pays into the wallet; '' for none.")
@click.option("--contact-phone", type=PHONE, help="Where the ISP gets its messages; '' for nowhere.")
@changes.with_how
@with_connections
def update(
    connected: Connections, /, isp: str, reason: str, by: str, *, dry_run: bool, as_json: bool, **given: Any
) -> None:
    """Change what is given of an ISP; the rest stays, and what was before is kept. ISP is an id or a name."""
    wanted = {field: value for field, value in given.items() if value is not None}
    if not wanted:
        raise click.UsageError("say what is to be changed: --name, --sms-account, --contact-phone, …")
    answer = _change(connected.channels, isp, wanted, by, reason, dry_run=dry_run)
    if as_json:
        print_json({"changes": changes.as_records(answer.changes), "isp": record(answer.isp), "dry_run": dry_run})
    else:
        changes.show(f"ISP {answer.isp.isp_id}", answer.changes, dry_run=dry_run)


def _change(
    channels: Channels, isp: str, wanted: dict[str, Any], by: str, reason: str, *, dry_run: bool = False
) -> UpdateIspResponse:
    request = UpdateIspRequest(
        isp=Isp(isp_id=Names(channels).isp_id(isp), **wanted),
        update_mask=changes.mask(wanted),
        actor=by,
        reason=reason,
        validate_only=dry_run,
    )
    return channels.accounts.UpdateIsp(request)


@click.command("close")
@with_isp
@click.option("--reason", required=True, metavar="WHY", help="Why, for the log.")
@with_author
@with_yes
@with_json
@with_connections
def close(connected: Connections, isp: str, *, reason: str, by: str, yes: bool, as_json: bool) -> None:
    """Close an ISP: payments to it and to its customers are held, and their lines are not switched on any more.

    Its wallet, its credits, its customers' records and what the routers hold stay as they are; `reopen` undoes it.
    """
    channels = connected.channels
    isp_id = Names(channels).isp_id(isp)
    found = next(one for one in channels.accounts.ListIsps(ListIspsRequest()).isps if one.isp_id == isp_id)
    if not yes:
        wallet = group(record(found)["wallet"])
        question = f"Close {found.name}, with KES {wallet} in its wallet? Its customers' payments will be held."
        click.confirm(question, abort=True, err=True)
    answer = _change(channels, str(isp_id), {"closed": True}, by, reason)
    _tell(answer, f"ISP {isp_id} is closed: payments to it and to its customers are held from now on.", as_json)


@click.command("reopen")
@with_isp
@changes.with_reason
@with_author
@with_json
@with_connections
def reopen(connected: Connections, isp: str, *, reason: str, by: str, as_json: bool) -> None:
    """Open a closed ISP again; payments that were held meanwhile stay held, `payment assign` places them."""
    answer = _change(connected.channels, isp, {"closed": False}, by, reason)
    _tell(answer, f"ISP {answer.isp.isp_id} is open.", as_json)


@click.command("history")
@with_isp
@with_limit
@with_csv
@with_json
@with_connections
def history(connected: Connections, isp: str, *, limit: int, as_json: bool, as_csv: bool) -> None:
    """Show what was changed on an ISP's record, by whom and why; newest first. `undo` takes its numbers."""
    channels = connected.channels
    changes.show_history(
        channels, ListChangesRequest(isp_id=Names(channels).isp_id(isp)), limit, as_json=as_json, as_csv=as_csv
    )


def _tell(answer: UpdateIspResponse, sentence: str, as_json: bool) -> None:
    if as_json:
        print_json({"changes": changes.as_records(answer.changes), "isp": record(answer.isp)})
    else:
        say(sentence)
