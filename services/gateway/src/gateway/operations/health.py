"""Probes: whether this process lives, may get requests, and can do its work; what waits, and why."""

import asyncio
import time
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from servicekit.rpc.errors import ServiceError

from gateway.callbacks.rules import Body, timestamp
from gateway.callbacks.service import CallbackService
from gateway.clients import health as client
from gateway.clients.operations import Operations, Waiting
from gateway.operations import schemas
from gateway.spool.rules import why_waiting

router = APIRouter(tags=["health"])

_COUNT_SECONDS = 1.0
_FRESH_FOR = 5.0


class WaitingCounts:
    """What waits for a person, as billing counts it; asked seldom, so that a probe each second costs it nothing."""

    def __init__(self, billing: Operations) -> None:
        self._billing = billing
        self._known: Waiting | None = None
        self._until = 0.0

    async def get(self) -> Waiting | None:
        """What waits, as of the last seconds; None while billing is away."""
        if time.monotonic() >= self._until:
            # Whoever asks meanwhile is told what was known.
            self._until = time.monotonic() + _FRESH_FOR
            try:
                self._known = await self._billing.count_waiting(_COUNT_SECONDS)
            except ServiceError:
                self._known = None
        return self._known


@router.get("/livez", response_model=schemas.Alive)
async def livez() -> JSONResponse:
    """The process runs. Asks nobody: a restart would mend nothing that is wrong elsewhere."""
    return JSONResponse({"status": "alive"})


@router.get("/readyz", **schemas.READY)
async def readyz(request: Request) -> JSONResponse:
    """Whether requests should be sent here; 503 while the process starts or stops, or could store no payment."""
    service: CallbackService | None = request.app.state.callbacks
    ready = request.app.state.lifecycle.ready and (service is None or service.can_take)
    return JSONResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)


@router.get("/health", **schemas.HEALTH)
async def health(request: Request) -> JSONResponse:
    """Whether billing can store payments (503 if not), the state of each service, and what waits."""
    service: CallbackService | None = request.app.state.callbacks
    counts: WaitingCounts | None = request.app.state.counts
    asked = asyncio.ensure_future(client.states(request.app.state.clients.health))
    waiting = await counts.get() if counts else None
    body = describe(await asked, service, waiting, datetime.now(UTC))
    return JSONResponse(body, 503 if body["status"] == "unhealthy" else 200)


def describe(states: dict[str, str], service: CallbackService | None, waiting: Waiting | None, now: datetime) -> Body:
    """The body of GET /health. Without billing payments only wait on our disk; without the others, work only waits."""
    stored = states["billing"] == "serving"
    all_well = all(state == "serving" for state in states.values()) and _nothing_waits(service, waiting)
    body: Body = {
        "status": "healthy" if all_well else "degraded" if stored else "unhealthy",
        "database": "connected" if stored else "disconnected",
        "service": "rejesha-gateway",
        "services": states,
        "timestamp": timestamp(now),
    }
    if service:
        body["spool"] = describe_spool(service)
        body["waiting"] = waiting and {
            "openCallbacks": waiting.open_callbacks,
            "unmatchedPayments": waiting.unmatched_payments,
        }
    if not stored:
        body["error"] = f"billing is {states['billing'].replace('_', ' ')}"
    return body


def describe_spool(service: CallbackService) -> Body:
    """The spool's state, as GET /health and GET /spool show it."""
    state = service.spool.state
    trouble = why_waiting(state, service.breaker.cause)
    return {
        "state": state.name,
        "waiting": state.waiting,
        "deferred": state.deferred,
        "bytes": state.size,
        "oldest": timestamp(state.oldest) if state.oldest else None,
        "rejected": state.rejected,
        "cause": trouble.cause if trouble else None,
    }


def _nothing_waits(service: CallbackService | None, waiting: Waiting | None) -> bool:
    """Whether no money may be held without anybody's knowing. An unmatched payment's admins have been told."""
    if service is None:
        return True
    state = service.spool.state
    in_spool = state.waiting or state.rejected or service.breaker.is_open or not service.spool.can_store
    return not (in_spool or (waiting and waiting.open_callbacks))
