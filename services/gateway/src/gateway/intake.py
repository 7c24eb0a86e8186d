"""Everything that the routes of the intake work with, made once a process."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.batching import Batcher
from gateway.callbacks.parsing import Payment
from gateway.callbacks.service import Recording
from gateway.callbacks.sources import Sources
from gateway.clients.billing import Billing, Receipt, Verdict
from gateway.operations.alarm import Alarm
from gateway.operations.counts import Counts
from gateway.spool.breaker import Breaker
from gateway.spool.drain import Drain
from gateway.spool.spool import Spool

if TYPE_CHECKING:
    from rejesha.notify.v1.notify_service_pb2_grpc import NotifyServiceAsyncStub


@dataclass(frozen=True)
class Intake:
    """`api_token` opens the operator's routes."""

    sources: Sources
    api_token: str
    billing: Billing
    notify: "NotifyServiceAsyncStub"
    recorder: Batcher[Payment, Receipt]
    validator: Batcher[Payment, Verdict]
    spool: Spool
    breaker: Breaker
    recording: Recording
    drain: Drain
    alarm: Alarm
    counts: Counts

    @property
    def can_take(self) -> bool:
        """Whether the next payment will probably be stored somewhere."""
        return not self.breaker.is_open or self.spool.can_store

    async def close(self) -> None:
        """Wait until every payment taken in is answered, and let the spool go."""
        await self.recorder.drain()
        await self.validator.drain()
        await self.spool.close()
