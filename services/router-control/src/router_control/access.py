"""The use cases on routers themselves: set access, read access, check that a router lets us in.

Joins the registry with the workers. A router that cannot be reached is an answer, not an error.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from servicekit.errors import InvalidArgument

from router_control.deadline import Deadline
from router_control.failures import LoginRefused, RouterFailure
from router_control.outcome import Outcome, Result, outcome_of
from router_control.reading import AccessReading, Introduction
from router_control.reconciliation import Reconciliation
from router_control.registration import Registration, check_remembers, has_control_characters
from router_control.routeros import CONNECT_SECONDS
from router_control.routers import NoLogin, Registry, RouterNotFound
from router_control.target import Target
from router_control.transport import certificate_shown
from router_control.vault import UnreadablePassword
from router_control.workers import Workers

log = structlog.get_logger()

_MAX_USERS = 1000


class InvalidAccessRequest(InvalidArgument):
    reason = "INVALID_ACCESS_REQUEST"


@dataclass(frozen=True)
class Answer:
    """`results`: one for each user, by name. `router_name`: empty when there is no such router."""

    results: Mapping[str, Result]
    router_name: str = ""


@dataclass(frozen=True)
class Check:
    """What checking a router found; `elapsed` in seconds."""

    outcome: Outcome
    identity: str
    version: str
    elapsed: float
    detail: str = ""


@dataclass(frozen=True)
class Certificate:
    """The fingerprints of what a router shows and of what is remembered of it; "" is none."""

    outcome: Outcome
    shown: str
    remembered: str
    detail: str = ""


class AccessControl:
    """Who is on and who is off, on any router of the registry."""

    def __init__(self, registry: Registry, workers: Workers) -> None:
        self._registry, self._workers = registry, workers

    def set(self, router_id: int, wanted: Mapping[str, bool], deadline: Deadline) -> Answer:
        """Make a router hold for each username of `wanted` whether its line is on. Raises RouterBusy."""
        answer = self._carry_out(router_id, Reconciliation(wanted), tuple(wanted), deadline)
        _tell("access_set", router_id, answer)
        return answer

    def get(self, router_id: int, names: Sequence[str], deadline: Deadline) -> Answer:
        """Read what a router holds for each name. Raises RouterBusy."""
        answer = self._carry_out(router_id, AccessReading(names), names, deadline)
        _tell("access_read", router_id, answer)
        return answer

    def check(self, router_id: int, deadline: Deadline) -> Check:
        """Connect anew, log in, ask who it is. Raises RouterNotFound, RouterBusy."""
        registration = self._registry.get(router_id)
        introduction, begun = Introduction(), time.monotonic()
        outcome, detail = Outcome.ALREADY_SO, ""
        try:
            self._workers.perform(router_id, introduction, self._target(registration), deadline, fresh=True)
        except RouterFailure as failure:
            outcome, detail = outcome_of(failure), str(failure)
        else:
            detail = self._advice(router_id)
        elapsed = time.monotonic() - begun
        log.info("router_checked", router_id=router_id, outcome=outcome.name, detail=detail)
        return Check(outcome, introduction.identity, introduction.version, elapsed, detail)

    def _advice(self, router_id: int) -> str:
        """What to mend of a router that lets us in."""
        router = self._registry.get(router_id)
        if router.tls and not router.verify_certificate and not router.certificate:
            return "TLS without a certificate, which anybody on the way can imitate: give the router's api-ssl one"
        return ""

    def _carry_out(
        self, router_id: int, operation: Reconciliation | AccessReading, names: Sequence[str], deadline: Deadline
    ) -> Answer:
        try:
            registration = self._registry.get(router_id)
            self._workers.perform(router_id, operation, self._target(registration), deadline)
        except RouterNotFound:  # perhaps only when its certificate was to be remembered
            return Answer(dict.fromkeys(names, Result(Outcome.NO_SUCH_ROUTER)))
        except RouterFailure as failure:
            operation.fail(failure)
        return Answer(operation.results, registration.name)

    def certificate(self, router_id: int, deadline: Deadline) -> Certificate:
        """Read what a router shows, without a login. Raises RouterNotFound, CertificateNotRemembered."""
        registration = self._registry.get(router_id)
        check_remembers(registration)
        shown, outcome, detail = "", Outcome.ALREADY_SO, ""
        limit = deadline.within(CONNECT_SECONDS)
        try:
            shown = certificate_shown(registration.address, self._registry.port(registration), limit)
        except RouterFailure as failure:
            outcome, detail = outcome_of(failure), str(failure)
        return Certificate(outcome, shown, registration.certificate, detail)

    def _target(self, registration: Registration) -> Target:
        try:
            return self._registry.target(registration)
        except NoLogin as error:
            raise LoginRefused("the router has no login, and REJESHA_ROUTEROS_USER names no default") from error
        except UnreadablePassword as error:
            raise LoginRefused("no key of REJESHA_ROUTER_CONTROL_KEYS opens the stored password") from error


def check_names(names: Sequence[str]) -> None:
    """Refuse what breaks the contract. Raises InvalidAccessRequest, which shows no username."""
    if not 1 <= len(names) <= _MAX_USERS:
        raise InvalidAccessRequest(f"a request names 1 to {_MAX_USERS} users, this one {len(names)}")
    for position, name in enumerate(names):
        if not 1 <= len(name) <= 100 or has_control_characters(name):
            raise InvalidAccessRequest(
                f"username {position} (from 0) must have 1 to 100 characters, none of them a control character"
            )
    if len(set(names)) < len(names):
        raise InvalidAccessRequest("a request names each user at most once")


def _tell(event: str, router_id: int, answer: Answer) -> None:
    outcomes = [result.outcome.name for result in answer.results.values()]
    details = {result.detail for result in answer.results.values() if result.detail}
    counts = {name.lower(): outcomes.count(name) for name in sorted(set(outcomes))}
    log.info(event, router_id=router_id, outcomes=counts, details=sorted(details)[:3])
