"""The bodies that the gateway answers with. Pure: the clock is handed in.

The keys are the predecessor's, with M-Pesa's ResultCode and ResultDesc beside them.
"""

from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import JSONResponse

from gateway.clients.billing import Receipt, Verdict

Body = dict[str, Any]

# Outcomes after which the money is where it belongs; any other payment is held.
_PLACED = {
    "customer_paid",
    "customer_partial",
    "sms_credits",
    "whatsapp_credits",
    "service_payment",
    "predecessor",
}

# Why M-Pesa should refuse a payment, by UnmatchedReason. What is missing here is accepted: money held beats
# money refused. Source of the codes: Daraja C2B, "Validation response".
_REJECTIONS = {
    "unknown_reference": "C2B00012",
    "user_not_found": "C2B00012",
    "isp_not_found": "C2B00012",
    "ambiguous_reference": "C2B00012",
    "unknown_shortcode": "C2B00015",
}
INVALID_AMOUNT = "C2B00013"


class JsonResponse(JSONResponse):
    """A JSON answer; many times faster than the standard library's encoder."""

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def timestamp(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC with milliseconds: 2026-01-31T09:15:00.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def recorded(receipt: Receipt, now: datetime) -> Body:
    """The payment is stored for good; `processingResult` says what became of it."""
    result: Body = {
        "outcome": receipt.outcome,
        "success": receipt.outcome in _PLACED,
        "repeated": receipt.repeated,
    }
    if receipt.reason:
        result["reason"] = receipt.reason
    if receipt.isp_id:
        result["ispId"] = receipt.isp_id
    if receipt.customer_id:
        result["customerId"] = receipt.customer_id
    return {
        "ResultCode": 0,
        "ResultDesc": "Accepted",
        "success": True,
        "processed": True,
        "transactionId": receipt.trans_id,
        "processingResult": result,
        "timestamp": timestamp(now),
    }


def rejected(error: str, now: datetime, *, quarantine_id: int | None = None) -> Body:
    """Nothing was recorded as a payment, and why; `quarantine_id` tells that the body was kept."""
    body: Body = {
        "ResultCode": 1,
        "ResultDesc": "Rejected",
        "success": False,
        "error": error,
        "timestamp": timestamp(now),
    }
    if quarantine_id is not None:
        body["quarantineId"] = quarantine_id
    return body


def verdict(would_become: Verdict) -> Body:
    """What M-Pesa is told before it takes the money."""
    code = _REJECTIONS.get(would_become.reason)
    return refused_by_code(code) if code else accepted_by_code()


def accepted_by_code() -> Body:
    """Go on, take the money."""
    return {"ResultCode": "0", "ResultDesc": "Accepted"}


def refused_by_code(code: str) -> Body:
    """Do not take the money; the code chooses the SMS that M-Pesa sends."""
    return {"ResultCode": code, "ResultDesc": "Rejected"}
