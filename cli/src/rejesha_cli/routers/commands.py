"""`rejesha router …`: the registry of routers, and whether each one lets us in."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from rejesha.router_control.v1.router_control_service_pb2 import (
    AccessOutcome,
    CheckRouterRequest,
    CreateRouterRequest,
    DeleteRouterRequest,
    GetRouterCertificateRequest,
    GetRouterCertificateResponse,
    GetRouterRequest,
    ListRoutersRequest,
    Router,
    TrustRouterRequest,
    UpdateRouterRequest,
)

from rejesha_cli.context import Connections, with_connections, with_csv, with_dry_run, with_file, with_json, with_yes
from rejesha_cli.errors import CommandFailed
from rejesha_cli.imports.service import run_import
from rejesha_cli.names import Names
from rejesha_cli.records import record
from rejesha_cli.routers import imports
from rejesha_cli.tables import Column, print_json, reference, remark, say, show_list, show_record, state

COLUMNS = (
    Column("Id", "router_id"),
    Column("Name", "name"),
    Column("Address", "address"),
    Column("Port", "port", reference),
    Column("TLS", "tls"),
    Column("Checks certificate", "verify_certificate"),
    Column("Login", "username"),
    Column("Own password", "has_password"),
)
CHECK_COLUMNS = (
    Column("Outcome", "outcome", state),
    Column("Identity", "identity"),
    Column("RouterOS", "version"),
    Column("Took ms", "elapsed_ms"),
    Column("Detail", "detail"),
)
# What `add` and `update` share. Never the password itself: every user of this machine can read a command's arguments.
_REACHED = (
    click.option("--port", type=click.IntRange(0, 65535), help="The API port; 0 for the installation's default."),
    click.option("--tls/--no-tls", default=None, help="Speak TLS (api-ssl)."),
    click.option(
        "--verify-certificate/--no-verify-certificate",
        default=None,
        help="Require a certificate of a known authority, instead of the one that the router shows first.",
    ),
    click.option("--username", help="The router's own login."),
    click.option(
        "--password-file",
        type=click.Path(path_type=Path),
        help="A file that holds the password; - reads it from standard input.",
    ),
    click.option("--default-login", is_flag=True, help="Let the installation's default login be sent to this address."),
)
with_router = click.argument("router", metavar="ROUTER")


def _with_login(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_REACHED):
        command = option(command)
    return command


@click.group(help="Routers that carry the customers' lines. ROUTER is an id or a name.")
def router() -> None:
    """Only holds its commands."""


@router.command("add")
@click.argument("name")
@click.argument("address")
@_with_login
@with_json
@with_connections
def add(  # noqa: PLR0913
    connected: Connections,
    *,
    name: str,
    address: str,
    port: int | None,
    tls: bool | None,
    verify_certificate: bool | None,
    username: str | None,
    password_file: Path | None,
    default_login: bool,
    as_json: bool,
) -> None:
    """Add a router to the registry, with a login of its own or --default-login.

    NAME is for people, and unique; ADDRESS is an IP address or a host name.
    """
    wanted = Router(
        name=name,
        address=address,
        port=port or 0,
        tls=bool(tls),
        verify_certificate=bool(verify_certificate),
        username=username or "",
        password=_password(password_file),
    )
    request = CreateRouterRequest(router=wanted, use_default_login=default_login)
    created = connected.channels.routers.CreateRouter(request).router
    router_id = created.router_id
    _tell(created, f"Router {router_id} is added; `rejesha router check {router_id}` tries it.", as_json)


@router.command("list")
@with_csv
@with_json
@with_connections
def list_routers(connected: Connections, *, as_json: bool, as_csv: bool) -> None:
    """List the routers."""
    routers = connected.channels.routers.ListRouters(ListRoutersRequest()).routers
    show_list("routers", COLUMNS, ([record(one) for one in routers], False), as_json=as_json, as_csv=as_csv)


@router.command("update")
@with_router
@click.option("--name", help="A new name.")
@click.option("--address", help="A new address.")
@_with_login
@with_json
@with_connections
def update(connected: Connections, /, router: str, default_login: bool, as_json: bool, **given: Any) -> None:
    """Change what is given of a router; the rest stays, also its password.

    Another address, port or TLS needs the password again, or --default-login: a login goes only where it was given for.
    """
    channels = connected.channels
    router_id = Names(channels).router_id(router)
    changed = channels.routers.GetRouter(GetRouterRequest(router_id=router_id)).router
    given["password"] = _password(given.pop("password_file"))
    if default_login and given["username"] is None:
        given["username"] = ""
    for field, value in given.items():
        if value is not None:
            setattr(changed, field, value)
    request = UpdateRouterRequest(router=changed, use_default_login=default_login)
    changed = channels.routers.UpdateRouter(request).router
    _tell(changed, f"Router {router_id} is changed.", as_json)


@router.command("delete")
@with_router
@with_yes
@with_json
@with_connections
def delete(connected: Connections, router: str, yes: bool, as_json: bool) -> None:
    """Remove a router from the registry; the router itself is not touched."""
    channels = connected.channels
    router_id = Names(channels).router_id(router)
    if not yes:
        question = f"Remove router {router_id}? Its customers will not be reconnected any more."
        click.confirm(question, abort=True, err=True)
    channels.routers.DeleteRouter(DeleteRouterRequest(router_id=router_id))
    if as_json:
        print_json({"router_id": router_id, "deleted": True})
    else:
        say(f"Router {router_id} is removed from the registry.")


@router.command("check")
@with_router
@with_json
@with_connections
def check(connected: Connections, router: str, as_json: bool) -> None:
    """Connect to a router, log in, and say what stands in the way."""
    channels = connected.channels
    router_id = Names(channels).router_id(router)
    answer = channels.routers.CheckRouter(CheckRouterRequest(router_id=router_id))
    lets_us_in = answer.outcome == AccessOutcome.ACCESS_OUTCOME_ALREADY_SO
    found = {"router_id": router_id, "ok": lets_us_in, **record(answer)}
    if as_json:
        print_json(found)
    else:
        verdict = "answers and lets us in" if lets_us_in else "cannot be used"
        show_record(f"Router {router_id} {verdict}", CHECK_COLUMNS, {**found, "outcome": _outcome(found)})
    if not lets_us_in:
        raise click.exceptions.Exit(1)


@router.command("trust")
@with_router
@with_yes
@with_json
@with_connections
def trust(connected: Connections, router: str, yes: bool, as_json: bool) -> None:
    """Trust the certificate that a router shows now, after it was replaced."""
    channels = connected.channels
    router_id = Names(channels).router_id(router)
    found = channels.routers.GetRouterCertificate(GetRouterCertificateRequest(router_id=router_id))
    shown = _shown(router_id, found)
    remark(f"Router {router_id} shows the certificate SHA-256 {shown}")
    remark(f"Remembered is {found.remembered_sha256 or 'none'}")
    if shown != found.remembered_sha256:
        if not yes:
            question = "Is that what the router itself shows (/certificate print detail, fingerprint)?"
            click.confirm(question, abort=True, err=True)
        channels.routers.TrustRouter(TrustRouterRequest(router_id=router_id, certificate_sha256=shown))
    if as_json:
        old = found.remembered_sha256 or None
        print_json({"router_id": router_id, "certificate_sha256": shown, "previous_sha256": old})
    else:
        say(f"Router {router_id} is trusted by this certificate, and by no other.")


@router.command("import")
@with_file
@click.option("--default-login", is_flag=True, help="Let the default login be sent to routers without a username.")
@with_dry_run
@with_json
@with_connections
def import_routers(connected: Connections, file: Path, default_login: bool, dry_run: bool, as_json: bool) -> None:
    """Add the routers of a CSV file, with its ids; those that are there already stay as they are.

    FILE has a header row; columns: id, name, address, port, …
    """
    create = partial(imports.create, connected.channels, default_login=default_login)
    about_ids = "Routers that have no id in the file get a new one: let a customers' file name them, not their ids."
    run_import(file, imports.FIELDS, imports.read, create, dry_run=dry_run, as_json=as_json, about_new_ids=about_ids)


def _outcome(found: dict[str, object]) -> object:
    return "ok" if found["ok"] else found["outcome"]


def _shown(router_id: int, found: GetRouterCertificateResponse) -> str:
    if found.outcome != AccessOutcome.ACCESS_OUTCOME_ALREADY_SO:
        raise CommandFailed(f"Router {router_id} could not be asked for its certificate: {found.detail}.")
    if not found.shown_sha256:
        raise CommandFailed(f"Router {router_id} shows no certificate: give its api-ssl service one.")
    return found.shown_sha256


def _tell(router: Router, sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(record(router))
    else:
        say(sentence)


def _password(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        text = sys.stdin.readline() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}.") from error
    return text.rstrip("\r\n")
