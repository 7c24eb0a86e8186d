"""`rejesha access …`: what a router holds for its users, and switching lines by hand."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rejesha.router_control.v1.router_control_service_pb2 import (
    Access,
    AccessChange,
    AccessOutcome,
    AccessResult,
    GetAccessRequest,
    SetAccessRequest,
)

from rejesha_cli.context import AsJson, connections
from rejesha_cli.names import Names
from rejesha_cli.records import record
from rejesha_cli.tables import Column, plain, print_json, show_table, state

app = typer.Typer(no_args_is_help=True, help="Lines on the routers, switched by hand.")

COLUMNS = (
    Column("Username", "username"),
    Column("Access", "access", state),
    Column("Outcome", "outcome", state),
    Column("Sessions", "sessions", plain),
    Column("Detail", "detail"),
)
_GOOD = {AccessOutcome.ACCESS_OUTCOME_CHANGED, AccessOutcome.ACCESS_OUTCOME_ALREADY_SO}

Router = Annotated[str, typer.Argument(metavar="ROUTER", help="The router, by id or name.")]
Users = Annotated[list[str], typer.Argument(metavar="USER…", help="Names of PPPoE secrets.")]


@app.command("show")
def show(ctx: typer.Context, router: Router, users: Users, as_json: AsJson = False) -> None:
    """Read what a router holds; changes nothing."""
    channels = connections(ctx).channels
    router_id = Names(channels).router_id(router)
    answer = channels.routers.GetAccess(GetAccessRequest(router_id=router_id, usernames=users))
    _tell(router_id, answer.router_name, answer.results, as_json)


@app.command("enable")
def enable(ctx: typer.Context, router: Router, users: Users, as_json: AsJson = False) -> None:
    """Let users dial in."""
    _switch(ctx, router, users, Access.ACCESS_ENABLED, as_json)


@app.command("disable")
def disable(ctx: typer.Context, router: Router, users: Users, as_json: AsJson = False) -> None:
    """Keep users from dialling in, and end their sessions."""
    _switch(ctx, router, users, Access.ACCESS_DISABLED, as_json)


def _switch(ctx: typer.Context, router: str, users: list[str], access: Access.ValueType, as_json: bool) -> None:
    channels = connections(ctx).channels
    router_id = Names(channels).router_id(router)
    changes = [AccessChange(username=user, access=access) for user in users]
    answer = channels.routers.SetAccess(SetAccessRequest(router_id=router_id, changes=changes))
    _tell(router_id, answer.router_name, answer.results, as_json)


def _tell(router_id: int, router_name: str, results: Iterable[AccessResult], as_json: bool) -> None:
    results = list(results)
    records = [record(result) for result in results]
    if as_json:
        print_json({"router_id": router_id, "router_name": router_name, "results": records})
    else:
        show_table(f"Access on {router_name or router_id}", COLUMNS, records)
    if any(result.outcome not in _GOOD for result in results):
        raise typer.Exit(1)
