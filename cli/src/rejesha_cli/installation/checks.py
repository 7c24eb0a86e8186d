"""What `rejesha doctor` tries: what each service that is here says of itself, and how the running ones answer."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from cryptography import x509
from rejesha.router_control.v1.router_control_service_pb2 import (
    AccessOutcome,
    CheckRouterRequest,
    ListRoutersRequest,
    Router,
)
from servicekit.rpc.certificates import AUTHORITY, CHAIN

from rejesha_cli.channels import Service
from rejesha_cli.context import Connections
from rejesha_cli.errors import CommandFailed
from rejesha_cli.installation.programs import ALL, Ended, Program
from servicekit import clocks

_WELL = {"ok": True, "bad": False, "none": None}
_FEW_DAYS = 30
_SPOOL_FAULTS = {"full", "failing"}
# How long one router is tried, how many are at once, and after how long no other one is begun.
_ROUTER_SECONDS, _ROUTERS_AT_ONCE, _ROUTERS_SECONDS = 10.0, 32, 30.0

Run = Callable[..., Ended]


@dataclass(frozen=True)
class Checked:
    """One thing that was tried. `of`: whose it is; `well`: None where there is nothing to test; `text`: for people.

    `warns`: it is well now, and somebody must act before long.
    """

    of: str
    name: str
    well: bool | None
    text: str = ""
    warns: bool = False


def examine(connected: Connections, run: Run) -> list[Checked]:
    """Everything, side by side."""
    channels = connected.channels
    services = (channels.billing, channels.router_control, channels.notify)
    with ThreadPoolExecutor() as threads:
        own = threads.map(lambda each: list(of_program(each, run)), ALL)
        running = threads.map(lambda each: list(of_service(connected, each)), services)
        gateway = threads.submit(lambda: list(of_gateway(connected)))
        routers = threads.submit(lambda: list(of_routers(connected)))
        certificates = list(of_certificates(connected.settings.tls_directory, datetime.now(UTC)))
        return [one for found in (*own, *running, gateway.result(), routers.result(), certificates) for one in found]


def summed_up(found: Sequence[Checked]) -> Iterator[Checked]:
    """The same in fewer lines: what is well and needs no words, of one service side by side."""

    def silent(one: Checked) -> tuple[str, bool]:
        return one.of, one.well is True and not one.text

    for (of, together), checks in groupby(found, silent):
        if together:
            yield Checked(of, ", ".join(one.name for one in checks), well=True)
        else:
            yield from checks


def of_program(program: Program, run: Run) -> Iterator[Checked]:
    """What `python -m <service> doctor` says: a line for each check."""
    if not program.is_installed:
        yield Checked(program.name, "installation", None, program.where_to_run)
        return
    ended = run(program, "doctor")
    lines = [line.partition("\t") for line in ended.answer.splitlines()]
    found = [(_WELL[word], text.partition(": ")) for word, tab, text in lines if tab and word in _WELL]
    yield from (Checked(program.name, name, well, text) for well, (name, _, text) in found)
    if not ended.is_well and all(well is not False for well, _ in found):
        # It came not so far as to test anything.
        faults = [line.removeprefix("rejesha: ") for line in ended.remarks.splitlines()] or [f"exit code {ended.code}"]
        yield from (Checked(program.name, "settings", False, fault) for fault in faults)


def of_certificates(directory: str, now: datetime) -> Iterator[Checked]:
    """When the command's own certificate ends, and those that stand in folders beside its own."""
    own = Path(directory)
    for path in sorted({own / CHAIN, own / AUTHORITY, *own.parent.glob(f"*/{CHAIN}")} if directory else ()):
        name = f"{path.parent.name}/{path.name}"
        try:
            found = x509.load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError):
            yield Checked("certificates", name, False, "cannot be read")
            continue
        yield _of_end(name, min(one.not_valid_after_utc for one in found), now)


def _of_end(name: str, end: datetime, now: datetime) -> Checked:
    advice = "`rejesha certificate issue`, or in containers `make up`, makes a new one"
    if end <= now:
        return Checked("certificates", name, False, f"ended on {end:%Y-%m-%d}: {advice}")
    if (days := (end - now).days) < _FEW_DAYS:
        return Checked("certificates", name, True, f"ends in {days} days: {advice}", warns=True)
    return Checked("certificates", name, True)


