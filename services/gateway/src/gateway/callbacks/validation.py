"""Tells M-Pesa whether to take a payment. In doubt it should: money held beats money refused."""

from typing import Any

import structlog
from servicekit.rpc.errors import ServiceError
from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway.batching import Batcher
from gateway.callbacks.errors import MalformedCallback
from gateway.callbacks.parsing import Payment, parse_callback
from gateway.callbacks.routes import admit, measured, receive
from gateway.clients.validation import ValidationVerdict

log = structlog.get_logger()

PATHS = ("/c2b/validation",)

# Why M-Pesa should refuse a payment, by UnmatchedReason. Source of the codes: Daraja C2B, "Validation response".
_REJECTIONS = {
    "unknown_reference": "C2B00012",
    "user_not_found": "C2B00012",
    "isp_not_found": "C2B00012",
    "ambiguous_reference": "C2B00012",
    "account_closed": "C2B00012",
    "unknown_shortcode": "C2B00015",
}
_INVALID_AMOUNT = "C2B00013"


@measured("validation")
async def validate(request: Request) -> JSONResponse:
    """Says whether M-Pesa should take a payment. In doubt yes: money held beats money refused."""
    callback = await receive(request, admit(request))
    validations: Batcher[Payment, ValidationVerdict] = request.app.state.validations
    try:
        verdict = await validations.submit(parse_callback(callback.body, callback.source_address))
    except MalformedCallback as malformed:
        log.warning("validation_malformed", fault=malformed.fault, source=callback.source_address)
        return JSONResponse(_answer(_INVALID_AMOUNT if malformed.field == "TransAmount" else None))
    except (ServiceError, TimeoutError) as error:
        log.warning("validation_unanswered", cause=getattr(error, "reason", "TIMED_OUT"))
        return JSONResponse(_answer(None))
    return JSONResponse(_answer(_REJECTIONS.get(verdict.reason)))


def _answer(code: str | None) -> dict[str, Any]:
    """Go on, take the money; or do not, and the code chooses the SMS that M-Pesa sends."""
    return {"ResultCode": code or "0", "ResultDesc": "Rejected" if code else "Accepted"}
