"""`rejesha customer package`: gives a customer another package, at once or at the renewal."""

import click
from rejesha.billing.v1.package_service_pb2 import (
    CancelPackageChangeRequest,
    ChangePackageRequest,
    ChangePackageResponse,
    PackageStart,
)

from rejesha_cli import changes
from rejesha_cli.context import Connections, with_connections
from rejesha_cli.customers.changes import whom, with_customer
from rejesha_cli.records import record
from rejesha_cli.tables import print_json, say

_STARTS = {"at-once": PackageStart.PACKAGE_START_AT_ONCE, "at-renewal": PackageStart.PACKAGE_START_AT_RENEWAL}


@click.command("package")
@with_customer
@click.argument("name", required=False, default="")
@click.option("--at-once", "start", flag_value="at-once", help="From now on; the days left become days of it.")
@click.option("--at-renewal", "start", flag_value="at-renewal", help="When what is paid for is over.")
@click.option("--cancel", "start", flag_value="cancel", help="Undo a change that waits for the renewal.")
@changes.with_how
@with_connections
def package(  # noqa: PLR0913
    connected: Connections,
    /,
    who: str,
    name: str,
    start: str | None,
    reason: str,
    by: str,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Give a customer another of the ISP's packages.

    CUSTOMER is an account, or id:12 for the customer of that id. At once what is left of the paid days is worth what it
    cost, and becomes whole days of the new package; a month counts as 30 days. --dry-run says how many.
    """
    if start is None or bool(name) == (start == "cancel"):
        raise click.UsageError("say NAME and --at-once or --at-renewal; or --cancel")
    if start == "cancel":
        _cancel(connected, who, (by, reason), dry_run=dry_run, as_json=as_json)
        return
    customer_id, account = whom(who)
    asked = ChangePackageRequest(
        customer_id=customer_id, account_name=account, package_name=name, start=_STARTS[start], actor=by, reason=reason,
        validate_only=dry_run,
    )  # fmt: skip
    answer = connected.channels.packages.ChangePackage(asked)
    if as_json:
        print_json({**record(answer), "dry_run": dry_run})
    else:
        _tell(who, answer, dry_run=dry_run)


def _tell(who: str, answer: ChangePackageResponse, *, dry_run: bool) -> None:
    changes.show(who, answer.changes, dry_run=dry_run)
    if answer.unused_days:
        say(f"Days left: {answer.unused_days}; of the new package they are {answer.given_days}.")
    if answer.start_day:
        say(f"Payments count by it from now on; the line has it from {answer.start_day}.")


def _cancel(connected: Connections, who: str, author: tuple[str, str], *, dry_run: bool, as_json: bool) -> None:
    by, reason = author
    if dry_run or not reason:
        raise click.UsageError("--cancel needs --reason, and knows no --dry-run")
    customer_id, account = whom(who)
    asked = CancelPackageChangeRequest(customer_id=customer_id, account_name=account, actor=by, reason=reason)
    answer = connected.channels.packages.CancelPackageChange(asked)
    if as_json:
        print_json(record(answer))
    else:
        changes.show(who, answer.changes, dry_run=False)
