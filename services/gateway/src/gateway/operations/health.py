"""Probes: whether this process lives, may get requests, and can do its work."""

import asyncio
from datetime import UTC, datetime

import grpc
from fastapi import APIRouter, Request
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from gateway.callbacks.answers import Body, JsonResponse, timestamp
from gateway.clients.billing import Waiting
from gateway.intake import Intake
from gateway.operations import schemas
from gateway.operations.spool import describe as describe_spool

router = APIRouter(tags=["health"])

_SECONDS = 1.0


@router.get("/livez", response_model=schemas.Alive)
async def livez() -> JsonResponse:
    """The process runs. Asks nobody: a restart would mend nothing that is wrong elsewhere."""
    return JsonResponse({"status": "alive"})


@router.get("/readyz", **schemas.READY)
async def readyz(request: Request) -> JsonResponse:
    """Whether requests should be sent here; 503 while the process starts or stops, or could store no payment."""
    intake: Intake | None = request.app.state.intake
    ready = request.app.state.lifecycle.ready and (intake is None or intake.can_take)
    return JsonResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)


@router.get("/health", **schemas.HEALTH)
async def health(request: Request) -> JsonResponse:
    """Whether billing can store payments (503 if not), the state of each service, and what waits."""
    stubs: dict[str, HealthStub] = request.app.state.clients.health
    intake: Intake | None = request.app.state.intake
    asked = asyncio.gather(*map(_ask, stubs.values()))
    waiting = await intake.counts.get() if intake else None
    body = describe(dict(zip(stubs, await asked, strict=True)), intake, waiting, datetime.now(UTC))
    return JsonResponse(body, 503 if body["status"] == "unhealthy" else 200)


def describe(states: dict[str, str], intake: Intake | None, waiting: Waiting | None, now: datetime) -> Body:
    """The body of GET /health. Without billing payments only wait on our disk; without the others, work only waits."""
    stored = states["billing"] == "serving"
    all_well = all(state == "serving" for state in states.values()) and _nothing_waits(intake, waiting)
    body: Body = {
        "status": "healthy" if all_well else "degraded" if stored else "unhealthy",
        "database": "connected" if stored else "disconnected",
        "service": "rejesha-gateway",
        "services": states,
        "timestamp": timestamp(now),
    }
    if intake:
        body["spool"] = describe_spool(intake.spool, intake.breaker)
        body["waiting"] = waiting and {
            "openCallbacks": waiting.open_callbacks,
            "unmatchedPayments": waiting.unmatched_payments,
        }
    if not stored:
        body["error"] = f"billing is {states['billing'].replace('_', ' ')}"
    return body


def _nothing_waits(intake: Intake | None, waiting: Waiting | None) -> bool:
    """Whether no money may be held without anybody's knowing. An unmatched payment's admins have been told."""
    if intake is None:
        return True
    state = intake.spool.state
    in_spool = state.waiting or state.rejected or intake.breaker.is_open or not intake.spool.can_store
    return not (in_spool or (waiting and waiting.open_callbacks))


async def _ask(stub: HealthStub) -> str:
    try:
        answer = await stub.Check(HealthCheckRequest(), timeout=_SECONDS)
    except grpc.aio.AioRpcError:
        return "unreachable"
    return "serving" if answer.status == HealthCheckResponse.SERVING else "not_serving"
