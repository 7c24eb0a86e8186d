"""Waiting that can be cut short. At the top because spool, dispatcher and operations all wait so."""

import asyncio
import contextlib


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until `event` is set, but not longer than `seconds`."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
