"""Probes: whether this process lives, may get requests, and can do its work."""

import asyncio
from datetime import UTC, datetime

import grpc
from fastapi import APIRouter, Request
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from gateway import schemas
from gateway.answers import Body, JsonResponse, timestamp

router = APIRouter(tags=["health"])

_SECONDS = 1.0


@router.get("/livez", response_model=schemas.Alive)
async def livez() -> JsonResponse:
    """The process runs. Asks nobody: a restart would mend nothing that is wrong elsewhere."""
    return JsonResponse({"status": "alive"})


@router.get("/readyz", **schemas.READY)
async def readyz(request: Request) -> JsonResponse:
    """Whether requests should be sent here; 503 while the process starts or stops."""
    ready = request.app.state.lifecycle.ready
    return JsonResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)


@router.get("/health", **schemas.HEALTH)
async def health(request: Request) -> JsonResponse:
    """Whether payments can be stored (503 if not), and the state of each service."""
    stubs: dict[str, HealthStub] = request.app.state.clients.health
    states = dict(zip(stubs, await asyncio.gather(*map(_ask, stubs.values())), strict=True))
    body = describe(states, datetime.now(UTC))
    return JsonResponse(body, 503 if body["status"] == "unhealthy" else 200)


def describe(states: dict[str, str], now: datetime) -> Body:
    """The body of GET /health. Without billing nothing can be stored; without the others, work only waits."""
    stored = states["billing"] == "serving"
    all_serve = all(state == "serving" for state in states.values())
    body: Body = {
        "status": "healthy" if all_serve else "degraded" if stored else "unhealthy",
        "database": "connected" if stored else "disconnected",
        "service": "lipanet-gateway",
        "services": states,
        "timestamp": timestamp(now),
    }
    if not stored:
        body["error"] = f"billing is {states['billing'].replace('_', ' ')}"
    return body


async def _ask(stub: HealthStub) -> str:
    try:
        answer = await stub.Check(HealthCheckRequest(), timeout=_SECONDS)
    except grpc.aio.AioRpcError:
        return "unreachable"
    return "serving" if answer.status == HealthCheckResponse.SERVING else "not_serving"
