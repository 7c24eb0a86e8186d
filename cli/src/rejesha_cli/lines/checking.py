"""`rejesha line check`: what routers hold against what is wanted of their lines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from rejesha.billing.v1 import drift_service_pb2 as pb
from rejesha.router_control.v1 import router_control_service_pb2 as router_pb

from rejesha_cli.context import Connections, with_connections, with_csv, with_json
from rejesha_cli.names import Names
from rejesha_cli.records import Record, record
from rejesha_cli.tables import Column, print_json, remark, show_list, state

if TYPE_CHECKING:
    from rejesha_cli.channels import Channels

_COLUMNS = (
    Column("Router", "router"), Column("Secret", "username"), Column("What", "kind", state),
    Column("Account", "account_name"), Column("Profile", "profile"), Column("Sessions", "sessions"),
    Column("Mended", "mending"),
)  # fmt: skip
# Reading all of a large and slow router.
_SECONDS = 60
_ACCESS = {
    router_pb.ACCESS_ENABLED: pb.HELD_ACCESS_ENABLED,
    router_pb.ACCESS_DISABLED: pb.HELD_ACCESS_DISABLED,
    router_pb.ACCESS_LIMITED: pb.HELD_ACCESS_LIMITED,
}
_READ = router_pb.ACCESS_OUTCOME_ALREADY_SO


@click.command("check")
@click.option("--router", default="", metavar="ROUTER", help="Only this one, by id or name; all without it.")
@with_csv
@with_json
@with_connections
def check(connected: Connections, router: str, *, as_json: bool, as_csv: bool) -> None:
    """Compare what routers hold with what is wanted of their lines.

    What differs is listed, and noted. Where REJESHA_LINES is `manage`, routers are asked to mend what can be mended.
    Exit code 1 when anything differs, or a router could not be read.
    """
    names = Names(connected.channels)
    asked = [names.router_id(router)] if router else list(names.routers)
    found: list[Record] = []
    unread: list[Record] = []
    for router_id in asked:
        for one in _compared(connected.channels, router_id):
            one["router"] = names.routers.get(router_id, str(router_id))
            (found if "kind" in one else unread).append(one)
    if as_json:
        print_json({"drifts": found, "unread": unread})
    else:
        show_list("drifts", _COLUMNS, (found, False), as_json=False, as_csv=as_csv)
        for one in unread:
            remark(f"{one['router']} could not be read: {one['outcome']} {one['detail']}")
    if found or unread:
        raise click.exceptions.Exit(1)


def _compared(channels: "Channels", router_id: int) -> Iterator[Record]:
    """What differs on a router; ends with why it could not be read, if that was so."""
    after = ""
    while True:
        wanted = router_pb.ListSecretsRequest(router_id=router_id, page_token=after)
        page = channels.routers.ListSecrets(wanted, timeout=_SECONDS)
        if page.outcome != _READ:
            outcome = record(page)["outcome"]
            yield {"outcome": outcome, "detail": page.detail}
            return
        secrets = [_held(one) for one in page.secrets]
        request = pb.CompareSecretsRequest(
            router_id=router_id, secrets=secrets, after=after, until=page.next_page_token
        )
        yield from map(record, channels.drift.CompareSecrets(request, timeout=_SECONDS).drifts)
        if not (after := page.next_page_token):
            return


def _held(secret: router_pb.Secret) -> pb.HeldSecret:
    return pb.HeldSecret(
        username=secret.username,
        access=_ACCESS[secret.access],
        profile=secret.profile,
        sessions=secret.sessions,
        service=secret.service,
    )
