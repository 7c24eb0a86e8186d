"""`rejesha package …`: what an ISP sells, for how much, how long it lasts, and which profile its lines have."""

from typing import Any

import click
from rejesha.billing.v1.package_service_pb2 import (
    CreatePackageRequest,
    ListPackagesRequest,
    Package,
    UpdatePackageRequest,
    UpdatePackageResponse,
)

from rejesha_cli import changes
from rejesha_cli.channels import Channels
from rejesha_cli.context import Connections, ReadAs, with_author, with_connections, with_csv, with_json
from rejesha_cli.errors import NoSuchName
from rejesha_cli.money import parse_cents
from rejesha_cli.names import Names
from rejesha_cli.records import record
from rejesha_cli.tables import Column, money, print_json, remark, say, show_list, show_record

_COLUMNS = (
    Column("Package", "name"), Column("Price KES", "price", money), Column("Lasts", "period"),
    Column("Profile", "profile"), Column("Customers", "customers"), Column("Closed", "closed"),
)  # fmt: skip
_with_isp = click.option("--isp", required=True, help="Whose, by id or name.")
_with_price = click.option("--price", type=ReadAs("KES", parse_cents), help="What it costs.")
_with_period = click.option("--period", metavar="PERIOD", help="How long it lasts, such as '30 days', '1 month'.")
_with_profile = click.option(
    "--profile", metavar="NAME", help="The routers' profile of its lines; '' for the policy's."
)


@click.group(help="What ISPs sell: price, period, profile.")
def package() -> None:
    """Only holds its commands."""


@package.command("add")
@click.argument("name")
@_with_isp
@click.option("--price", type=ReadAs("KES", parse_cents), required=True, help="What it costs.")
@_with_period
@_with_profile
@changes.with_reason
@with_author
@with_json
@with_connections
def add(connected: Connections, /, name: str, isp: str, reason: str, by: str, *, as_json: bool, **given: Any) -> None:
    """Add a package to what an ISP sells."""
    channels = connected.channels
    wanted = Package(name=name, isp_id=Names(channels).isp_id(isp), **_wanted(given))
    added = channels.packages.CreatePackage(CreatePackageRequest(package=wanted, actor=by, reason=reason)).package
    if as_json:
        print_json({"package": record(added)})
    else:
        say(f"{added.name} is sold: KES {record(added)['price']} for {added.period}.")


def _wanted(given: dict[str, Any]) -> dict[str, Any]:
    """The contract's fields of what is given."""
    return {"price_cents" if name == "price" else name: value for name, value in given.items() if value is not None}


@package.command("list")
@_with_isp
@with_csv
@with_json
@with_connections
def list_packages(connected: Connections, *, isp: str, as_json: bool, as_csv: bool) -> None:
    """List what an ISP sells, and sold."""
    found = [record(one) for one in _packages(connected.channels, isp)]
    show_list("packages", _COLUMNS, (found, False), as_json=as_json, as_csv=as_csv)


@package.command("show")
@click.argument("name")
@_with_isp
@with_json
@with_connections
def show(connected: Connections, name: str, *, isp: str, as_json: bool) -> None:
    """Show one package. What was changed of it stands in `rejesha isp history`."""
    found = next((record(one) for one in _packages(connected.channels, isp) if one.name == name), None)
    if found is None:
        raise NoSuchName(f"there is no package {name!r}: `rejesha package list --isp {isp}` shows them all.")
    if as_json:
        print_json({"package": found})
    else:
        show_record(f"Package {name}", _COLUMNS, found)


def _packages(channels: Channels, isp: str) -> list[Package]:
    return list(channels.packages.ListPackages(ListPackagesRequest(isp_id=Names(channels).isp_id(isp))).packages)


@package.command("update")
@click.argument("name")
@_with_isp
@_with_price
@_with_period
@_with_profile
@click.option("--closed/--open", default=None, help="Whether it is sold no longer, or again.")
@changes.with_how
@with_connections
def update(
    connected: Connections, /, name: str, isp: str, reason: str, by: str, *, dry_run: bool, as_json: bool, **given: Any
) -> None:
    """Change a package.

    Whoever has it keeps price and period: `rejesha bulk preview --price` changes the price of many. A new profile is
    the lines' as soon as their routers are asked again; `rejesha line check` finds those that have another.
    """
    fields = _wanted(given)
    if not fields:
        raise click.UsageError("say what is to be changed: --price, --period, --profile, --closed, --open")
    answer = _update(connected.channels, name, isp, fields, (by, reason), dry_run=dry_run)
    if as_json:
        told = {"package": record(answer.package), "changes": changes.as_records(answer.changes), "dry_run": dry_run}
        print_json(told)
        return
    changes.show(name, answer.changes, dry_run=dry_run)
    if answer.package.customers and {"price_cents", "period"} & set(fields):
        remark(
            f"Customers who have it: {answer.package.customers:,}. They keep the price and the period that they have."
        )


def _update(
    channels: Channels, name: str, isp: str, fields: dict[str, Any], author: tuple[str, str], *, dry_run: bool
) -> UpdatePackageResponse:
    wanted = Package(name=name, isp_id=Names(channels).isp_id(isp), **fields)
    by, reason = author
    return channels.packages.UpdatePackage(
        UpdatePackageRequest(
            package=wanted, update_mask=changes.mask(fields), actor=by, reason=reason, validate_only=dry_run
        )
    )


@package.command("close")
@click.argument("name")
@_with_isp
@changes.with_how
@with_connections
def close(
    connected: Connections, /, name: str, isp: str, reason: str, by: str, *, dry_run: bool, as_json: bool
) -> None:
    """Sell a package no longer; whoever has it keeps it. `update --open` sells it again."""
    answer = _update(connected.channels, name, isp, {"closed": True}, (by, reason), dry_run=dry_run)
    if as_json:
        print_json({"package": record(answer.package), "dry_run": dry_run})
    else:
        changes.show(name, answer.changes, dry_run=dry_run)
