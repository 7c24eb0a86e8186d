"""Use cases that call a router without touching its lines: does it let us in, and which certificate does it show?

A module of its own beside `service`, which never talks to a router. A router that cannot be reached is an answer, not
an error.
"""

import time
from dataclasses import dataclass

import structlog

from router_control.routeros import identity
from router_control.routeros.connection import CONNECT_SECONDS, Connection, connect
from router_control.routeros.errors import AccessOutcome, RouterFailure
from router_control.routeros.pool import Pool
from router_control.routeros.protocol import TimeLimit, readable
from router_control.routers.rules import check_remembers
from router_control.routers.targets import Targets

log = structlog.get_logger()


@dataclass(frozen=True)
class RouterCheck:
    """What checking a router found; `elapsed` in seconds."""

    outcome: AccessOutcome
    identity: str
    version: str
    elapsed: float
    detail: str = ""


@dataclass(frozen=True)
class CertificateCheck:
    """The fingerprints of what a router shows and of what is remembered of it; "" is none."""

    outcome: AccessOutcome
    shown: str
    remembered: str
    detail: str = ""


class Reachability:
    """Whether routers answer, and how they show themselves."""

    def __init__(self, targets: Targets, pool: Pool) -> None:
        self._targets, self._pool = targets, pool

    def check(self, router_id: int, limit: TimeLimit) -> RouterCheck:
        """Connect anew, log in, ask who it is. Raises RouterNotFound, RouterBusy, Cancelled."""
        registration = self._targets.registration(router_id)
        introduction, begun = Introduction(), time.monotonic()
        outcome, detail = AccessOutcome.ALREADY_SO, ""
        try:
            self._pool.perform(router_id, introduction.carry_out, self._targets.of(registration), limit, fresh=True)
        except RouterFailure as failure:
            outcome, detail = failure.outcome, str(failure)
        else:
            detail = self._advice(router_id)
        elapsed = time.monotonic() - begun
        log.info("router_checked", router_id=router_id, outcome=outcome.name, detail=detail)
        return RouterCheck(outcome, introduction.identity, introduction.version, elapsed, detail)

    def certificate(self, router_id: int, limit: TimeLimit) -> CertificateCheck:
        """Read what a router shows, without a login. Raises RouterNotFound, CertificateNotRemembered."""
        registration = self._targets.registration(router_id)
        check_remembers(registration)
        shown, outcome, detail = "", AccessOutcome.ALREADY_SO, ""
        port = self._targets.port_of(registration)
        try:
            shown = _certificate_shown(registration.address, port, limit.within(CONNECT_SECONDS))
        except RouterFailure as failure:
            outcome, detail = failure.outcome, str(failure)
        return CertificateCheck(outcome, shown, registration.certificate, detail)

    def _advice(self, router_id: int) -> str:
        """What to mend of a router that lets us in."""
        router = self._targets.registration(router_id)
        if router.tls and not router.verify_certificate and not router.certificate:
            return "TLS without a certificate, which anybody on the way can imitate: give the router's api-ssl one"
        return ""


def _certificate_shown(host: str, port: int, limit: TimeLimit) -> str:
    """The fingerprint of what shows itself there; empty for TLS without a certificate. Raises Unreachable, TimedOut."""
    with identity.wrap(connect(host, port, limit), host, limit) as sock:
        return identity.fingerprint(sock)


class Introduction:
    """A router's own name and version."""

    def __init__(self) -> None:
        self.identity = self.version = ""

    def carry_out(self, connection: Connection, limit: TimeLimit) -> None:
        """Raises RouterFailure."""
        for row in connection.command("/system/identity/print", limit=limit):
            self.identity = readable(row.get("name", ""))
        for row in connection.command("/system/resource/print", "=.proplist=version", limit=limit):
            self.version = readable(row.get("version", ""))
