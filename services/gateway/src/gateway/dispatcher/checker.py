"""Has routers compared with what is wanted of their lines, whenever one is due: one at a time, and never while payments
come in fast or its lines are being switched.
"""

import asyncio
from collections.abc import Callable, Collection

import structlog
from servicekit.rpc.errors import ServiceError

from gateway.clients.drift import Claimed, Compared, Drift
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
        busy_routers: Callable[[], Collection[int]],
    ) -> None:
        self._drift = drift
        self._limits = limits
        self._stopping = stopping
        self._calm = calm
        self._busy_routers = busy_routers

    async def run(self) -> None:
        """Ask again and again for routers that are due, and compare them. One that fails is due again in a while."""
        while not self._stopping.is_set():
            await wait_for(self._stopping, self._limits.check_poll)
            while not self._stopping.is_set() and await self._check_next():
                pass

    async def _check_next(self) -> bool:
        """Compare a router; False when none is due."""
        try:
            if router := await self._drift.claim(self._limits.check_interval):
                await self._check(router)
        except ServiceError as error:
            log.warning("check_failed", reason=error.reason)
            return False
        except Exception:  # a loop that ended would leave all drift unseen
            log.exception("check_failed")
            return False
        return router is not None

    async def _check(self, router: Claimed) -> None:
        whole = Compared()
        while await self._may_read(router.router_id):
            page = await self._drift.compare(router, whole.next)
            whole = Compared(whole.drifts + page.drifts, page.next, page.fault, whole.lines + page.lines)
            if whole.fault or not whole.next:
                log.info("router_checked", router_id=router.router_id, drifts=whole.drifts, fault=whole.fault)
                await self._drift.report(router.router_id, whole)
                return

    async def _may_read(self, router_id: int) -> bool:
        """Wait for a moment when nothing more urgent would wait for the router; False: there is none any more."""
        await wait_for(self._stopping, self._limits.check_pause)
        while not self._stopping.is_set() and (not self._calm.is_set() or router_id in self._busy_routers()):
            await wait_for(self._stopping, self._limits.check_pause)
        return not self._stopping.is_set()
