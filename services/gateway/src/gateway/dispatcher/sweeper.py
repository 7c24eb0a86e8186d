"""Has lines swept again and again: cut when their time is over, and their owners reminded before."""

import asyncio

import structlog
from servicekit.rpc.errors import ServiceError

from gateway.clients.lines import Lines
from gateway.dispatcher.limits import DispatchLimits
from gateway.waiting import wait_for

log = structlog.get_logger()


class Sweeper:
    """Runs until `stopping` is set. `calm`: see LeaseLoop; while payments come in too fast nothing is swept."""

    def __init__(self, lines: Lines, limits: DispatchLimits, stopping: asyncio.Event, calm: asyncio.Event) -> None:
        self._lines = lines
        self._limits = limits
        self._stopping = stopping
        self._calm = calm

    async def run(self) -> None:
        """Sweep all pages, then wait. A page that fails is tried again with the next sweep, which begins anew."""
        while not self._stopping.is_set():
            try:
                await self._sweep()
            except ServiceError as error:
                log.warning("sweep_failed", reason=error.reason)
            except Exception:  # a loop that ended would leave unpaid lines on without a word
                log.exception("sweep_failed")
            await wait_for(self._stopping, self._limits.sweep_interval)

    async def _sweep(self) -> None:
        token = await self._lines.sweep("")
        while token and not self._stopping.is_set():
            await wait_for(self._stopping, self._limits.sweep_pause)
            if self._calm.is_set():
                token = await self._lines.sweep(token)
