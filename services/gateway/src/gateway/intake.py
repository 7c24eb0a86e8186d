"""Everything that the routes of the intake work with, made once a process."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.batcher import Batcher
from gateway.billing import Billing, Receipt, Verdict
from gateway.parsing import Payment
from gateway.sources import Sources

if TYPE_CHECKING:
    from lipanet.notify.v1.notify_service_pb2_grpc import NotifyServiceAsyncStub


@dataclass(frozen=True)
class Intake:
    """`api_token` opens the operator's routes."""

    sources: Sources
    api_token: str
    billing: Billing
    notify: "NotifyServiceAsyncStub"
    recorder: Batcher[Payment, Receipt]
    validator: Batcher[Payment, Verdict]

    async def drain(self) -> None:
        """Wait until every payment taken in is answered."""
        await self.recorder.drain()
        await self.validator.drain()
