"""`rejesha certificate …`: with which services, this command and other systems prove to each other who they are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from rejesha_cli.certificates import authority, holders
from rejesha_cli.context import Connections, with_connections, with_json
from rejesha_cli.records import local_time
from rejesha_cli.tables import Column, moment, print_json, say, show_list

COLUMNS = (
    Column("Folder", "folder"),
    Column("Who", "name"),
    Column("Roles", "roles"),
    Column("May", "may"),
    Column("Holds until", "not_after", moment),
    Column("Days left", "days_left"),
)

_with_directory = click.option(
    "--directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where authority and certificates are. Left out: beside this command's own, else ./certificates.",
)


def _place(connected: Connections, directory: Path | None) -> Path:
    own = connected.settings.tls_directory
    return directory or (Path(own).parent if own else Path("certificates"))


@click.group(help="Certificates with which services and commands trust each other.")
def certificate() -> None:
    """Only holds its commands."""


@certificate.command("init")
@_with_directory
@with_connections
def init(connected: Connections, directory: Path | None) -> None:
    """Make an authority, once for an installation. Its key must never leave this machine."""
    place = _place(connected, directory)
    authority.create(place)
    say(f"The authority is in {place / authority.FOLDER}. Keep {authority.AUTHORITY_KEY} where only you can read it.")


@certificate.command("issue")
@click.argument("holder", nargs=-1, required=True)
@click.option("--may", multiple=True, metavar="METHOD", help="HOLDER is another system, and may call this; repeatable.")
@click.option("--name", default="", help="Tells apart those who hold one role, such as two dispatchers.")
@click.option("--days", type=click.IntRange(1, 3650), default=authority.DAYS, show_default=True, help="How long.")
@_with_directory
@with_connections
def issue(  # options
    connected: Connections,
    *,
    holder: tuple[str, ...],
    may: tuple[str, ...],
    name: str,
    days: int,
    directory: Path | None,
) -> None:
    """Issue a certificate to a role of ours, or to another system. One that is there is replaced.

    HOLDER: intake, dispatcher (both for a gateway that does both), billing, router-control, notify, operator; or
    with --may the name of a system, such as: issue crm --may notify.SendMessages
    """
    if may and (len(holder) > 1 or name):
        raise click.UsageError("with --may there is one HOLDER, and its name is that of the system.")
    try:
        identity = holders.of_system(holder[0], may) if may else holders.of_process(holder, name)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from error
    done = authority.issue(_place(connected, directory), identity, days)
    say(f"{identity.name} has a certificate until {done.not_after:%Y-%m-%d}: REJESHA_TLS_DIRECTORY={done.folder}")


@certificate.command("show")
@click.option("--within", type=click.IntRange(min=0), default=14, show_default=True, help="How many days are few.")
@_with_directory
@with_json
@with_connections
def show(connected: Connections, within: int, directory: Path | None, as_json: bool) -> None:
    """List the certificates and how long they hold. Exit code 1 where one ends within 14 days."""
    found = list(authority.issued(_place(connected, directory)))
    records = [_record(one) for one in found]
    if as_json:
        print_json({"certificates": records})
    else:
        show_list("certificates", COLUMNS, (records, False), as_json=False, title="Certificates")
    if any(one.not_after < datetime.now(UTC) + timedelta(days=within) for one in found):
        raise click.exceptions.Exit(1)


def _record(one: authority.Issued) -> dict[str, Any]:
    return {
        "folder": one.folder.name,
        "name": one.identity.name or None,
        "roles": " ".join(sorted(one.identity.roles)),
        "may": " ".join(sorted(one.identity.may)),
        "not_after": local_time(one.not_after),
        "days_left": (one.not_after - datetime.now(UTC)).days,
    }
