"""`rejesha status`: whether everything runs, and what waits for somebody."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import click
from rejesha.billing.v1.payment_service_pb2 import CountWaitingRequest
from rejesha.billing.v1.task_service_pb2 import GetTaskCountsRequest

from rejesha_cli.channels import Channels, Service
from rejesha_cli.context import Connections, with_connections, with_json
from rejesha_cli.errors import CommandFailed
from rejesha_cli.gateway import Gateway
from rejesha_cli.records import Record, record
from rejesha_cli.spool.commands import STATE_COLUMNS
from rejesha_cli.tables import Column, moment, print_json, show_record, show_table, state

SERVICE_COLUMNS = (
    Column("Service", "service"),
    Column("State", "state", state),
    Column("At", "target"),
    Column("Detail", "detail"),
)
COUNT_COLUMNS = (
    Column("Open tasks: lines to be switched on", "open_access_tasks"),
    Column("Open tasks: messages to be handed to notify", "open_message_tasks"),
    Column("Tasks given up (rejesha payment retry)", "given_up_tasks"),
    Column("Customers paid but not on (rejesha customer list --paid-but-not-on)", "paid_but_not_on"),
    Column("  the longest since", "oldest_line_time", moment),
    Column("Payments held (rejesha payment unmatched)", "unmatched_payments"),
    Column("  the oldest since", "oldest_unmatched_time", moment),
    Column("Callbacks in quarantine (rejesha quarantine list --state open)", "open_callbacks"),
    Column("  the oldest since", "oldest_callback_time", moment),
)


@click.command
@with_json
@with_connections
def status(connected: Connections, as_json: bool) -> None:
    """Show whether every service runs, and what waits. Exit code 1 when something is down or payments wait."""
    channels = connected.channels
    with ThreadPoolExecutor() as threads:  # who is away is waited for beside the others
        asked = threads.submit(_gateway, connected.gateway)
        ours = (channels.billing, channels.router_control, channels.notify)
        services = list(threads.map(partial(_service, channels), ours))
        gateway, spool = asked.result()
    counts = _counts(channels) if services[0]["ok"] else None
    services.append(gateway)
    healthy = counts is not None and all(service["ok"] for service in services)
    if as_json:
        print_json({"healthy": healthy, "services": services, "counts": counts, "spool": spool})
    else:
        show_table("Services", SERVICE_COLUMNS, services)
        if spool and (spool.get("waiting") or spool.get("rejected")):
            show_record("Payments on the gateway's disk (rejesha spool)", STATE_COLUMNS, spool)
        if counts is not None:
            show_record("Waiting", COUNT_COLUMNS, counts)
    if not healthy:
        raise click.exceptions.Exit(1)


def _service(channels: Channels, service: Service) -> Record:
    try:
        found, detail = channels.health(service).state, ""
    except CommandFailed as error:
        found, detail = "unreachable", str(error)
    return _state(service.name, found, service.target, detail, ok=found == "serving")


def _gateway(gateway: Gateway) -> tuple[Record, Record | None]:
    """The gateway's state, and its spool's where it has one."""
    try:
        answer = gateway.health()
    except CommandFailed as error:
        return _state("gateway", "unreachable", gateway.url, str(error), ok=False), None
    found = str(answer.document.get("status") or f"http_{answer.status}")
    spool: Record | None = answer.document.get("spool")
    detail = str(answer.document.get("error") or (spool or {}).get("cause") or "")
    return _state("gateway", found, gateway.url, detail, ok=found == "healthy"), spool


def _state(service: str, found: str, target: str, detail: str, *, ok: bool) -> Record:
    return {"service": service, "state": found, "ok": ok, "target": target, "detail": detail}


def _counts(channels: Channels) -> Record:
    waiting = channels.payments.CountWaiting(CountWaitingRequest(count_lines=True))
    return {**record(channels.tasks.GetTaskCounts(GetTaskCountsRequest())), **record(waiting)}
