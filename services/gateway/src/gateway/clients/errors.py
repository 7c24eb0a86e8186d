"""Waits for answers; gRPC's own errors stop here."""

from collections.abc import Awaitable
from typing import TypeVar

import grpc
from servicekit.rpc.errors import of_call

Response = TypeVar("Response")


async def answer(call: Awaitable[Response], service: str) -> Response:
    """What `service` answers. Raises ServiceError."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise of_call(error, service) from None
