"""Keeps callbacks in billing's quarantine, and gets them back. Protobuf stops here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rejesha.billing.v1 import quarantine_service_pb2 as pb

from gateway.callbacks.raw import MAX_BODY_BYTES, RawCallback
from gateway.clients.billing import name_of

if TYPE_CHECKING:
    from rejesha.billing.v1.quarantine_service_pb2_grpc import QuarantineServiceAsyncStub

# The reason when the quarantine has no room; billing itself is well.
QUARANTINE_FULL = "QUARANTINE_FULL"

# How long an operator's question may take, in seconds.
_QUESTION = 5.0


@dataclass(frozen=True, slots=True)
class QuarantinedCallback:
    """A callback in quarantine. `state`: open, replayed or dismissed."""

    callback_body: bytes
    source_address: str
    state: str
    trans_id: str


class Quarantine:
    """`deadline`: of `keep`, in seconds. Every method raises ServiceError."""

    def __init__(self, stub: "QuarantineServiceAsyncStub", *, deadline: float) -> None:
        self._stub = stub
        self._deadline = deadline

    async def keep(self, callbacks: Sequence[RawCallback]) -> list[int]:
        """Keep bodies that cannot become payments, at most 50; their ids. Durable when this returns, however often."""
        request = pb.QuarantineCallbacksRequest(callbacks=[_quarantined(callback) for callback in callbacks])
        # Waiting for the connection lets a restart of billing pass.
        call = self._stub.QuarantineCallbacks(request, timeout=self._deadline, wait_for_ready=True)
        return list((await call).callback_ids)

    async def get(self, callback_id: int) -> QuarantinedCallback:
        """A callback in quarantine."""
        request = pb.GetQuarantinedCallbackRequest(callback_id=callback_id)
        found = (await self._stub.GetQuarantinedCallback(request, timeout=_QUESTION)).callback
        state = name_of(pb.QuarantineState, "QUARANTINE_STATE_", found.state)
        return QuarantinedCallback(found.callback_body, found.source_address, state, found.trans_id)

    async def resolve(self, callback_id: int, trans_id: str, note: str) -> None:
        """Close a quarantined callback: it became the payment `trans_id`."""
        request = pb.ResolveQuarantinedCallbackRequest(callback_id=callback_id, trans_id=trans_id, note=note[:255])
        await self._stub.ResolveQuarantinedCallback(request, timeout=_QUESTION)


def _quarantined(callback: RawCallback) -> pb.QuarantinedCallback:
    return pb.QuarantinedCallback(
        callback_body=callback.body[:MAX_BODY_BYTES],
        truncated=callback.truncated,
        fault=callback.fault[:255],
        source_address=callback.source_address,
        idempotency_key=callback.key,
    )
