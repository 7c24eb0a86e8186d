"""`rejesha router …`: the registry of routers, and whether each one lets us in."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
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

from rejesha_cli import router_import
from rejesha_cli.context import AsJson, DryRun, connections
from rejesha_cli.errors import CommandFailed
from rejesha_cli.imports import LineResult, Parsed, run_import
from rejesha_cli.names import Names
from rejesha_cli.records import record
from rejesha_cli.tables import Column, print_json, reference, remark, say, show_list, show_record, state

app = typer.Typer(no_args_is_help=True, help="Routers that carry the customers' lines.")

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
RouterName = Annotated[str, typer.Argument(metavar="ROUTER", help="The router, by id or name.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="The API port; 0 for the installation's default.")]
Tls = Annotated[bool | None, typer.Option("--tls/--no-tls", help="Speak TLS (api-ssl).")]
Verify = Annotated[
    bool | None,
    typer.Option(help="Require a certificate of a known authority, instead of the one that the router shows first."),
]
Login = Annotated[str | None, typer.Option(help="The router's own login.")]
DefaultLogin = Annotated[
    bool, typer.Option("--default-login", help="Let the installation's default login be sent to this address.")
]
# Never the password itself: every user of this machine can read a running command's arguments.
PasswordFile = Annotated[
    Path | None, typer.Option(help="A file that holds the password; - reads it from standard input.")
]


@app.command("add")
def add(  # noqa: PLR0913, PLR0917
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for people, unique.")],
    address: Annotated[str, typer.Argument(help="An IP address or host name.")],
    port: Port = None,
    tls: Tls = None,
    verify_certificate: Verify = None,
    username: Login = None,
    password_file: PasswordFile = None,
    default_login: DefaultLogin = False,
    as_json: AsJson = False,
) -> None:
    """Add a router to the registry, with a login of its own or --default-login."""
    router = Router(
        name=name,
        address=address,
        port=port or 0,
        tls=bool(tls),
        verify_certificate=bool(verify_certificate),
        username=username or "",
        password=_password(password_file),
    )
    request = CreateRouterRequest(router=router, use_default_login=default_login)
    created = connections(ctx).channels.routers.CreateRouter(request).router
    router_id = created.router_id
    _tell(created, f"Router {router_id} is added; `rejesha router check {router_id}` tries it.", as_json)


@app.command("list")
def list_routers(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the routers."""
    routers = connections(ctx).channels.routers.ListRouters(ListRoutersRequest()).routers
    show_list("routers", COLUMNS, ([record(router) for router in routers], False), as_json=as_json)


@app.command("update")
def update(  # noqa: PLR0913, PLR0917
    ctx: typer.Context,
    router: RouterName,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    address: Annotated[str | None, typer.Option(help="A new address.")] = None,
    port: Port = None,
    tls: Tls = None,
    verify_certificate: Verify = None,
    username: Login = None,
    password_file: PasswordFile = None,
    default_login: DefaultLogin = False,
    as_json: AsJson = False,
) -> None:
    """Change what is given of a router; the rest stays, also its password.

    Another address, port or TLS needs the password again, or --default-login: a login goes only where it was given for.
    """
    channels = connections(ctx).channels
    router_id = Names(channels).router_id(router)
    changed = channels.routers.GetRouter(GetRouterRequest(router_id=router_id)).router
    if default_login and username is None:
        username = ""
    given = {
        "name": name,
        "address": address,
        "port": port,
        "tls": tls,
        "verify_certificate": verify_certificate,
        "username": username,
        "password": _password(password_file),
    }
    for field, value in given.items():
        if value is not None:
            setattr(changed, field, value)
    request = UpdateRouterRequest(router=changed, use_default_login=default_login)
    changed = channels.routers.UpdateRouter(request).router
    _tell(changed, f"Router {router_id} is changed.", as_json)


@app.command("delete")
def delete(
    ctx: typer.Context,
    router: RouterName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a router from the registry; the router itself is not touched."""
    channels = connections(ctx).channels
    router_id = Names(channels).router_id(router)
    if not yes:
        question = f"Remove router {router_id}? Its customers will not be reconnected any more."
        typer.confirm(question, abort=True, err=True)
    channels.routers.DeleteRouter(DeleteRouterRequest(router_id=router_id))
    if as_json:
        print_json({"router_id": router_id, "deleted": True})
    else:
        say(f"Router {router_id} is removed from the registry.")


@app.command("check")
def check(ctx: typer.Context, router: RouterName, as_json: AsJson = False) -> None:
    """Connect to a router, log in, and say what stands in the way."""
    channels = connections(ctx).channels
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
        raise typer.Exit(1)


@app.command("trust")
def trust(
    ctx: typer.Context,
    router: RouterName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Trust the certificate that a router shows now, after it was replaced."""
    channels = connections(ctx).channels
    router_id = Names(channels).router_id(router)
    found = channels.routers.GetRouterCertificate(GetRouterCertificateRequest(router_id=router_id))
    shown = _shown(router_id, found)
    remark(f"Router {router_id} shows the certificate SHA-256 {shown}")
    remark(f"Remembered is {found.remembered_sha256 or 'none'}")
    if shown != found.remembered_sha256:
        if not yes:
            question = "Is that what the router itself shows (/certificate print detail, fingerprint)?"
            typer.confirm(question, abort=True, err=True)
        channels.routers.TrustRouter(TrustRouterRequest(router_id=router_id, certificate_sha256=shown))
    if as_json:
        old = found.remembered_sha256 or None
        print_json({"router_id": router_id, "certificate_sha256": shown, "previous_sha256": old})
    else:
        say(f"Router {router_id} is trusted by this certificate, and by no other.")


@app.command("import")
def import_routers(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a header row; columns: id, name, address, port, …")],
    default_login: Annotated[
        bool, typer.Option("--default-login", help="Let the default login be sent to routers without a username.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add the routers of a CSV file, with its ids; those that are there already stay as they are."""
    channels = connections(ctx).channels

    def create(items: Sequence[Parsed[Router]], *, dry_run: bool) -> Iterator[LineResult]:
        return router_import.create(channels, items, default_login=default_login, dry_run=dry_run)

    about_ids = "Routers that have no id in the file get a new one: let a customers' file name them, not their ids."
    fields, read = router_import.FIELDS, router_import.read
    run_import(file, fields, read, create, dry_run=dry_run, as_json=as_json, about_new_ids=about_ids)


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
