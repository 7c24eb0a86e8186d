"""Probes: whether this process lives, may get requests, and can do its work."""

import asyncio
from datetime import UTC, datetime

import grpc
from fastapi import APIRouter, Request
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from gateway import schemas
from gateway.answers import Body, JsonResponse, timestamp
from gateway.intake import Intake
from gateway.spool.spool import Spool
from gateway.spool.status import describe as describe_spool

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
    """Whether billing can store payments (503 if not), the state of each service, and of the spool."""
    stubs: dict[str, HealthStub] = request.app.state.clients.health
    states = dict(zip(stubs, await asyncio.gather(*map(_ask, stubs.values())), strict=True))
    intake: Intake | None = request.app.state.intake
    body = describe(states, intake.spool if intake else None, datetime.now(UTC))
    return JsonResponse(body, 503 if body["status"] == "unhealthy" else 200)


def describe(states: dict[str, str], spool: Spool | None, now: datetime) -> Body:
    """The body of GET /health. Without billing payments only wait on our disk; without the others, work only waits."""
    stored = states["billing"] == "serving"
    all_well = all(state == "serving" for state in states.values()) and _is_well(spool)
    body: Body = {
        "status": "healthy" if all_well else "degraded" if stored else "unhealthy",
        "database": "connected" if stored else "disconnected",
        "service": "lipanet-gateway",
        "services": states,
        "timestamp": timestamp(now),
    }
    if spool:
        body["spool"] = describe_spool(spool)
    if not stored:
        body["error"] = f"billing is {states['billing'].replace('_', ' ')}"
    return body


def _is_well(spool: Spool | None) -> bool:
    return spool is None or (spool.can_store and not spool.state.rejected)


async def _ask(stub: HealthStub) -> str:
    try:
        answer = await stub.Check(HealthCheckRequest(), timeout=_SECONDS)
    except grpc.aio.AioRpcError:
        return "unreachable"
    return "serving" if answer.status == HealthCheckResponse.SERVING else "not_serving"
