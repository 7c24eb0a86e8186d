"""`rejesha status`: whether everything runs, and what waits for somebody, by counts alone."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import click
from rejesha.billing.v1.drift_service_pb2 import ListRouterChecksRequest
from rejesha.billing.v1.payment_service_pb2 import CountWaitingRequest
from rejesha.billing.v1.task_service_pb2 import GetTaskCountsRequest
from rejesha.notify.v1.notify_service_pb2 import CountMessagesRequest, MessageState
from rich.text import Text

from rejesha_cli.channels import Channels, Service
from rejesha_cli.context import Connections, with_connections, with_json
from rejesha_cli.errors import CommandFailed
from rejesha_cli.gateway import Gateway
from rejesha_cli.records import Record, record, value_name
from rejesha_cli.spool.commands import STATE_COLUMNS
from rejesha_cli.status import rules
from rejesha_cli.status.rules import Severity
from rejesha_cli.tables import Column, moment, plain, print_json, say, show_record, show_table, state

_WATCH_SECONDS = 2
# How long each may take: a status of whoever does not answer must not take as long as a command that waits for it.
_SECONDS = 10


def _since(value: Any) -> Text:
    """A moment, and how long ago that is."""
    return moment(value) + Text(f" ({rules.age(value, datetime.now(UTC))})") if value else plain(None)


SERVICE_COLUMNS = (
    Column("Service", "service"),
    Column("State", "state", state),
    Column("At", "target"),
    Column("Detail", "detail"),
)
COUNT_COLUMNS = (
    Column("Callbacks on the gateway's disk (rejesha spool)", "spooled"),
    Column("Open tasks: lines to be switched on", "open_access_tasks"),
    Column("  the longest due since", "oldest_access_due_time", _since),
    Column("Open tasks: messages to be handed to notify", "open_message_tasks"),
    Column("  the longest due since", "oldest_message_due_time", _since),
    Column("Tasks given up (rejesha payment retry)", "given_up_tasks"),
    Column("  the oldest since", "oldest_given_up_time", _since),
    Column("Customers paid but not on (rejesha customer list --paid-but-not-on)", "paid_but_not_on"),
    Column("  the longest since", "oldest_line_time", _since),
    Column("Payments held (rejesha payment unmatched)", "unmatched_payments"),
    Column("  the oldest since", "oldest_unmatched_time", _since),
    Column("Callbacks in quarantine (rejesha quarantine list --state open)", "open_callbacks"),
    Column("  the oldest since", "oldest_callback_time", _since),
    Column("SMS that should go now", "queued_messages"),
    Column("  the oldest since", "oldest_queued_time", _since),
    Column("SMS not sent, in a day (rejesha message list --state failed)", "failed_messages"),
    Column("  the oldest since", "oldest_failed_time", _since),
    Column("SMS that may have arrived, in a day (--state unknown)", "unknown_messages"),
    Column("  the oldest since", "oldest_unknown_time", _since),
    Column("SMS whose time ran out, in a day (--state expired)", "expired_messages"),
    Column("  the oldest since", "oldest_expired_time", _since),
    Column("Routers not compared for a day (rejesha line check --last)", "unchecked_routers"),
    Column("  the longest since", "oldest_unchecked_time", _since),
    Column("Customers without a number (rejesha customer list --without-number)", "untellable_customers"),
)
ROUTER_COLUMNS = (
    Column("Id", "router_id"),
    Column("Router", "router_name"),
    Column("Lines", "lines"),
    Column("The longest since", "oldest_line_time", _since),
    Column("Why", "last_error", state),
)
# In the contract's words: what stands in the way of a message, or that it waits.
_MESSAGE_STATES = ("queued", "failed", "unknown", "expired")


@dataclass(frozen=True)
class Found:
    """All that was asked. `counts` and `messages`: None where billing or notify could not be."""

    services: list[Record]
    spool: Record | None
    counts: Record | None
    messages: Record | None

    @property
    def severity(self) -> Severity:
        return rules.judge(self.services, self.spool, self.counts, self.messages, datetime.now(UTC))


@click.command
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@with_json
@with_connections
def status(connected: Connections, *, watch: bool, as_json: bool) -> None:
    """Show whether every service runs, and what waits.

    Exit code 0: all is well; 1: a service is down, or payments or tasks wait for one; 3: something waits for a person.
    """
    while True:
        found = _ask(connected)
        _show(found, clear=watch, as_json=as_json)
        if not watch:
            raise click.exceptions.Exit(found.severity)
        try:
            time.sleep(_WATCH_SECONDS)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(found.severity) from None


def _ask(connected: Connections) -> Found:
    """Everybody at once: who is away is waited for beside the others."""
    channels = connected.channels
    ours = (channels.billing, channels.router_control, channels.notify)
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(_gateway, connected.gateway)
        counted = threads.submit(_or_none, partial(_counts, channels))
        messages = threads.submit(_or_none, partial(_messages, channels))
        services = list(threads.map(partial(_service, channels), ours))
        gateway, spool = asked.result()
        return Found([*services, gateway], spool, counted.result(), messages.result())


def _show(found: Found, *, clear: bool, as_json: bool) -> None:
    if as_json:
        healthy = found.counts is not None and all(service["ok"] for service in found.services)
        print_json({"severity": found.severity.name.lower(), "healthy": healthy, **vars(found)})
        return
    if clear:
        click.clear()
    show_table("Services", SERVICE_COLUMNS, found.services)
    if found.spool and (found.spool.get("waiting") or found.spool.get("rejected")):
        show_record("Payments on the gateway's disk (rejesha spool)", STATE_COLUMNS, found.spool)
    _show_counts(found)
    routers = (found.counts or {}).get("waiting_routers")
    if routers:
        show_table("Routers with customers waiting (rejesha router check ID)", ROUTER_COLUMNS, routers)
    say(_VERDICTS[found.severity])


_VERDICTS = {
    Severity.WELL: "All is well.",
    Severity.ATTENTION: "Everything runs; something waits for a person.",
    Severity.ALARM: "Not well: a service is down, or payments or tasks wait for one.",
}


def _show_counts(found: Found) -> None:
    on_disk = {"spooled": found.spool.get("waiting")} if found.spool else {}
    counts = {**on_disk, **(found.counts or {}), **(found.messages or {})}
    known = [column for column in COUNT_COLUMNS if column.key in counts]
    shown = [column for column in known if not (column.show is _since and counts[column.key] is None)]
    show_record("Waiting", shown, counts)


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


def _or_none(ask: Any) -> Record | None:
    """Why it cannot be asked, its health says."""
    try:
        answer: Record = ask()
    except CommandFailed:
        return None
    return answer


def _counts(channels: Channels) -> Record:
    waiting = channels.payments.CountWaiting(CountWaitingRequest(count_lines=True), timeout=_SECONDS)
    tasks = channels.tasks.GetTaskCounts(GetTaskCountsRequest(), timeout=_SECONDS)
    checks = channels.drift.ListRouterChecks(ListRouterChecksRequest(), timeout=_SECONDS)
    since = [record(one)["unchecked_since"] for one in checks.routers]
    return {**record(tasks), **record(waiting), **rules.unchecked(since, datetime.now(UTC))}


def _messages(channels: Channels) -> Record:
    request = CountMessagesRequest(ended_since=datetime.now(UTC) - rules.MESSAGES_TOLD)
    answer = channels.messages.CountMessages(request, timeout=_SECONDS)
    found = {value_name(MessageState.DESCRIPTOR, one.state): record(one) for one in answer.counts}
    counts: Record = {}
    for state_name in _MESSAGE_STATES:
        one = found.get(state_name, {"count": 0, "oldest_time": None})
        counts |= {f"{state_name}_messages": one["count"], f"oldest_{state_name}_time": one["oldest_time"]}
    return counts