def of_service(connected: Connections, service: Service) -> Iterator[Checked]:
    """Whether a running gRPC service can be reached, is healthy, and has our time."""
    asked = time.time()
    try:
        health = connected.channels.health(service)
    except CommandFailed as error:
        yield Checked(service.name, "reachable", False, str(error))
        return
    serving = health.state == "serving"
    advice = "" if serving else f": its log says why, and so does `python -m {service.name.replace('-', '_')} doctor`"
    yield Checked(service.name, "health", serving, f"{health.state.replace('_', ' ')} at {service.target}{advice}")
    if health.time:
        yield of_clock(service.name, health.time, (asked + time.time()) / 2)


def of_routers(connected: Connections) -> Iterator[Checked]:
    """Whether router-control can log in at the routers: how many let it, and a line for each of the others."""
    try:
        routers = connected.channels.routers.ListRouters(ListRoutersRequest()).routers
    except CommandFailed:
        return  # what is wrong with router-control is said where that is asked
    end = time.monotonic() + _ROUTERS_SECONDS
    with ThreadPoolExecutor(_ROUTERS_AT_ONCE) as threads:
        found = list(threads.map(lambda each: _of_router(connected, each, end), routers))
    let_in = sum(one.well is True for one in found)
    yield Checked("routers", "reachable", True if let_in else None, f"{let_in} of {len(found)} let us in")
    yield from (one for one in found if one.text)


def _of_router(connected: Connections, router: Router, end: float) -> Checked:
    name = f"{router.router_id} {router.name}"
    if (left := end - time.monotonic()) <= 0:
        return Checked(
            "routers", name, None, f"not tried, as others took too long: `rejesha router check {router.router_id}`"
        )
    request = CheckRouterRequest(router_id=router.router_id)
    try:
        answer = connected.channels.routers.CheckRouter(request, timeout=min(_ROUTER_SECONDS, left + 1))
    except CommandFailed as error:  # somebody else is busy with it, for one
        return Checked("routers", name, None, str(error))
    lets_in = answer.outcome == AccessOutcome.ACCESS_OUTCOME_ALREADY_SO
    return Checked("routers", name, lets_in, answer.detail, warns=lets_in and bool(answer.detail))


def of_gateway(connected: Connections) -> Iterator[Checked]:
    """Whether the gateway answers, is healthy, has our time, and can hold callbacks on its disk."""
    asked = time.time()
    try:
        answer = connected.gateway.health()
    except CommandFailed as error:
        yield Checked("gateway", "reachable", False, str(error))
        return
    document = answer.document
    state = str(document.get("status") or f"HTTP {answer.status}")
    why = f": {document['error']}" if document.get("error") else ""
    yield Checked("gateway", "health", state == "healthy", f"{state} at {connected.gateway.url}{why}")
    if isinstance(document.get("timestamp"), str):
        yield of_clock("gateway", document["timestamp"], (asked + time.time()) / 2)
    if isinstance(document.get("spool"), dict):
        yield _of_spool(document["spool"])


def _of_spool(spool: dict[str, Any]) -> Checked:
    state, waiting, rejected = spool.get("state"), spool.get("waiting") or 0, spool.get("rejected") or 0
    if state in _SPOOL_FAULTS:
        return Checked("gateway", "spool", False, f"{state}: make room on the disk of REJESHA_GATEWAY_SPOOL")
    if waiting or rejected:
        text = f"{waiting} callbacks wait, {rejected} were taken by nobody: `rejesha spool` says why"
        return Checked("gateway", "spool", False, text)
    return Checked("gateway", "spool", True, "no callback waits")


def of_clock(whose: str, moment: str, ours: float) -> Checked:
    """Whether a process' time, as ISO 8601, agrees with this machine's at the same moment."""
    try:
        ahead = datetime.fromisoformat(moment).timestamp() - ours
    except ValueError:
        return Checked(whose, "clock", None, f"{moment!r} is no time")
    fault = clocks.fault(ahead)
    return Checked(whose, "clock", not fault, fault)
