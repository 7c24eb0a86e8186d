"""`rejesha policy …`: what ISPs decided on their customers' lines, and who decided it."""

from collections.abc import Sequence

import click
from rejesha.billing.v1.policy_service_pb2 import (
    GetPolicyRequest,
    PolicyField,
    PolicyOwner,
    PolicySetting,
    SetPolicyRequest,
    SetPolicyResponse,
)

from rejesha_cli import changes
from rejesha_cli.channels import Channels
from rejesha_cli.context import Connections, ReadAs, with_connections, with_csv, with_json
from rejesha_cli.names import Names
from rejesha_cli.records import record
from rejesha_cli.tables import Column, print_json, show_list

_COLUMNS = (Column("Field", "name"), Column("Value", "value"), Column("Decided by", "source"))

_FIELDS = """\b
Fields, with an example of each:
grace_days=3              days after the due date on which a line stays on, 0 to 60
cut_hour=8                when a line is cut on the day after, 0 to 23
days_without_cuts=sun,12-25
off=disable               or profile:NAME, or address_list:NAME
profile=10M               of a line that is paid for; needed with off=profile:NAME
former_list=unpaid        which was "off" before, and is left by who pays; is set by itself
part_payments=wallet      or credit: kept until they make a package
overpayments=wallet       or months, or credit
reminder_days=-3,0,1      before, on and after the due date; none
reminder_hour=9           from when on such a day
quiet_from=21 quiet_until=7
language=en               or sw"""


def _setting(text: str) -> PolicySetting:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not FIELD=VALUE, such as grace_days=3")
    return PolicySetting(name=name.strip(), value=value.strip())


def _with_owner(command: "click.decorators.FC") -> "click.decorators.FC":
    """--isp, --customer."""
    command = click.option("--customer", default="", metavar="ACCOUNT", help="Of this customer.")(command)
    return click.option("--isp", default="", help="Of this ISP; an id or a name.")(command)


@click.group(help="What ISPs decided on lines: grace, cuts, part payments, reminders, language.")
def policy() -> None:
    """Only holds its commands."""


@policy.command("show")
@_with_owner
@with_csv
@with_json
@with_connections
def show(connected: Connections, *, isp: str, customer: str, as_json: bool, as_csv: bool) -> None:
    """Show what holds for an ISP's customers, or for one of them, and who has decided it."""
    channels = connected.channels
    answer = channels.policies.GetPolicy(GetPolicyRequest(owner=_owner(channels, isp, customer)))
    fields = [record(one) for one in answer.fields]
    show_list(
        "fields", _COLUMNS, (fields, False), as_json=as_json, as_csv=as_csv, title=f"Policy of {_who(answer.owner)}"
    )


@policy.command("set", epilog=_FIELDS)
@_with_owner
@click.argument("settings", nargs=-1, required=True, type=ReadAs("FIELD=VALUE", _setting), metavar="FIELD=VALUE…")
@changes.with_how
@with_connections
def set_(  # noqa: PLR0913
    connected: Connections,
    /,
    isp: str,
    customer: str,
    settings: Sequence[PolicySetting],
    reason: str,
    by: str,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Set fields of an ISP's policy, or override them for one customer."""
    channels = connected.channels
    wanted = SetPolicyRequest(
        owner=_owner(channels, isp, customer), set=settings, actor=by, reason=reason, validate_only=dry_run
    )
    _tell(channels.policies.SetPolicy(wanted), dry_run=dry_run, as_json=as_json)


@policy.command("unset")
@_with_owner
@click.argument("names", nargs=-1, required=True, metavar="FIELD…")
@changes.with_how
@with_connections
def unset(  # noqa: PLR0913
    connected: Connections,
    /,
    isp: str,
    customer: str,
    names: Sequence[str],
    reason: str,
    by: str,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take fields back: of a customer its ISP's hold again, of an ISP the defaults."""
    channels = connected.channels
    wanted = SetPolicyRequest(
        owner=_owner(channels, isp, customer), unset=names, actor=by, reason=reason, validate_only=dry_run
    )
    _tell(channels.policies.SetPolicy(wanted), dry_run=dry_run, as_json=as_json)


def _owner(channels: Channels, isp: str, customer: str) -> PolicyOwner:
    if bool(isp) == bool(customer):
        raise click.UsageError("whose: --isp ISP or --customer ACCOUNT")
    return PolicyOwner(isp_id=Names(channels).isp_id(isp)) if isp else PolicyOwner(account_name=customer)


def _who(owner: PolicyOwner) -> str:
    return f"ISP {owner.isp_id}" if owner.WhichOneof("owner") == "isp_id" else f"customer {owner.customer_id}"


def _tell(answer: SetPolicyResponse, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        fields: Sequence[PolicyField] = answer.fields
        document = {"changes": changes.as_records(answer.changes), "fields": [record(one) for one in fields]}
        print_json(document | {"dry_run": dry_run})
    else:
        changes.show(f"The policy of {_who(answer.owner)}", answer.changes, dry_run=dry_run)
