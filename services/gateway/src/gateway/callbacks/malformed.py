"""What cannot become a payment: it is kept in quarantine, and its sender is told why."""

from dataclasses import replace
from datetime import UTC, datetime

import structlog
from starlette.responses import JSONResponse

from gateway.callbacks.errors import MalformedCallback
from gateway.callbacks.raw import RawCallback
from gateway.callbacks.service import CallbackService
from gateway.refusals import refusal, rejected
from gateway.spool.errors import NotSpooled

log = structlog.get_logger()


async def keep(
    service: CallbackService, callback: RawCallback, malformed: MalformedCallback, *, status: int = 400
) -> JSONResponse:
    """The answer, `status` or 413, once the callback is kept or nothing is in it to keep. Raises HTTPException."""
    callback_id = None
    if malformed.worth_keeping:
        try:
            callback_id = await service.holding.keep(replace(callback, fault=malformed.fault[:255]))
        except NotSpooled as error:
            # There may be money in it: the sender must not believe that we have it.
            log.error("callback_not_kept", fault=malformed.fault, cause=error.told)  # noqa: TRY400
            raise refusal(503, "The callback could not be kept; send it again", retry_after=5) from None
    log.warning("callback_malformed", fault=malformed.fault, callback_id=callback_id, source=callback.source_address)
    answer = rejected(malformed.fault, datetime.now(UTC), quarantine_id=callback_id)
    return JSONResponse(answer, 413 if callback.truncated else status)
