"""`rejesha line check`: what routers hold against what is wanted of their lines."""

from typing import TYPE_CHECKING

import click
from rejesha.billing.v1 import drift_service_pb2 as pb
from rejesha.router_control.v1 import router_control_service_pb2 as router_pb

from rejesha_cli.context import Connections, with_connections, with_csv, with_json
from rejesha_cli.names import Names
from rejesha_cli.records import Record, record
from rejesha_cli.tables import Column, moment, print_json, remark, show_list, state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rejesha_cli.channels import Channels

_COLUMNS = (
    Column("Router", "router"), Column("Secret", "username"), Column("What", "kind", state),
    Column("Account", "account_name"), Column("Profile", "profile"), Column("Sessions", "sessions"),
    Column("Mended", "mending"),
)  # fmt: skip
_LAST = (
    Column("Router", "router"), Column("Compared", "check_time", moment), Column("Lines", "lines"),
    Column("Differed", "drifts"), Column("Heard of", "report_time", moment), Column("In the way", "fault", state),
)  # fmt: skip
# Reading all of a large and slow router.
_SECONDS = 60
_ACCESS = {
    router_pb.ACCESS_ENABLED: pb.HELD_ACCESS_ENABLED,
    router_pb.ACCESS_DISABLED: pb.HELD_ACCESS_DISABLED,
    router_pb.ACCESS_LIMITED: pb.HELD_ACCESS_ENABLED,  # by which lists goes with it
}
_READ = router_pb.ACCESS_OUTCOME_ALREADY_SO


@click.command("check")
@click.option("--router", default="", metavar="ROUTER", help="Only this one, by id or name; all without it.")
@click.option("--last", is_flag=True, help="Compare nothing: show when each was compared last, and how that went.")
@with_csv
@with_json
@with_connections
def check(connected: Connections, router: str, *, last: bool, as_json: bool, as_csv: bool) -> None:
    """Compare what routers hold with what is wanted of their lines.

    What differs is listed, and noted. Where REJESHA_LINES is `manage`, routers are asked to mend what can be mended.
    Exit code 1 when anything differs, or a router could not be read.
    """
    names = Names(connected.channels)
    known = {
        one.router_id: one for one in connected.channels.drift.ListRouterChecks(pb.ListRouterChecksRequest()).routers
    }
    asked = [names.router_id(router)] if router else list(names.routers)
    if last:
        rows = [{**record(known[one]), "router": names.router_label(one)} for one in asked if one in known]
        show_list("routers", _LAST, (rows, False), as_json=as_json, as_csv=as_csv)
        return
    found: list[Record] = []
    unread: list[Record] = []
    for router_id in asked:
        lists = known[router_id].address_lists if router_id in known else ()
        drifts, fault = _compared(connected.channels, router_id, lists)
        name = names.routers.get(router_id, str(router_id))
        found += [{**one, "router": name} for one in drifts]
        unread += [{**fault, "router": name}] if fault else []
    if as_json:
        print_json({"drifts": found, "unread": unread})
    else:
        show_list("drifts", _COLUMNS, (found, False), as_json=False, as_csv=as_csv)
        for one in unread:
            remark(f"{one['router']} could not be read: {one['outcome']} {one['detail']}")
    if found or unread:
        raise click.exceptions.Exit(1)


def _compared(channels: "Channels", router_id: int, lists: "Sequence[str]") -> tuple[list[Record], Record]:
    """What differs on a router, and why it could not be read to the end; both are told to billing."""
    after, drifts, lines = "", list[Record](), 0
    while True:
        wanted = router_pb.ListSecretsRequest(router_id=router_id, page_token=after, address_lists=lists)
        page = channels.routers.ListSecrets(wanted, timeout=_SECONDS)
        if page.outcome != _READ:
            fault = str(record(page)["outcome"])
            _report(channels, pb.ReportRouterCheckRequest(router_id=router_id, fault=fault))
            return drifts, {"outcome": fault, "detail": page.detail}
        secrets = [_held(one) for one in page.secrets]
        request = pb.CompareSecretsRequest(
            router_id=router_id, secrets=secrets, after=after, until=page.next_page_token
        )
        answer = channels.drift.CompareSecrets(request, timeout=_SECONDS)
        drifts += map(record, answer.drifts)
        lines += answer.lines
        if not (after := page.next_page_token):
            _report(channels, pb.ReportRouterCheckRequest(router_id=router_id, lines=lines, drifts=len(drifts)))
            return drifts, {}


def _report(channels: "Channels", how: pb.ReportRouterCheckRequest) -> None:
    channels.drift.ReportRouterCheck(how, timeout=_SECONDS)


def _held(secret: router_pb.Secret) -> pb.HeldSecret:
    return pb.HeldSecret(
        username=secret.username,
        access=_ACCESS[secret.access],
        profile=secret.profile,
        sessions=secret.sessions,
        service=secret.service,
        address_lists=secret.address_lists,
    )
