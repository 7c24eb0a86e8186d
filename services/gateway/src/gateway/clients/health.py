"""Asks the other services how they are."""

import asyncio

from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from servicekit.rpc.errors import ServiceError

_SECONDS = 1.0


async def states(stubs: dict[str, HealthStub]) -> dict[str, str]:
    """Of each service, by its name: serving, not_serving or unreachable."""
    return dict(zip(stubs, await asyncio.gather(*map(_ask, stubs.values())), strict=True))


async def _ask(stub: HealthStub) -> str:
    try:
        answer = await stub.Check(HealthCheckRequest(), timeout=_SECONDS)
    except ServiceError:
        return "unreachable"
    return "serving" if answer.status == HealthCheckResponse.SERVING else "not_serving"
