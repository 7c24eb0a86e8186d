"""`lipanet router …`: the registry of routers, and whether each one lets us in."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from lipanet.router_control.v1.router_control_service_pb2 import (
    AccessOutcome,
    CheckRouterRequest,
    CreateRouterRequest,
    DeleteRouterRequest,
    GetRouterRequest,
    ListRoutersRequest,
    Router,
    UpdateRouterRequest,
)

from lipanet_cli.channels import Channels
from lipanet_cli.context import AsJson, DryRun, connections
from lipanet_cli.csv_rows import BadValue, Field, Line, bounded, host, wanted_id, whole_number, yes_no
from lipanet_cli.errors import CommandFailed, ServiceRefused
from lipanet_cli.imports import LineResult, Parsed, run_import
from lipanet_cli.names import Names
from lipanet_cli.records import record
from lipanet_cli.tables import Column, print_json, reference, say, show_list, show_record, state

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
FIELDS = (
    Field("id", also=("router_id", "router_no", "no", "#")),
    Field("name", also=("router", "router_name"), required=True),
    Field("address", also=("local_ip", "ip", "host"), required=True),
    Field("port"),
    Field("tls"),
    Field("verify_certificate"),
    Field("username", also=("login", "user")),
    Field("password"),
)

RouterName = Annotated[str, typer.Argument(metavar="ROUTER", help="The router, by id or name.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="The API port; 0 for the installation's default.")]
Tls = Annotated[bool | None, typer.Option("--tls/--no-tls", help="Speak TLS (api-ssl).")]
Verify = Annotated[bool | None, typer.Option(help="Require a valid certificate.")]
Login = Annotated[str | None, typer.Option(help="The login; empty for the installation's default.")]
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
    as_json: AsJson = False,
) -> None:
    """Add a router to the registry."""
    router = Router(
        name=name,
        address=address,
        port=port or 0,
        tls=bool(tls),
        verify_certificate=bool(verify_certificate),
        username=username or "",
        password=_password(password_file),
    )
    created = connections(ctx).channels.routers.CreateRouter(CreateRouterRequest(router=router)).router
    router_id = created.router_id
    _tell(created, f"Router {router_id} is added; `lipanet router check {router_id}` tries it.", as_json)


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
    as_json: AsJson = False,
) -> None:
    """Change what is given of a router; the rest stays, also its password."""
    channels = connections(ctx).channels
    router_id = Names(channels).router_id(router)
    changed = channels.routers.GetRouter(GetRouterRequest(router_id=router_id)).router
    password = _password(password_file)
    if username == "" and password is None:
        password = ""  # the installation's default login comes with the default password
    given = {
        "name": name,
        "address": address,
        "port": port,
        "tls": tls,
        "verify_certificate": verify_certificate,
        "username": username,
        "password": password,
    }
    for field, value in given.items():
        if value is not None:
            setattr(changed, field, value)
    changed = channels.routers.UpdateRouter(UpdateRouterRequest(router=changed)).router
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


@app.command("import")
def import_routers(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a header row; columns: id, name, address, port, …")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add the routers of a CSV file, with its ids; those that are there already stay as they are."""
    channels = connections(ctx).channels

    def create(items: Sequence[Parsed[Router]], *, dry_run: bool) -> Iterator[LineResult]:
        return _create(channels, items, dry_run=dry_run)

    remark = "Routers that have no id in the file get a new one: let a customers' file name them, not their ids."
    run_import(file, FIELDS, _read, create, dry_run=dry_run, as_json=as_json, about_new_ids=remark)


def _outcome(found: dict[str, object]) -> object:
    return "ok" if found["ok"] else found["outcome"]


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


def _read(line: Line) -> Parsed[Router]:
    tls = yes_no(line.get("tls"), "tls")
    verify = yes_no(line.get("verify_certificate"), "verify_certificate")
    if verify and not tls:
        raise BadValue("a certificate can only be verified with tls")
    if line.get("password") and not line.get("username"):
        raise BadValue("a password needs a username")
    router = Router(
        router_id=wanted_id(line.get("id")),
        name=bounded(line.get("name"), "name", 100),
        address=host(line.get("address")),
        port=whole_number(line.get("port"), "port", 65535),
        tls=tls,
        verify_certificate=verify,
        username=line.get("username"),
        password=line.get("password") or None,
    )
    return Parsed(line.number, router.name, router.name.casefold(), router, router.router_id)


def _create(channels: Channels, items: Sequence[Parsed[Router]], *, dry_run: bool) -> Iterator[LineResult]:
    answer = channels.routers.ListRouters(ListRoutersRequest())
    known = {router.name.casefold(): router for router in answer.routers}
    owners = {router.router_id: router.name for router in answer.routers}
    for item in items:
        if other := known.get(item.key):
            yield _compare(item, other)
            continue
        if item.wanted_id in owners:
            owner = owners[item.wanted_id]
            yield LineResult(item.number, item.name, "bad", f"id {item.wanted_id} belongs to {owner!r} already")
            continue
        created = item.item
        try:
            if not dry_run:
                created = channels.routers.CreateRouter(CreateRouterRequest(router=item.item)).router
        except ServiceRefused as refusal:
            yield LineResult(item.number, item.name, "bad", str(refusal))
        else:
            yield LineResult(item.number, item.name, "created", id=created.router_id)


def _compare(item: Parsed[Router], other: Router) -> LineResult:
    if item.wanted_id not in {0, other.router_id}:
        error = f"there is a router of this name already, with the id {other.router_id}"
        return LineResult(item.number, item.name, "bad", error)
    # The password is left out: it never comes out of the registry.
    differs = [
        name
        for name in ("address", "port", "tls", "verify_certificate", "username")
        if getattr(item.item, name) != getattr(other, name)
    ]
    if not differs:
        return LineResult(item.number, item.name, "unchanged", id=other.router_id)
    hint = f"`lipanet router update {other.router_id}` changes it"
    return LineResult(item.number, item.name, "bad", f"is there already with another {' and '.join(differs)}: {hint}")
