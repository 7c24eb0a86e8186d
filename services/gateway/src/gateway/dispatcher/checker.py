"""Has all routers compared with what is wanted of their lines, again and again: one at a time, and never while payments
come in fast or its lines are being switched.
"""

import asyncio
from collections.abc import Collection, Coroutine

import structlog
from servicekit.rpc.errors import ServiceError

from gateway.clients.drift import Drift
from gateway.dispatcher.limits import DispatchLimits
from gateway.waiting import wait_for

log = structlog.get_logger()


class Checker:
    """Runs until `stopping` is set. `calm`: see LeaseLoop. `busy_routers`: whose lines are being switched now."""

    def __init__(
        self,
        drift: Drift,
        limits: DispatchLimits,
        stopping: asyncio.Event,
        calm: asyncio.Event,
        busy_routers: Collection[int],
    ) -> None:
        self._drift = drift
        self._limits = limits
        self._stopping = stopping
        self._calm = calm
        self._busy_routers = busy_routers

    async def run(self) -> None:
        """Wait, then check all routers. One that fails is checked again in the next turn."""
        while not self._stopping.is_set():
            await wait_for(self._stopping, self._limits.check_interval)
            await self._try(self._check_all())

    async def _try(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ServiceError as error:
            log.warning("check_failed", reason=error.reason)
        except Exception:  # a loop that ended would leave all drift unseen
            log.exception("check_failed")

    async def _check_all(self) -> None:
        for router_id in [] if self._stopping.is_set() else await self._drift.routers():
            await self._try(self._check(router_id))

    async def _check(self, router_id: int) -> None:
        after, drifts = "", 0
        while await self._may_read(router_id):
            page = await self._drift.compare(router_id, after)
            if page.unread:
                log.info("router_not_checked", router_id=router_id, outcome=page.unread)
                return
            drifts += page.drifts
            if not (after := page.next):
                log.info("router_checked", router_id=router_id, drifts=drifts)
                return

    async def _may_read(self, router_id: int) -> bool:
        """Wait for a moment when nothing more urgent would wait for the router; False: there is none any more."""
        await wait_for(self._stopping, self._limits.check_pause)
        while not self._stopping.is_set() and (not self._calm.is_set() or router_id in self._busy_routers):
            await wait_for(self._stopping, self._limits.check_pause)
        return not self._stopping.is_set()
