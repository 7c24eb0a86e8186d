"""Tells billing how leased tasks went, as long as the lease lasts."""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog
from servicekit.backoff import Backoff
from servicekit.rpc.errors import ServiceError

from gateway.batching import carry_all
from gateway.clients.tasks import MAX_REPORTS, Report, Tasks
from gateway.dispatcher.limits import DispatchLimits
from gateway.waiting import wait_for

log = structlog.get_logger()


class Reporter:
    """Sends reports in chained calls: what comes while a call is under way goes with the next one.

    Reports that cannot be delivered are dropped: the lease runs out and the tasks are carried out again.
    """

    def __init__(self, tasks: Tasks, limits: DispatchLimits, stopping: asyncio.Event) -> None:
        self._tasks = tasks
        self._stopping = stopping
        self._backoff = Backoff(limits.first_pause, limits.max_pause)
        self._waiting: deque[Report] = deque()
        self._sender: asyncio.Task[None] | None = None

    def add(self, reports: Sequence[Report]) -> None:
        """Let them go with the next call. Does not wait."""
        self._waiting.extend(reports)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())

    async def drain(self) -> None:
        """Wait until all reports are delivered or dropped."""
        if self._sender:
            await self._sender

    async def _send(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MAX_REPORTS, len(self._waiting)))]
            last_try = self._stopping.is_set()
            try:
                results = await carry_all(batch, self._complete)
            except ServiceError as error:
                await self._keep(batch, error, last_try=last_try)
            except Exception:
                log.exception("reports_broken", count=len(batch))
            else:
                self._backoff.succeeded()
                for report, refusal in zip(batch, results, strict=True):
                    if refusal:
                        _refused(report, refusal)

    async def _keep(self, batch: Sequence[Report], error: ServiceError, *, last_try: bool) -> None:
        """Hold on to reports whose leases last longer than the pause, and drop the others."""
        pause = self._backoff.failed()
        kept = [] if last_try else [report for report in batch if report.task.lease_left > pause]
        if dropped := len(batch) - len(kept):
            log.warning("reports_dropped", count=dropped, reason=error.reason)
        self._waiting.extendleft(reversed(kept))
        if kept:
            await wait_for(self._stopping, pause)

    async def _complete(self, reports: Sequence[Report]) -> Sequence[None]:
        stale = await self._tasks.complete(reports)
        if stale:
            # Someone else has leased them since; what they report counts.
            log.info("reports_stale", task_ids=stale)
        return [None] * len(reports)


def _refused(report: Report, error: ServiceError) -> None:
    log.error("report_refused", task_id=report.task.task_id, reason=error.reason, detail=str(error))
