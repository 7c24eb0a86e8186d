"""The use cases on lines: make a router hold what is wanted, and read what it holds.

Joins the registry with the connections. A router that cannot be reached is an answer, not an error.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence

import structlog

from router_control import metrics
from router_control.lines.reading import Reading
from router_control.lines.reconciliation import Reconciliation
from router_control.lines.rules import AccessResults, Wanted
from router_control.routeros.errors import AccessOutcome, RouterFailure
from router_control.routeros.pool import Pool
from router_control.routeros.protocol import TimeLimit
from router_control.routers.errors import RouterNotFound
from router_control.routers.targets import Targets
from router_control.secrets.listing import Listing

log = structlog.get_logger()


class Lines:
    """Who is on and who is off, on any router of the registry."""

    def __init__(self, targets: Targets, pool: Pool) -> None:
        self._targets, self._pool = targets, pool

    def set_access(self, router_id: int, wanted: Mapping[str, Wanted], limit: TimeLimit) -> AccessResults:
        """Make a router hold what is wanted for each username. Raises RouterBusy, Cancelled."""
        return self._carry_out("access_set", router_id, Reconciliation(wanted), limit)

    def get_access(self, router_id: int, names: Sequence[str], limit: TimeLimit) -> AccessResults:
        """Read what a router holds for each name. Raises RouterBusy, Cancelled."""
        return self._carry_out("access_read", router_id, Reading(names), limit)

    def list_secrets(self, router_id: int, listing: Listing, limit: TimeLimit) -> str:
        """Read a page of a router's secrets into `listing`; the router's name. Raises RouterBusy, Cancelled."""
        router_name = self._perform(router_id, listing, limit)
        outcome = listing.outcome.name.lower()
        log.info("secrets_listed", router_id=router_id, outcome=outcome, count=len(listing.secrets))
        return router_name

    def _carry_out(
        self, event: str, router_id: int, operation: Reconciliation | Reading, limit: TimeLimit
    ) -> AccessResults:
        router_name = self._perform(router_id, operation, limit)
        found = operation.results.values()
        outcomes = Counter(result.outcome.name.lower() for result in found)
        for outcome, count in outcomes.items():
            metrics.LINES.labels(event, outcome).inc(count)
        details = sorted({result.detail for result in found if result.detail})
        log.info(event, router_id=router_id, outcomes=dict(outcomes), details=details[:3])
        return AccessResults(operation.results, router_name)

    def _perform(self, router_id: int, operation: Reconciliation | Reading | Listing, limit: TimeLimit) -> str:
        """Carry out what says itself how it went; the router's name, or empty. Raises RouterBusy, Cancelled."""
        router_name, began, failed = "", time.monotonic(), "ok"
        try:
            registration = self._targets.registration(router_id)
            router_name = registration.name
            self._pool.perform(router_id, operation.carry_out, self._targets.of(registration), limit)
        except RouterNotFound:  # perhaps only when its certificate was to be remembered
            router_name = ""
            operation.fail(AccessOutcome.NO_SUCH_ROUTER)
        except RouterFailure as failure:
            failed = failure.outcome.name.lower()
            operation.fail(failure.outcome, str(failure))
        metrics.CALLS.labels(failed).observe(time.monotonic() - began)
        return router_name
