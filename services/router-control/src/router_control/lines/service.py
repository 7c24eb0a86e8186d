"""The use cases on lines: make a router hold what is wanted, and read what it holds.

Joins the registry with the connections. A router that cannot be reached is an answer, not an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from router_control.lines.reading import Reading
from router_control.lines.reconciliation import Reconciliation
from router_control.lines.rules import AccessResult
from router_control.routeros.errors import AccessOutcome, RouterFailure
from router_control.routeros.pool import Pool
from router_control.routeros.protocol import TimeLimit
from router_control.routers.errors import RouterNotFound
from router_control.routers.targets import Targets

log = structlog.get_logger()


@dataclass(frozen=True)
class AccessResults:
    """`by_name`: one for each user. `router_name`: empty when there is no such router."""

    by_name: Mapping[str, AccessResult]
    router_name: str = ""


class Lines:
    """Who is on and who is off, on any router of the registry."""

    def __init__(self, targets: Targets, pool: Pool) -> None:
        self._targets, self._pool = targets, pool

    def set_access(self, router_id: int, wanted: Mapping[str, bool], limit: TimeLimit) -> AccessResults:
        """Make a router hold for each username of `wanted` whether its line is on. Raises RouterBusy, Cancelled."""
        results = self._carry_out(router_id, Reconciliation(wanted), tuple(wanted), limit)
        _log("access_set", router_id, results)
        return results

    def get_access(self, router_id: int, names: Sequence[str], limit: TimeLimit) -> AccessResults:
        """Read what a router holds for each name. Raises RouterBusy, Cancelled."""
        results = self._carry_out(router_id, Reading(names), names, limit)
        _log("access_read", router_id, results)
        return results

    def _carry_out(
        self, router_id: int, operation: Reconciliation | Reading, names: Sequence[str], limit: TimeLimit
    ) -> AccessResults:
        try:
            registration = self._targets.registration(router_id)
            self._pool.perform(router_id, operation, self._targets.of(registration), limit)
        except RouterNotFound:  # perhaps only when its certificate was to be remembered
            return AccessResults(dict.fromkeys(names, AccessResult(AccessOutcome.NO_SUCH_ROUTER)))
        except RouterFailure as failure:
            operation.fail(failure)
        return AccessResults(operation.results, registration.name)


def _log(event: str, router_id: int, results: AccessResults) -> None:
    outcomes = [result.outcome.name for result in results.by_name.values()]
    details = {result.detail for result in results.by_name.values() if result.detail}
    counts = {name.lower(): outcomes.count(name) for name in sorted(set(outcomes))}
    log.info(event, router_id=router_id, outcomes=counts, details=sorted(details)[:3])
