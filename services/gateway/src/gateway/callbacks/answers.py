"""The bodies that M-Pesa is answered with. Pure: the clock is handed in.

The keys are the predecessor's, with M-Pesa's ResultCode and ResultDesc beside them.
"""

from datetime import datetime

from gateway.clients.billing import Receipt, ValidationVerdict
from gateway.responses import Body, timestamp

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


def validated(verdict: ValidationVerdict) -> Body:
    """What M-Pesa is told before it takes the money."""
    code = _REJECTIONS.get(verdict.reason)
    return refused_by_code(code) if code else accepted_by_code()


def accepted_by_code() -> Body:
    """Go on, take the money."""
    return {"ResultCode": "0", "ResultDesc": "Accepted"}


def refused_by_code(code: str) -> Body:
    """Do not take the money; the code chooses the SMS that M-Pesa sends."""
    return {"ResultCode": code, "ResultDesc": "Rejected"}
