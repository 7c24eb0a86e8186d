"""What a payment is answered. Pure: the clock is handed in.

The keys are the predecessor's, with M-Pesa's ResultCode and ResultDesc beside them.
"""

from datetime import UTC, datetime
from typing import Any

from gateway.clients.billing import Receipt

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


def recorded(receipt: Receipt, now: datetime) -> Body:
    """The payment is stored for good; `processingResult` says what became of it."""
    result = {"outcome": receipt.outcome, "success": receipt.outcome in _PLACED, "repeated": receipt.repeated}
    where = {"reason": receipt.reason, "ispId": receipt.isp_id, "customerId": receipt.customer_id}
    return {
        "ResultCode": 0,
        "ResultDesc": "Accepted",
        "success": True,
        "processed": True,
        "transactionId": receipt.trans_id,
        "processingResult": result | {key: value for key, value in where.items() if value},
        "timestamp": timestamp(now),
    }


def timestamp(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC with milliseconds: 2026-01-31T09:15:00.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
