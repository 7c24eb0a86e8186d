"""`rejesha access …`: what a router holds for its users, and switching lines by hand."""

from collections.abc import Callable, Iterable
from typing import Any

import click
from rejesha.router_control.v1.router_control_service_pb2 import (
    Access,
    AccessChange,
    AccessOutcome,
    AccessResult,
    GetAccessRequest,
    SetAccessRequest,
)

from rejesha_cli.context import Connections, with_connections, with_json
from rejesha_cli.names import Names
from rejesha_cli.records import record
from rejesha_cli.tables import Column, plain, print_json, show_table, state

COLUMNS = (
    Column("Username", "username"),
    Column("Access", "access", state),
    Column("Profile", "profile"),
    Column("Outcome", "outcome", state),
    Column("Sessions", "sessions", plain),
    Column("Detail", "detail"),
)
_GOOD = {AccessOutcome.ACCESS_OUTCOME_CHANGED, AccessOutcome.ACCESS_OUTCOME_ALREADY_SO}


@click.group(help="Lines on the routers, switched by hand. ROUTER is an id or a name, USER the name of a PPPoE secret.")
def access() -> None:
    """Only holds its commands."""


def _with_lines(command: Callable[..., Any]) -> Callable[..., Any]:
    """ROUTER USER… --json."""
    users = click.argument("users", nargs=-1, required=True, metavar="USER…")
    return click.argument("router", metavar="ROUTER")(users(with_json(with_connections(command))))


def _with_limit(of_profile: str, of_list: str) -> Callable[..., Any]:
    """--profile --address-list."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        of_lists = click.option("--address-list", default="", metavar="LIST", help=of_list)
        return click.option("--profile", default="", metavar="NAME", help=of_profile)(of_lists(command))

    return add


@access.command("show")
@_with_lines
def show(connected: Connections, router: str, users: tuple[str, ...], as_json: bool) -> None:
    """Read what a router holds; changes nothing."""
    channels = connected.channels
    router_id = Names(channels).router_id(router)
    answer = channels.routers.GetAccess(GetAccessRequest(router_id=router_id, usernames=users))
    _tell(router_id, answer.router_name, answer.results, as_json)


@access.command("enable")
@_with_limit("The profile they shall have, such as the one from before a limit.", "The list to take them off.")
@_with_lines
def enable(
    connected: Connections, router: str, users: tuple[str, ...], profile: str, address_list: str, as_json: bool
) -> None:
    """Let users dial in."""
    _switch(connected, router, users, (Access.ACCESS_ENABLED, profile, address_list), as_json)


@access.command("limit")
@_with_limit("The profile that limits them.", "The list to put their fixed addresses on.")
@_with_lines
def limit(
    connected: Connections, router: str, users: tuple[str, ...], profile: str, address_list: str, as_json: bool
) -> None:
    """Let users dial in and reach what the router's configuration leaves to a profile or an address list."""
    if not (profile or address_list):
        raise click.UsageError("name a --profile, an --address-list, or both")
    _switch(connected, router, users, (Access.ACCESS_LIMITED, profile, address_list), as_json)


@access.command("disable")
@_with_lines
def disable(connected: Connections, router: str, users: tuple[str, ...], as_json: bool) -> None:
    """Keep users from dialling in, and end their sessions."""
    _switch(connected, router, users, (Access.ACCESS_DISABLED, "", ""), as_json)


def _switch(
    connected: Connections,
    router: str,
    users: tuple[str, ...],
    wanted: tuple[Access.ValueType, str, str],
    as_json: bool,
) -> None:
    channels = connected.channels
    router_id = Names(channels).router_id(router)
    to, profile, address_list = wanted
    changes = [AccessChange(username=user, access=to, profile=profile, address_list=address_list) for user in users]
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
        raise click.exceptions.Exit(1)
